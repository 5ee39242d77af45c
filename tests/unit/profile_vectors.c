#include "tests/unit/profile_vectors.h"

#include "tests/test.h"
#include "tests/unit/vectors.h"

static const char *text_or_empty(const cJSON *row, const char *name)
{
    const char *text = vectors_text(row, name);

    return text ? text : "";
}

static void check_row(const cJSON *expected, const struct profile *profile)
{
    const cJSON *fallback = cJSON_GetObjectItemCaseSensitive(expected, "fallback");
    const cJSON *class = cJSON_GetObjectItemCaseSensitive(expected, "class");
    char aid[AID_TEXT_MAX + 1];

    assert_true(profile->has_aid && profile->has_iccid);
    aid_to_text(&profile->aid, aid);
    assert_string_equal(aid, vectors_text(expected, "aid"));
    assert_string_equal(profile->iccid.text, vectors_text(expected, "iccid"));
    assert_int_equal(profile->enabled,
                     cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(expected, "enabled")));
    assert_int_equal(profile->fallback, !cJSON_IsBool(fallback)  ? FALLBACK_UNKNOWN
                                        : cJSON_IsTrue(fallback) ? FALLBACK_YES
                                                                 : FALLBACK_NO);
    assert_string_equal(profile->nickname, text_or_empty(expected, "nickname"));
    assert_string_equal(profile->provider, text_or_empty(expected, "provider"));
    assert_string_equal(profile->name, text_or_empty(expected, "name"));
    assert_int_equal(profile->class, class ? class->valueint : -1);
}

void profile_vectors_check(const cJSON *row, const struct profile_list *list)
{
    const cJSON *profiles = cJSON_GetObjectItemCaseSensitive(row, "profiles");

    assert_int_equal(list->count, cJSON_GetArraySize(profiles));
    for (size_t i = 0; i < list->count; i++)
        check_row(cJSON_GetArrayItem(profiles, (int)i), &list->rows[i]);
}
