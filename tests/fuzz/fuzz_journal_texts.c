#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/operation/intent.h"
#include "agent/operation/lock.h"
#include "agent/operation/store.h"
#include "tests/fuzz/fuzz.h"

/* What is taken is written again, and read again it is the same; what is not taken leaves all as it
 * was. */

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
    /* Another boot's moments do not overflow. */
    assert(!store_from_text(text, &(struct store_now){ .clock_is_set = true }, &back).code);
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
