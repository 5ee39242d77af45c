#include "ctl/commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "ctl/ask.h"
#include "ctl/reference.h"
#include "ctl/show.h"
#include "ctl/text.h"

enum { PATH_MAX_BYTES = 512 };

enum outcome command_eid(struct context *ctl)
{
    return ask_and_show(ctl, "GET", "/v1/eid", NULL, SHAPE_EID, show_eid);
}

enum outcome command_profiles(struct context *ctl)
{
    return ask_and_show(ctl, "GET", "/v1/profiles", NULL, SHAPE_PROFILES, show_profiles);
}

enum outcome command_info(struct context *ctl)
{
    return ask_and_show(ctl, "GET", "/v1/info", NULL, SHAPE_INFO, show_info);
}

enum outcome command_plan(struct context *ctl)
{
    char path[PATH_MAX_BYTES];
    char *ref = NULL;
    enum outcome outcome = reference_resolve(ctl, ctl->options->argument, &ref);

    if (outcome == OUTCOME_OK) {
        (void)snprintf(path, sizeof path, "/v1/profiles/%s/plan", ref);
        outcome = ask_and_show(ctl, "GET", path, NULL, SHAPE_PLAN, show_plan);
    }
    free(ref);
    return outcome;
}

/* "90m": so long ago. */
static bool is_ago(const char *text, int64_t *ret_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
    char *end = NULL;
    long n = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : -1;

    if (n < 0 || n > 1000000 || strlen(end) != 1)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (*end == units[i].unit) {
            *ret_ms = n * units[i].ms;
            return true;
        }
    return false;
}

static bool since_of(const char *text, char ret[CLOCK_TEXT_LEN + 1])
{
    int64_t ms;
    struct error e;

    if (is_ago(text, &ms)) {
        clock_to_text(clock_utc_ms() - ms, ret);
        return true;
    }
    e = clock_from_text(text, &ms);
    if (!e.code)
        clock_to_text(ms, ret);
    return !e.code;
}

enum outcome command_connectivity(struct context *ctl)
{
    char since[CLOCK_TEXT_LEN + 1];
    char path[PATH_MAX_BYTES] = "/v1/connectivity";
    enum shape shape = ctl->options->since ? SHAPE_SAMPLES : SHAPE_CONNECTIVITY;

    if (ctl->options->since) {
        if (!since_of(ctl->options->since, since)) {
            ask_complain("--since: a time like 2026-11-26T08:00:00Z, or 90m, 6h, 2d expected");
            return OUTCOME_USAGE;
        }
        (void)snprintf(path, sizeof path, "/v1/connectivity?since=%s", since);
    }
    return ask_and_show(ctl, "GET", path, NULL, shape, show_connectivity);
}
