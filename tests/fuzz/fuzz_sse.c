#include "ctl/sse.h"

#include <assert.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* What was told, as one number: the order of all its bytes counts. */
static void sum_up(const struct sse_event *event, void *ctx)
{
    uint64_t *sum = ctx;
    const char *texts[] = { event->name, event->id, event->data };

    assert(event->name[0] && strlen(event->name) <= SSE_NAME_MAX);
    assert(strlen(event->id) <= SSE_ID_MAX);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (const char *at = texts[i];; at++) {
            *sum = *sum * UINT64_C(1099511628211) + (unsigned char)*at + 1;
            if (!*at)
                break;
        }
}

static uint64_t feed(const uint8_t *data, size_t size, size_t step)
{
    struct sse sse;
    uint64_t sum = 0;

    sse_init(&sse, sum_up, &sum);
    for (size_t at = 0; at < size; at += step) {
        bool taken = sse_take(&sse, (const char *)data + at, size - at < step ? size - at : step);

        assert(taken == !sse.broken);
    }
    assert(strlen(sse.last_id) <= SSE_ID_MAX && sse.retry_ms >= -1);
    sum = sum * 31 + sse.broken;
    sse_done(&sse);
    return sum;
}

/* However the bytes come, the same is told. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t sum = feed(data, size, size ? size : 1);

    assert(feed(data, size, 1) == sum);
    assert(feed(data, size, 3) == sum);
    return 0;
}
