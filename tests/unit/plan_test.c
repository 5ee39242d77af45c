#include "agent/operation/plan.h"
#include "tests/test.h"

/* What becomes of an enable in each situation, as the JSON that the doors show. */

#define A "89882110000001234568" /* in use */
#define B "8949001312170061988"
#define C "89860A09091830300220" /* the fallback */
#define AID "A0000005591010FFFFFFFF8900001100"
#define ID "01JD0000000000000000000000"

/* Every test's card. */
enum { ROW_A = 0, ROW_B, ROW_C, ROW_NAMELESS };

static struct profile_list list;

static void add_profile(const char *iccid)
{
    struct profile *row = &list.rows[list.count++];

    if (iccid) {
        row->has_iccid = true;
        assert_ok(iccid_from_text(iccid, strlen(iccid), &row->iccid));
        return;
    }
    row->has_aid = true;
    assert_ok(aid_from_text(AID, strlen(AID), &row->aid));
}

/* `fallback`: the row that carries it, -1: none; `enabled` likewise. */
static void make_list(int enabled, int fallback)
{
    list = (struct profile_list){ 0 };
    add_profile(A);
    add_profile(B);
    add_profile(C);
    add_profile(NULL);
    for (int i = 0; i < (int)list.count; i++) {
        list.rows[i].enabled = i == enabled;
        list.rows[i].fallback = i == fallback ? FALLBACK_YES : FALLBACK_NO;
    }
}

static const struct operation_lock held = { .holder = "field team",
                                            .reason = "antenna work",
                                            .until_utc_ms = INT64_C(1795464089120) };
static const struct operation running = { .id = ID, .state = OPERATION_RUNNING };
static const struct error full = { ERROR_STORAGE_FULL, ERROR_IN_STORAGE, 13, "", "disk is full" };
static const struct error locked_sim = { ERROR_SIM_LOCKED, ERROR_IN_MODEM, 11, "", "PIN" };
static const struct history tried = { 3,     1,     true,         INT64_C(1795464089120),
                                      30500, 41000, ERROR_NO_DATA };
static const struct history only_failed = { .count = 1, .failed = 1, .last_error = ERROR_NO_DATA };

#define NEVER_TRIED ",\"history\":{\"count\":0,\"failed\":0}}"
#define REST(to)                                                                                   \
    ",\"rollback\":{\"enabled\":true,\"to\":[" to                                                  \
    "]},\"verify\":\"auto\",\"at_most_s\":900" NEVER_TRIED
#define HEAD_B "{\"iccid\":\"" B "\",\"changes\":true,\"from\":\"" A "\",\"would\":"
#define LOCKED                                                                                     \
    "{\"code\":\"locked\",\"detail\":\"field team holds the lock on switching: antenna "           \
    "work\",\"holder\":\"field team\",\"until\":"                                                  \
    "\"2026-11-23T20:01:29.120Z\",\"forcible\":true}"
#define IN_PROGRESS                                                                                \
    "{\"code\":\"switch-in-progress\",\"detail\":\"another switch has not ended yet\","            \
    "\"operation\":\"" ID "\"}"
#define COOLDOWN                                                                                   \
    "{\"code\":\"cooldown\",\"detail\":\"too many switches\",\"retry_after_s\":42,"                \
    "\"forcible\":true}"
#define FULL "{\"code\":\"storage-full\",\"detail\":\"disk is full\"}"

