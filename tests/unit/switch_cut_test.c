#include "agent/switch/switch.h"

#include "tests/unit/switch_row.h"

/* Over a restart in the worst moment: the agent is cut off at any call of the modem or the card, with
 * and without a reboot. It ends as it would have, and nothing reaches the card twice. */

static void cut_off_anywhere(void **state)
{
    static const struct {
        const char *what;
        struct script script;
        enum operation_state ends;
        enum error_code code;
        const char *now, *sent;
    } cases[] = {
        // clang-format off
        { "goes well", { .changes = { GOES_WELL } }, OPERATION_SUCCEEDED, 0, B, "E" },
        { "no answer", { .jobs = { UNCLEAR_TAKEN }, .changes = { GOES_WELL } }, OPERATION_SUCCEEDED, 0, B, "E" },
        { "programs and an APN", { .hooks = true, .apn = true, .changes = { GOES_WELL } }, OPERATION_SUCCEEDED, 0, B, "E" },
        { "back", { .changes = { NO_SERVICE, BACK_WELL } }, OPERATION_FAILED, ERROR_NOT_REGISTERED, A, "EA" },
        { "back, and only the card tells", { .uncached = true, .changes = { NO_SERVICE, BACK_WELL } }, OPERATION_FAILED, ERROR_NOT_REGISTERED, A, "EA" },
        { "back, locked", { .changes = { AT(ENABLE, 100, STARTS), AT(ENABLE, 2000, LOCKED), BACK_WELL } }, OPERATION_FAILED, ERROR_SIM_LOCKED, A, "EA" },
        { "to the fallback", { .has_c = true, .mark = 'C', .changes = { NO_SERVICE, BACK_IN_VAIN, FALLBACK_WELL } }, OPERATION_FAILED, ERROR_NOT_REGISTERED, C, "EAF" },
    }; // clang-format on
    static struct world_end end;
    static struct script script;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned calls;

        world_run(&cases[i].script, &end);
        calls = world_seen.calls;
        print_message("%s: %u calls\n", cases[i].what, calls);
        for (unsigned n = 1; n <= calls; n += 1 + calls / 100) {
            script = cases[i].script;
            script.cut = script.again = true;
            script.reboot = n % 2;
            script.down_ms = 1000;
            script.cut_call = n;
            world_run(&script, &end);
            if (end.op.state != cases[i].ends || end.op.problem.error.code != cases[i].code ||
                strcmp(end.op.now.text, cases[i].now) != 0 || world_count('E') != 1 ||
                world_count('A') != (strchr(cases[i].sent, 'A') != NULL) ||
                world_count('F') != (strchr(cases[i].sent, 'F') != NULL))
                fail_msg("call %u: %s %s, now %s, %s", n, operation_state_name(end.op.state),
                         error_code_name(end.op.problem.error.code), end.op.now.text,
                         world_seen.trace);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cut_off_anywhere) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
