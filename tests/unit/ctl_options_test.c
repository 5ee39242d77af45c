#include "ctl/options.h"
#include "tests/test.h"

enum { WORDS_MAX = 8 };

/* One command line a row; `why` is a part of the complaint, NULL: it is right. */
static const struct {
    const char *words[WORDS_MAX];
    const char *why;
} rows[] = {
    // clang-format off
    { { "eid" }, NULL },
    { { "eid", "--json" }, NULL },
    { { "--json", "eid" }, NULL },
    { { "-j", "-c", "x.json", "profiles" }, NULL },
    { { "enable", "ref", "--wait", "--force", "--reason", "a b" }, NULL },
    { { "enable", "--ttl-s=5", "--", "-ref" }, NULL },
    { { "enable", "ref", "--confirm-s", "60" }, NULL },
    { { "lock", "--holder", "me", "--ttl-s", "86400" }, NULL },
    { { "--help" }, NULL },
    { { "--version" }, NULL },
    { { "enable", "--help" }, NULL },
    { { "bundle" }, NULL },
    { { "bundle", "a.tar.gz", "--log", "l" }, NULL },
    { { NULL }, "which command" },
    { { "frobnicate" }, "no such command: 'frobnicate'" },
    { { "frobnicate", "--help" }, "no such command" },
    { { "enable" }, "REF is missing" },
    { { "enable", "" }, "REF is empty" },
    { { "enable", "a", "b" }, "unexpected argument 'b'" },
    { { "eid", "x" }, "unexpected argument 'x'" },
    { { "eid", "--frob" }, "no such option: '--frob'" },
    { { "eid", "--frob=x" }, "no such option: '--frob=x'" },
    { { "eid", "-x" }, "no such option: '-x'" },
    { { "-xj", "eid" }, "no such option: '-x'" },
    { { "-jx", "eid" }, "no such option: '-x'" },
    { { "eid", "-jxw", "--frob" }, "no such option: '-x'" },
    { { "eid", "-\xc3\xa4" }, "no such option: '-\xc3\xa4'" },
    { { "eid", "--json=x" }, "--json: it takes no value" },
    { { "eid", "-jc" }, "-c: a value is missing" },
    { { "eid", "--config" }, "--config: a value is missing" },
    { { "eid", "--sock" }, "--socket: a value is missing" },
    { { "eid", "--wait" }, "eid takes no --wait" },
    { { "watch", "--since", "1h" }, "watch takes no --since" },
    { { "eid", "--socket" }, "a value is missing" },
    { { "eid", "--socket", "" }, "it is empty" },
    { { "eid", "--timeout", "0" }, "a number from 1" },
    { { "eid", "--timeout", "5s" }, "a number" },
    { { "eid", "--timeout", " 5" }, "a number" },
    { { "eid", "--timeout", "-5" }, "a number" },
    { { "eid", "--timeout", "99999999999999999999" }, "a number" },
    { { "enable", "ref", "--confirm-s", "59" }, "from 60 to 86400" },
    { { "operations", "--limit", "101" }, "from 1 to 100" },
}; // clang-format on

static bool parse(const char *const *words, struct options *ret, char why[OPTIONS_WHY_MAX + 1])
{
    char *argv[WORDS_MAX + 2] = { (char[]){ "lpmctl" } };
    int argc = 1;

    for (size_t i = 0; i < WORDS_MAX && words[i]; i++) {
        argv[argc] = strdup(words[i]);
        assert_non_null(argv[argc++]);
    }
    bool right = options_parse(argc, argv, ret, why);

    for (int i = 1; i < argc; i++)
        free(argv[i]);
    return right;
}

static void judges_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct options options;
        char why[OPTIONS_WHY_MAX + 1] = "";
        bool right = parse(rows[i].words, &options, why);

        print_message("%s %s: %s\n", rows[i].words[0] ? rows[i].words[0] : "(nothing)",
                      rows[i].words[0] && rows[i].words[1] ? rows[i].words[1] : "", why);
        assert_int_equal(right, rows[i].why == NULL);
        if (rows[i].why)
            assert_non_null(strstr(why, rows[i].why));
    }
}

static void keeps_values(void **state)
{
    char words[][16] = {
        "lpmctl", "enable", "-w", "8949", "--reason", "why", "--ttl-s=7", "--json"
    };
    char *argv[9] = { 0 };
    struct options o;
    char why[OPTIONS_WHY_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        argv[i] = words[i];
    assert_true(options_parse(8, argv, &o, why));
    assert_string_equal(o.command->name, "enable");
    assert_string_equal(o.argument, "8949");
    assert_string_equal(o.reason, "why");
    assert_int_equal(o.ttl_s, 7);
    assert_true(o.wait && o.json && !o.force && !o.help);
    assert_null(o.key);
}

/* The tables agree: every name in a command's list is an option's, every option is somebody's. */
static void tables_agree(void **state)
{
    size_t command_count, row_count;
    const struct command *commands = options_commands(&command_count);
    const struct option_row *options = options_rows(&row_count);

    (void)state;
    for (size_t i = 0; i < row_count; i++) {
        bool used = options[i].general;

        for (size_t k = 0; k < command_count; k++)
            used = used || options_fits(&commands[k], &options[i]);
        assert_true(used);
        assert_true(options[i].value || (options[i].min == 0 && options[i].max == 0));
    }
    for (size_t k = 0; k < command_count; k++) {
        char list[128];
        char *rest = list;

        assert_non_null(commands[k].run);
        (void)snprintf(list, sizeof list, "%s", commands[k].options);
        for (char *name; (name = strtok_r(rest, " ", &rest));) {
            bool known = false;

            for (size_t i = 0; i < row_count; i++)
                known = known || strcmp(options[i].name, name) == 0;
            print_message("%s --%s\n", commands[k].name, name);
            assert_true(known);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_lines),
        cmocka_unit_test(keeps_values),
        cmocka_unit_test(tables_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