/* `facts` without list, target, verify, roll-back and budget: those are the table's. */
static const struct {
    const char *what;
    int target, enabled, fallback;
    bool stays; /* switch.rollback is false */
    struct plan_facts facts;
    const char *json;
} rows[] = {
    // clang-format off
    { "nothing in the way", ROW_B, ROW_A, ROW_C, .json = HEAD_B "\"accepted\",\"obstacles\":[]" REST("\"" A "\",\"" C "\"") },
    { "a label", ROW_B, ROW_A, -1, .facts = { .label = "home" }, .json = "{\"iccid\":\"" B "\",\"label\":\"home\",\"changes\":true,\"from\":\"" A "\",\"would\":\"accepted\",\"obstacles\":[]" REST("\"" A "\"") },
    { "to the fallback", ROW_C, ROW_A, ROW_C, .json = "{\"iccid\":\"" C "\",\"changes\":true,\"from\":\"" A "\",\"would\":\"accepted\",\"obstacles\":[]" REST("\"" A "\"") },
    { "from the fallback", ROW_B, ROW_A, ROW_A, .json = HEAD_B "\"accepted\",\"obstacles\":[]" REST("\"" A "\"") },
    { "from nothing", ROW_B, -1, ROW_C, .json = "{\"iccid\":\"" B "\",\"changes\":true,\"would\":\"accepted\",\"obstacles\":[]" REST("\"" C "\"") },
    { "from nothing, no fallback", ROW_B, -1, -1, .json = "{\"iccid\":\"" B "\",\"changes\":true,\"would\":\"accepted\",\"obstacles\":[]" REST("") },
    { "from one without ICCID", ROW_B, ROW_NAMELESS, -1, .json = "{\"iccid\":\"" B "\",\"changes\":true,\"from\":\"" AID "\",\"would\":\"accepted\",\"obstacles\":[]" REST("\"" AID "\"") },
    { "to one without ICCID", ROW_NAMELESS, ROW_A, -1, .json = "{\"aid\":\"" AID "\",\"changes\":true,\"from\":\"" A "\",\"would\":\"accepted\",\"obstacles\":[]" REST("\"" A "\"") },
    { "no roll-back", ROW_B, ROW_A, ROW_C, .stays = true, .json = HEAD_B "\"accepted\",\"obstacles\":[],\"rollback\":{\"enabled\":false,\"to\":[]},\"verify\":\"auto\",\"at_most_s\":900" NEVER_TRIED },
    { "in use", ROW_A, ROW_A, ROW_C, .json = "{\"iccid\":\"" A "\",\"changes\":false,\"from\":\"" A "\",\"would\":\"done\",\"obstacles\":[]" NEVER_TRIED },
    { "in use, whatever is in the way", ROW_A, ROW_A, ROW_C, .facts = { .lock = &held, .cooldown_ms = 1, .disk = { ERROR_STORAGE_FULL, .message = "x" }, .modem_absent = true }, .json = "{\"iccid\":\"" A "\",\"changes\":false,\"from\":\"" A "\",\"would\":\"done\",\"obstacles\":[]" NEVER_TRIED },
    { "in use, but for how long", ROW_A, ROW_A, -1, .facts = { .active = &running }, .json = "{\"iccid\":\"" A "\",\"changes\":true,\"from\":\"" A "\",\"would\":\"refused\",\"obstacles\":[" IN_PROGRESS "]" REST("") },
    { "locked", ROW_B, ROW_A, -1, .facts = { .lock = &held }, .json = HEAD_B "\"refused\",\"obstacles\":[" LOCKED "]" REST("\"" A "\"") },
    { "one waits or runs", ROW_B, ROW_A, -1, .facts = { .switching = true, .active = &running }, .json = HEAD_B "\"refused\",\"obstacles\":[" IN_PROGRESS "]" REST("\"" A "\"") },
    { "the agent helps itself", ROW_A, ROW_A, -1, .facts = { .switching = true }, .json = "{\"iccid\":\"" A "\",\"changes\":true,\"from\":\"" A "\",\"would\":\"accepted\",\"obstacles\":[]" REST("") },
    { "limits", ROW_B, ROW_A, -1, .facts = { .cooldown_ms = 41001 }, .json = HEAD_B "\"refused\",\"obstacles\":[" COOLDOWN "]" REST("\"" A "\"") },
    { "the disk", ROW_B, ROW_A, -1, .facts = { .disk = { ERROR_STORAGE_FULL, .message = "disk is full" } }, .json = HEAD_B "\"refused\",\"obstacles\":[" FULL "]" REST("\"" A "\"") },
    { "no modem", ROW_B, ROW_A, -1, .facts = { .modem_absent = true }, .json = HEAD_B "\"accepted\",\"obstacles\":[{\"code\":\"modem-absent\",\"detail\":\"the modem is not set up yet\",\"waits\":true}]" REST("\"" A "\"") },
}; // clang-format on

static void check(const struct plan_facts *facts, const char *expected)
{
    struct plan plan;
    cJSON *json;
    char *text;

    plan_make(facts, &plan);
    json = plan_to_json(&plan);
    text = cJSON_PrintUnformatted(json);
    print_message("%s\n", text);
    assert_string_equal(text, expected);
    cJSON_free(text);
    cJSON_Delete(json);
}

static struct plan_facts complete(struct plan_facts facts, int target)
{
    facts.list = &list;
    facts.target = &list.rows[target];
    facts.verify = "auto";
    facts.budget_ms = 899001;
    return facts;
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct plan_facts facts = complete(rows[i].facts, rows[i].target);

        print_message("%s: ", rows[i].what);
        make_list(rows[i].enabled, rows[i].fallback);
        facts.rolls_back = !rows[i].stays;
        check(&facts, rows[i].json);
    }
}

/* In the door's order; what the modem lacks is behind it and alone refuses nothing. */
static void all_at_once(void **state)
{
    struct plan_facts facts = complete((struct plan_facts){ 0 }, ROW_B);

    (void)state;
    make_list(ROW_A, -1);
    facts.rolls_back = true;
    facts.trouble = locked_sim;
    check(&facts, HEAD_B "\"accepted\",\"obstacles\":[{\"code\":\"sim-locked\",\"detail\":\"PIN\","
                         "\"at\":\"+CME ERROR: 11\"}]" REST("\"" A "\""));
    facts.active = &running;
    facts.lock = &held;
    facts.cooldown_ms = 42000;
    facts.disk = full;
    check(&facts, HEAD_B "\"refused\",\"obstacles\":[" LOCKED "," IN_PROGRESS "," COOLDOWN "," FULL
                         ",{\"code\":\"sim-locked\",\"detail\":\"PIN\",\"at\":\"+CME ERROR: "
                         "11\"}]" REST("\"" A "\""));
}

static void experience(void **state)
{
    struct plan_facts facts = complete((struct plan_facts){ 0 }, ROW_A);

    (void)state;
    make_list(ROW_A, -1);
    facts.history = tried;
    check(&facts, "{\"iccid\":\"" A "\",\"changes\":false,\"from\":\"" A
                  "\",\"would\":\"done\",\"obstacles\":[],\"history\":{\"count\":3,\"failed\":1,"
                  "\"median_ms\":30500,\"p95_ms\":41000,\"proven_at\":\"2026-11-23T20:01:29.120Z\","
                  "\"last_error\":\"no-data\"}}");
    facts.history = only_failed;
    check(&facts, "{\"iccid\":\"" A "\",\"changes\":false,\"from\":\"" A
                  "\",\"would\":\"done\",\"obstacles\":[],\"history\":{\"count\":1,\"failed\":1,"
                  "\"last_error\":\"no-data\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(experience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
