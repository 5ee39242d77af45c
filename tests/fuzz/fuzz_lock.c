#include "agent/operation/lock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* What is taken is written again, and read again it is the same; what is not taken leaves all as it
 * was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct operation_lock lock, back;
    char *again;

    assert(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    memset(&lock, 0x5A, sizeof lock);
    memcpy(&back, &lock, sizeof back);
    if (lock_from_text(text, &lock).code) {
        assert(memcmp(&lock, &back, sizeof lock) == 0);
    } else {
        again = lock_to_text(&lock);
        assert(again && !lock_from_text(again, &back).code);
        assert(strcmp(lock.holder, back.holder) == 0 && strcmp(lock.reason, back.reason) == 0);
        assert(lock.ends_ms == back.ends_ms && lock.until_utc_ms == back.until_utc_ms);
        free(again);
    }
    free(text);
    return 0;
}
