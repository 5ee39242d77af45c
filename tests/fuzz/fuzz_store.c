#include "agent/operation/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* What does not hold after a reboot is moved, to where no clock can lead it astray. */
static void check_after_reboot(const char *text)
{
    static const struct store_now clocks[] = { { false, true, 5000, INT64_C(1795464089120) },
                                               { false, false, 5000, 0 },
                                               { false, true, 0, INT64_C(253402300799999) } };

    for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
        struct operation op;

        assert(!store_from_text(text, &clocks[i], &op).code);
        if (operation_has_ended(&op))
            continue;
        assert(op.expires_ms >= clocks[i].now_ms);
        assert(clocks[i].clock_is_set || op.expires_ms == clocks[i].now_ms);
    }
}

/* What was read writes again, and reads as the same. */
static void check_round(const struct operation *op, const struct store_now *now)
{
    struct operation back;
    char *text = store_to_text(op);
    char *again;

    assert(text && !store_from_text(text, now, &back).code);
    again = store_to_text(&back);
    assert(again && strcmp(text, again) == 0);
    assert(op->phase_count <= OPERATION_PHASES_MAX && op->state != OPERATION_NONE);
    assert(id_is_ulid(op->id, strlen(op->id)));
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct store_now now = { .same_boot = true, .clock_is_set = true };
    char *text = malloc(size + 1);
    struct operation op, before;
    struct error e;

    assert(text);
    memcpy(text, data, size);
    text[size] = '\0';
    memset(&before, 0x5A, sizeof before);
    memcpy(&op, &before, sizeof op);
    e = store_from_text(text, &now, &op);
    assert(e.code == ERROR_NONE || e.code == ERROR_INTERNAL);
    if (e.code) {
        assert(memcmp(&op, &before, sizeof op) == 0);
    } else {
        check_round(&op, &now);
        check_after_reboot(text);
    }
    free(text);
    return 0;
}
