#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/operation/intent.h"
#include "agent/operation/lock.h"
#include "agent/operation/store.h"
#include "tests/fuzz/fuzz.h"

/* What is taken is written again, and read again it is the same; what is not taken leaves all as it
 * was. */

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

static void check_store(const char *text)
{
    const struct store_now now = { .same_boot = true };
    struct operation op, back, before;
    char *once, *twice;

    memset(&op, 0x5A, sizeof op);
    memcpy(&before, &op, sizeof before);
    if (store_from_text(text, &now, &op).code) {
        assert(memcmp(&op, &before, sizeof op) == 0);
        return;
    }
    assert(op.phase_count <= OPERATION_PHASES_MAX && op.state != OPERATION_NONE);
    once = store_to_text(&op);
    assert(once && !store_from_text(once, &now, &back).code);
    twice = store_to_text(&back);
    assert(twice && strcmp(once, twice) == 0);
    free(once);
    free(twice);
    check_after_reboot(text);
}

static void check_intent(const char *text)
{
    struct intent intent, back, before;
    char *once, *twice;

    memset(&intent, 0x5A, sizeof intent);
    memcpy(&before, &intent, sizeof before);
    if (intent_from_text(text, &intent).code) {
        assert(memcmp(&intent, &before, sizeof intent) == 0);
        return;
    }
    once = intent_to_text(&intent);
    assert(once && !intent_from_text(once, &back).code);
    twice = intent_to_text(&back);
    assert(twice && strcmp(once, twice) == 0);
    free(once);
    free(twice);
}

static void check_lock(const char *text)
{
    struct operation_lock lock, before;
    char *once;

    memset(&lock, 0x5A, sizeof lock);
    memcpy(&before, &lock, sizeof before);
    if (lock_from_text(text, &lock).code) {
        assert(memcmp(&lock, &before, sizeof lock) == 0);
        return;
    }
    once = lock_to_text(&lock);
    assert(once && !lock_from_text(once, &before).code);
    assert(strcmp(lock.holder, before.holder) == 0 && lock.ends_ms == before.ends_ms);
    free(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    assert(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_store(text);
    check_intent(text);
    check_lock(text);
    free(text);
    return 0;
}
