#include "agent/switch/context.h"

#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/modem/modem.h"
#include "agent/operation/journal.h"
#include "config/config.h"
#include "config/config_secret.h"
#include "tests/test.h"
#include "tests/unit/temp_journal.h"

#define A "89882110000001234568" /* nothing of its own */
#define B "8949001312170061988"  /* b.net, user and password */
#define C "89860A09091830300220" /* c.net, in context 2 */
#define D "8988303000000000001F" /* nothing of its own */

enum { DEADLINE_MS = 77000 };

/* A modem that has two contexts, and says how it was asked. */
static struct {
    struct modem_context stands[3]; /* by cid; 0: none */
    unsigned written, attached;
    struct error read_error, write_error, attach_error;
    bool storage_full;
} world;

struct error __real_journal_put_value(struct journal *journal, const char *key, const char *value);
struct error __wrap_journal_put_value(struct journal *journal, const char *key, const char *value);

struct error __wrap_journal_put_value(struct journal *journal, const char *key, const char *value)
{
    return world.storage_full ? error_make(ERROR_IN_STORAGE, ERROR_STORAGE_FULL, 13, "disk full")
                              : __real_journal_put_value(journal, key, value);
}

struct error modem_read_context(struct modem *modem, int cid, struct modem_context *ret)
{
    (void)modem;
    assert_in_range(cid, 1, 2);
    if (!world.read_error.code)
        *ret = world.stands[cid];
    return world.read_error;
}

bool modem_context_differs(const struct modem_context *now, const struct modem_context *want)
{
    assert_int_equal(now->cid, want->cid);
    return strcmp(now->apn, want->apn) != 0 || strcmp(now->pdp_type, want->pdp_type) != 0 ||
           strcmp(now->username, want->username) != 0 ||
           (now->auth_known && now->auth != want->auth);
}

struct error modem_write_context(struct modem *modem, const struct modem_context *now,
                                 const struct modem_context *want)
{
    (void)modem;
    assert_memory_equal(now, &world.stands[want->cid], sizeof *now);
    if (world.write_error.code)
        return world.write_error;
    world.written++;
    world.stands[want->cid] = *want;
    return ERROR_OK;
}

struct error modem_attach_anew(struct modem *modem, int64_t deadline_ms)
{
    (void)modem;
    assert_int_equal(deadline_ms, DEADLINE_MS);
    world.attached++;
    return world.attach_error;
}

/* --- the configuration --- */

static char secret_path[96], b_apn[] = "b.net", c_apn[] = "c.net", ip[] = "IP", both[] = "IPV4V6",
                             user[] = "me", label[] = "A's label";

static struct temp_journal temp;
static struct config_profile profiles[3];
static struct config config = { .profile_count = 3, .profiles = profiles };

