#include "agent/operation/intent.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static void check_profile(const struct intent_profile *profile)
{
    size_t digits = strlen(profile->iccid.text);

    assert(!profile->has_iccid || (digits >= ICCID_TEXT_MIN && digits <= ICCID_TEXT_MAX));
    assert(!profile->has_aid || (profile->aid.len >= AID_MIN && profile->aid.len <= AID_MAX));
}

/* What was read writes again, and reads as the same. */
static void check_round(const struct intent *intent)
{
    struct intent back;
    char *text = intent_to_text(intent);
    char *again;

    assert(text && !intent_from_text(text, &back).code);
    again = intent_to_text(&back);
    assert(again && strcmp(text, again) == 0);
    for (size_t i = 0; i < LEGS; i++)
        check_profile(&intent->profiles[i]);
    assert(intent->leg < LEGS);
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct intent intent, before;
    struct error e;

    assert(text);
    memcpy(text, data, size);
    text[size] = '\0';
    memset(&before, 0x5A, sizeof before);
    memcpy(&intent, &before, sizeof intent);
    e = intent_from_text(text, &intent);
    assert(e.code == ERROR_NONE || e.code == ERROR_INTERNAL);
    if (e.code)
        assert(memcmp(&intent, &before, sizeof intent) == 0);
    else
        check_round(&intent);
    free(text);
    return 0;
}
