#include "agent/operation/lock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "tests/fuzz/fuzz.h"

/* What a door takes can be kept; what it does not take leaves all as it was. */
static void fuzz_request(const uint8_t *data, size_t size)
{
    struct operation_lock_request request, before;
    cJSON *json = NULL;

    if (json_parse((const char *)data, size, &json).code)
        return;
    memset(&request, 0x5A, sizeof request);
    memcpy(&before, &request, sizeof before);
    if (lock_request_from_json(json, &request).code)
        assert(memcmp(&request, &before, sizeof request) == 0);
    else
        assert(lock_is_holder(request.holder) && request.ttl_s >= 1 &&
               request.ttl_s <= LOCK_TTL_MAX_S && strlen(request.reason) <= OPERATION_REASON_MAX);
    cJSON_Delete(json);
}

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
    fuzz_request(data, size);
    return 0;
}