static void write_secret(const char *text)
{
    FILE *file = fopen(secret_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void begin(void)
{
    memset(&world, 0, sizeof world);
    world.stands[1] =
        (struct modem_context){ .cid = 1, .pdp_type = "IP", .apn = "own.net", .auth_known = true };
    world.stands[2] = (struct modem_context){ .cid = 2 };
    temp_journal_init(&temp);
    (void)snprintf(secret_path, sizeof secret_path, "%s/password", temp.dir);
    write_secret("secret\n");
    profiles[0] = (struct config_profile){ .iccid = { A }, .label = label, .cid = 1 };
    profiles[1] = (struct config_profile){ .iccid = { B },
                                           .apn = b_apn,
                                           .pdp_type = ip,
                                           .cid = 1,
                                           .auth = CONFIG_AUTH_CHAP,
                                           .username = user,
                                           .password_file = secret_path };
    profiles[2] =
        (struct config_profile){ .iccid = { C }, .apn = c_apn, .pdp_type = both, .cid = 2 };
}

static const struct iccid *iccid_of(char letter)
{
    static const struct iccid a = { A }, b = { B }, c = { C }, d = { D };

    return letter == 'A' ? &a : letter == 'B' ? &b : letter == 'C' ? &c : letter == 'D' ? &d : NULL;
}

static struct error apply(char now, char before, bool keep, bool *ret_changed)
{
    const struct context_tools tools = { .config = &config, .journal = temp.journal };

    return context_apply(&tools, iccid_of(now), iccid_of(before), keep, DEADLINE_MS, ret_changed);
}

/* --- in order --- */

enum { STEPS = 5 };

/* One arrival at a profile. `somebody`: what another program has set in context 1 since; `apn`: what
 * stands in it then. */
struct step {
    char now, before;
    bool keep;
    const char *somebody;
    bool changed;
    const char *apn;
    /* Contexts that are written where it is more than one. */
    int writes;
};

static void profiles_have_their_contexts(void **state)
{
    static const struct {
        const char *what;
        struct step steps[STEPS];
    } rows[] = {
        // clang-format off
        { "never touched, never touches", { { 'A', 'D', .apn = "own.net" }, { 'D', 'A', .apn = "own.net" } } },
        { "an APN of its own", { { 'B', 'A', .changed = true, .apn = "b.net" } } },
        { "the same again: nothing to do", { { 'B', 'A', .changed = true, .apn = "b.net" }, { 'B', 'A', .apn = "b.net" } } },
        { "it stands there already", { { 'B', 'A', .somebody = "b.net", .changed = true, .apn = "b.net" } } },
        { "given back", { { 'B', 'A', .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "own.net" } } },
        { "given back once: then there is nothing to do", { { 'B', 'A', .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "own.net" }, { 'A', 'B', .apn = "own.net" } } },
        { "from one with an APN that was set by hand", { { 'B', 'A', .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "own.net" }, { 'B', 'A', .somebody = "new.net", .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "new.net" } } },
        { "a profile that was never in use gets the modem's own", { { 'B', 'A', .changed = true, .apn = "b.net" }, { 'D', 'B', .changed = true, .apn = "own.net" } } },
        { "the modem's own is the first that stood there", { { 'B', 'A', .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "own.net" }, { 'B', 'A', .somebody = "new.net", .changed = true, .apn = "b.net" }, { 'D', 'B', .changed = true, .apn = "own.net" } } },
        { "each has what it had", { { 'B', 'A', .somebody = "a.net", .changed = true, .apn = "b.net" }, { 'D', 'B', .changed = true, .apn = "a.net" }, { 'B', 'D', .somebody = "d.net", .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "a.net" }, { 'D', 'A', .changed = true, .apn = "d.net" } } },
        { "not known what was in use: the modem's own", { { 'B', 0, .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "own.net" } } },
        { "resumed before it was written", { { 'B', 'A', .keep = true, .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "own.net" } } },
        { "resumed: what was kept is newer", { { 'B', 'A', .changed = true, .apn = "b.net" }, { 'B', 'A', .keep = true, .somebody = "half.net", .changed = true, .apn = "b.net" }, { 'A', 'B', .changed = true, .apn = "own.net" } } },
        { "another context does not touch the first, and goes when its profile does", { { 'C', 'A', .changed = true, .apn = "own.net" }, { 'B', 'C', .changed = true, .apn = "b.net", .writes = 2 }, { 'A', 'B', .changed = true, .apn = "own.net" } } },
    }; // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin();
        print_message("%s\n", rows[i].what);
        for (size_t n = 0; n < STEPS && rows[i].steps[n].now; n++) {
            const struct step *step = &rows[i].steps[n];
            bool changed = !step->changed;

            if (step->somebody)
                strcpy(world.stands[1].apn, step->somebody);
            world.written = world.attached = 0;
            assert_ok(apply(step->now, step->before, step->keep, &changed));
            assert_int_equal(changed, step->changed);
            assert_string_equal(world.stands[1].apn, step->apn);
            /* A change counts from the next attach on, and no other reason is one to attach. */
            assert_int_equal(world.written, step->writes ? step->writes : step->changed);
            assert_int_equal(world.attached, step->changed);
            /* A restart between any two of them. */
            temp_journal_reopen(&temp);
        }
        temp_journal_done(&temp);
    }
}

/* All of a context goes there and comes back. */
static void every_field_counts(void **state)
{
    const struct modem_context own = { .cid = 1,
                                       .pdp_type = "IPV6",
                                       .apn = "o\"wn.net",
                                       .auth = MODEM_AUTH_PAP,
                                       .auth_known = true,
                                       .username = "them",
                                       .password = "theirs" };
    bool changed;

    (void)state;
    begin();
    world.stands[1] = own;
    assert_ok(apply('B', 'A', false, &changed));
    assert_int_equal(world.stands[1].cid, 1);
    assert_string_equal(world.stands[1].pdp_type, "IP");
    assert_string_equal(world.stands[1].apn, "b.net");
    assert_int_equal(world.stands[1].auth, MODEM_AUTH_CHAP);
    assert_string_equal(world.stands[1].username, "me");
    assert_string_equal(world.stands[1].password, "secret");
    temp_journal_reopen(&temp);
    assert_ok(apply('A', 'B', false, &changed));
    assert_memory_equal(&world.stands[1], &own, sizeof own);
    temp_journal_done(&temp);
}

/* A context that was not defined is none again, and what the modem did not tell stays untold. */
static void nothing_is_given_back_as_nothing(void **state)
{
    bool changed;

    (void)state;
    begin();
    assert_ok(apply('C', 'A', false, &changed));
    assert_string_equal(world.stands[2].apn, "c.net");
    assert_string_equal(world.stands[2].pdp_type, "IPV4V6");
    assert_ok(apply('A', 'C', false, &changed));
    assert_int_equal(world.stands[2].cid, 2);
    assert_string_equal(world.stands[2].apn, "");
    assert_string_equal(world.stands[2].pdp_type, "");
    assert_false(world.stands[2].auth_known);
    assert_string_equal(world.stands[1].apn, "own.net");
    temp_journal_done(&temp);
}

/* --- trouble --- */

static void what_goes_wrong(void **state)
{
    static const struct {
        const char *what;
        bool storage_full;
        enum error_code read, write, attach, code;
        bool changed;
        const char *apn;
    } rows[] = {
        { "cannot be kept: not written", .storage_full = true, .code = ERROR_STORAGE_FULL,
          .apn = "own.net" },
        { "cannot be read", .read = ERROR_MODEM_TIMEOUT, .code = ERROR_MODEM_TIMEOUT,
          .apn = "own.net" },
        { "is refused", .write = ERROR_CARD, .code = ERROR_CARD, .apn = "own.net" },
        { "cannot be attached anew: changed all the same", .attach = ERROR_MODEM_ABSENT,
          .code = ERROR_MODEM_ABSENT, .changed = true, .apn = "b.net" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool changed = !rows[i].changed;

        begin();
        print_message("%s\n", rows[i].what);
        world.storage_full = rows[i].storage_full;
        world.read_error = (struct error){ .code = rows[i].read };
        world.write_error = (struct error){ .code = rows[i].write };
        world.attach_error = (struct error){ .code = rows[i].attach };
        assert_code(apply('B', 'A', false, &changed), rows[i].code);
        assert_int_equal(changed, rows[i].changed);
        assert_string_equal(world.stands[1].apn, rows[i].apn);
        assert_int_equal(world.attached, rows[i].changed);
        temp_journal_done(&temp);
    }
}

/* Giving back needs no disk. */
static void a_full_disk_still_gives_back(void **state)
{
    bool changed;

    (void)state;
    begin();
    assert_ok(apply('B', 'A', false, &changed));
    world.storage_full = true;
    assert_ok(apply('A', 'B', false, &changed));
    assert_true(changed);
    assert_string_equal(world.stands[1].apn, "own.net");
    temp_journal_done(&temp);
}

static void passwords_come_from_their_file(void **state)
{
    static const struct {
        const char *what, *file; /* NULL: there is none */
        enum config_auth auth;
        enum error_code code;
        const char *password;
    } rows[] = {
        { "there", "pa\"ss\r\n", CONFIG_AUTH_PAP, 0, "pa\"ss" },
        { "not there", NULL, CONFIG_AUTH_PAP, ERROR_INTERNAL, NULL },
        { "not there, and not asked for", NULL, CONFIG_AUTH_NONE, 0, "" },
        { "there, and not asked for", "secret\n", CONFIG_AUTH_NONE, 0, "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool changed = true;

        begin();
        print_message("%s\n", rows[i].what);
        profiles[1].auth = rows[i].auth;
        if (rows[i].file)
            write_secret(rows[i].file);
        else
            assert_int_equal(unlink(secret_path), 0);
        assert_code(apply('B', 'A', false, &changed), rows[i].code);
        assert_int_equal(changed, !rows[i].code);
        assert_int_equal(world.written, !rows[i].code);
        if (!rows[i].code)
            assert_string_equal(world.stands[1].password, rows[i].password);
        temp_journal_done(&temp);
    }
}

/* More than a modem takes: cut, never overrun. */
static void a_long_password_is_held(void **state)
{
    char text[CONFIG_SECRET_MAX + 1];
    bool changed;

    (void)state;
    begin();
    memset(text, 'x', CONFIG_SECRET_MAX);
    text[CONFIG_SECRET_MAX] = '\0';
    write_secret(text);
    assert_ok(apply('B', 'A', false, &changed));
    assert_int_equal(strlen(world.stands[1].password), MODEM_CONTEXT_USER_MAX);
    temp_journal_done(&temp);
}

/* What cannot be read of what was kept is as if nothing was. */
static void garbage_is_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "{}",
        "{\"cid\":0,\"pdp_type\":\"IP\",\"apn\":\"x\",\"auth\":0,\"username\":\"\",\"password\":"
        "\"\"}",
        "{\"cid\":256,\"pdp_type\":\"IP\",\"apn\":\"x\",\"auth\":0,\"username\":\"\",\"password\":"
        "\"\"}",
        "{\"cid\":1,\"pdp_type\":\"ABCDEFGHIJKLM\",\"apn\":\"x\",\"auth\":0,\"username\":\"\","
        "\"password\":\"\"}",
        "{\"cid\":1,\"pdp_type\":\"IP\",\"apn\":7,\"auth\":0,\"username\":\"\",\"password\":\"\"}",
        "{\"cid\":1,\"pdp_type\":\"IP\",\"apn\":\"x\",\"auth\":3,\"username\":\"\",\"password\":"
        "\"\"}",
        "{\"cid\":1,\"pdp_type\":\"IP\",\"apn\":\"x\",\"auth\":0,\"username\":\"\"}",
        "{\"cid\":1,\"pdp_type\":\"IP\",\"apn\":\"x\",\"auth\":0,\"username\":\"\",\"password\":"
        "\"\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        bool changed = true;

        begin();
        print_message("%s\n", texts[i]);
        assert_ok(journal_put_value(temp.journal, "context:" A, texts[i]));
        assert_ok(journal_put_value(temp.journal, "context", texts[i]));
        assert_ok(apply('A', 'D', false, &changed));
        assert_false(changed);
        /* It does not keep what comes after it from being kept. */
        assert_ok(apply('B', 'A', true, &changed));
        assert_ok(apply('A', 'B', false, &changed));
        assert_true(changed);
        assert_string_equal(world.stands[1].apn, "own.net");
        temp_journal_done(&temp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_have_their_contexts),
        cmocka_unit_test(every_field_counts),
        cmocka_unit_test(nothing_is_given_back_as_nothing),
        cmocka_unit_test(what_goes_wrong),
        cmocka_unit_test(a_full_disk_still_gives_back),
        cmocka_unit_test(passwords_come_from_their_file),
        cmocka_unit_test(a_long_password_is_held),
        cmocka_unit_test(garbage_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
