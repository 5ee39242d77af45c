#include "mqtt/intake.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"

static enum intake_fault feed(bool mqtt_5, const uint8_t *data, size_t size, size_t step)
{
    struct intake in;
    enum intake_fault fault;

    intake_init(&in, mqtt_5);
    for (size_t at = 0; at < size; at += step) {
        bool taken = intake_take(&in, data + at, size - at < step ? size - at : step);

        assert(taken == !in.fault);
        assert(in.fault || !in.has_length ||
               (in.len < in.length && in.head_len + in.length <= INTAKE_PACKET_MAX));
    }
    fault = in.fault;
    intake_done(&in);
    return fault;
}

/* However the bytes come, they are judged alike. The first one says which version it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum intake_fault fault;
    bool mqtt_5;

    if (size == 0)
        return 0;
    mqtt_5 = data[0] & 1;
    fault = feed(mqtt_5, data + 1, size - 1, size);
    assert(feed(mqtt_5, data + 1, size - 1, 1) == fault);
    assert(feed(mqtt_5, data + 1, size - 1, 3) == fault);
    assert(!fault == !intake_fault_text(fault));
    return 0;
}
