#include "ctl/reference.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/aid.h"
#include "agent/base/iccid.h"
#include "ctl/ask.h"
#include "ctl/field.h"

static bool is_iccid(const char *text)
{
    struct iccid iccid;
    struct error e = iccid_from_text(text, strlen(text), &iccid);

    return !e.code;
}

bool reference_is_exact(const char *text)
{
    struct aid aid;
    struct error e = aid_from_text(text, strlen(text), &aid);

    return is_iccid(text) || (!e.code && aid.len == AID_MAX);
}

static bool is_called(const cJSON *row, const char *text,
                      int (*compare)(const char *, const char *))
{
    const char *label = field_text(row, "label");
    const char *nickname = field_text(row, "nickname");

    return (label && compare(label, text) == 0) || (nickname && compare(nickname, text) == 0);
}

static const cJSON *find_by(const cJSON *profiles, const char *text,
                            int (*compare)(const char *, const char *), int *ret_count)
{
    const cJSON *found = NULL;
    const cJSON *row;

    *ret_count = 0;
    cJSON_ArrayForEach (row, profiles) {
        if (!is_called(row, text, compare))
            continue;
        found = row;
        (*ret_count)++;
    }
    return *ret_count == 1 ? found : NULL;
}

const cJSON *reference_find(const cJSON *profiles, const char *text, int *ret_count)
{
    const cJSON *found = find_by(profiles, text, strcmp, ret_count);

    return *ret_count > 0 ? found : find_by(profiles, text, strcasecmp, ret_count);
}

static enum outcome take_row(const cJSON *row, int count, const char *text, char **ret)
{
    const char *name = row ? field_text(row, "iccid") : NULL;

    if (row && !name)
        name = field_text(row, "aid");
    if (count > 1)
        ask_complain("%d profiles are called '%s': take the ICCID ('lpmctl profiles')", count,
                     text);
    else if (!name)
        ask_complain("no profile is called '%s', and it is no ICCID or AID ('lpmctl profiles')",
                     text);
    if (!name)
        return OUTCOME_USAGE;
    *ret = strdup(name);
    return *ret ? OUTCOME_OK : OUTCOME_LOCAL;
}

enum outcome reference_resolve(struct context *ctl, const char *text, char **ret)
{
    const struct client_call call = {
        .method = "GET",
        .path = "/v1/profiles",
        .deadline_ms = ctl->deadline_ms,
    };
    struct client_answer answer;
    cJSON *document = NULL;
    enum outcome outcome;

    if (reference_is_exact(text)) {
        *ret = strdup(text);
        return *ret ? OUTCOME_OK : OUTCOME_LOCAL;
    }
    outcome = ask(ctl, &call, SHAPE_PROFILES, &answer, &document);
    if (outcome == OUTCOME_OK) {
        int count;
        const cJSON *row = reference_find(field_find(document, "profiles"), text, &count);

        outcome = take_row(row, count, text, ret);
    }
    cJSON_Delete(document);
    client_done(&answer);
    return outcome;
}
