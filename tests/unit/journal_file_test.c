#include "agent/operation/journal.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "agent/operation/store.h"
#include "tests/test.h"
#include "tests/unit/journal_place.h"

enum { SOME = 60 };

static void put_some(void)
{
    for (int i = 1; i <= SOME; i++)
        place_put(i, OPERATION_SUCCEEDED);
}

static size_t count_read(void)
{
    static struct operation got[SOME + 8];

    return journal_list(place.journal, OPERATION_NONE, NULL, ARRAY_LEN(got), got);
}

static bool is_there(const char *name)
{
    char path[512];
    struct stat is;

    (void)snprintf(path, sizeof path, "%s/%s", place.dir, name);
    return stat(path, &is) == 0;
}

static void overwrite(off_t at, size_t len, int byte)
{
    int fd = open(place.file, O_WRONLY | O_CREAT, 0600);
    char *bytes = malloc(len);

    assert_true(fd >= 0 && bytes);
    memset(bytes, byte, len);
    assert_true(pwrite(fd, bytes, len, at) == (ssize_t)len);
    free(bytes);
    close(fd);
}

static off_t size_of_file(void)
{
    struct stat is = { 0 };

    assert_int_equal(stat(place.file, &is), 0);
    return is.st_size;
}

/* --- damage --- */

static void damage_header(void)
{
    overwrite(0, 100, 'x');
}

static void damage_page(void)
{
    overwrite(5 * 4096, 4096, 0xA5);
}

static void damage_end(void)
{
    assert_int_equal(truncate(place.file, size_of_file() / 2 / 4096 * 4096), 0);
}

static void damage_all(void)
{
    off_t size = size_of_file();

    overwrite(0, (size_t)size, 0);
}

static void not_a_database(void)
{
    assert_int_equal(truncate(place.file, 0), 0);
    overwrite(0, 20000, '\n');
}

static void somebody_elses(void)
{
    assert_int_equal(remove(place.file), 0);
    place_sql("CREATE TABLE meta(a, b); CREATE TABLE operations(a)");
}

static void no_schema_of_ours(void)
{
    place_sql("DROP TABLE clock");
}

static const struct {
    const char *what;
    void (*damage)(void);
    bool later; /* shows with the first write */
} damages[] = {
    { "its header", damage_header },
    { "a page", damage_page },
    { "its second half", damage_end },
    { "all of it", damage_all },
    { "a text", not_a_database },
    { "a database, not ours", somebody_elses },
    { "a table is gone", no_schema_of_ours, true },
};

static void what_is_corrupt_is_set_aside(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        print_message("%s\n", damages[i].what);
        place_begin_anew();
        place_open();
        put_some();
        place_close();
        damages[i].damage();
        place_open();
        assert_int_equal(journal_began_empty(place.journal), !damages[i].later);
        place_put(99, OPERATION_ACCEPTED);
        assert_true(journal_began_empty(place.journal));
        place_assert_news("set-aside", "journal.db.corrupt-20261123T200129Z");
        place_assert_news(NULL, NULL);
        assert_true(is_there("journal.db.corrupt-20261123T200129Z"));
        assert_true(place_has(99));
        assert_false(place_has(1));
        place_open();
        assert_false(journal_began_empty(place.journal));
        assert_true(place_has(99));
    }
}

static void names_differ_while_the_clock_stands(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        place_open();
        place_close();
        not_a_database();
    }
    place_open();
    place_assert_news("set-aside", "journal.db.corrupt-20261123T200129Z-3");
    assert_true(is_there("journal.db.corrupt-20261123T200129Z"));
    assert_true(is_there("journal.db.corrupt-20261123T200129Z-2"));
    assert_true(is_there("journal.db.corrupt-20261123T200129Z-3"));
}

/* A disk that fails again and again is not filled by what is set aside; a clock that was set back makes
 * the newest look old. */
static void only_the_newest_few_stay(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        overwrite(0, 20000, '\n');
        place_open();
        place_close();
        fake_clock_pass(1000);
    }
    fake_clock.utc_ms = 0;
    overwrite(0, 20000, '\n');
    place_open();
    assert_true(is_there("journal.db.corrupt-19700101T000000Z"));
    assert_false(is_there("journal.db.corrupt-20261123T200131Z"));
    assert_true(is_there("journal.db.corrupt-20261123T200132Z"));
    assert_true(is_there("journal.db.corrupt-20261123T200133Z"));
    assert_true(is_there("journal.db.corrupt-20261123T200134Z"));
}

/* Once it is open: what SQLite has in its memory no longer counts after somebody else's commit. */
static void damage_open_file(void)
{
    place_open();
    put_some();
    place_open();
    place_sql("INSERT INTO history(kind, age_ms) VALUES(9, 9)");
    overwrite(4096, (size_t)size_of_file() - 4096, 0xA5);
}

static void a_write_meets_the_damage(void **state)
{
    (void)state;
    damage_open_file();
    place_put(99, OPERATION_RUNNING);
    place_assert_news("set-aside", "journal.db.corrupt-");
    assert_true(is_there("journal.db.corrupt-20261123T200129Z-wal"));
    assert_true(journal_began_empty(place.journal));
    assert_true(place_has(99));
    assert_ok(journal_check(place.journal));
}

static void a_read_meets_the_damage(void **state)
{
    (void)state;
    damage_open_file();
    assert_false(place_has(1));
    place_assert_news("set-aside", "journal.db.corrupt-");
    place_put(99, OPERATION_RUNNING);
    assert_true(place_has(99));
    place_assert_news(NULL, NULL);
}

/* Nothing in it: no journal is lost by that. */
static void an_empty_file_is_a_new_one(void **state)
{
    (void)state;
    overwrite(0, 0, 0);
    place_open();
    assert_true(journal_began_empty(place.journal));
    place_put(1, OPERATION_ACCEPTED);
    place_assert_news(NULL, NULL);
}

/* --- versions --- */

static void put_row_of_version_1(const struct operation *op)
{
    char *doc = store_to_text(op);
    char *sql = sqlite3_mprintf("INSERT INTO operations(id, channel, request, state, ran, age_ms,"
                                " doc) VALUES(%Q, 'mqtt', %Q, %Q, 1, 1000, %Q)",
                                op->id, op->request.request, operation_state_name(op->state), doc);

    place_sql(sql);
    sqlite3_free(sql);
    free(doc);
}

static void an_older_one_is_brought_up(void **state)
{
    const struct operation ended = place_operation(1, OPERATION_SUCCEEDED);
    const struct operation runs = place_operation(2, OPERATION_RUNNING);
    const struct journal_result result = { .to = { TARGET }, .ms = 7 };
    struct journal_result got;
    struct operation back;
    struct letter letter;
    char *intent = NULL;
    char *value;
    int64_t age = 0;

    (void)state;
    place_sql("CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
              "CREATE TABLE clock(one INTEGER PRIMARY KEY CHECK(one = 1), journal_ms INTEGER NOT"
              " NULL, boot TEXT NOT NULL, boot_ms INTEGER NOT NULL, utc_ms INTEGER NOT NULL,"
              " is_set INTEGER NOT NULL);"
              "CREATE TABLE operations(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL"
              " UNIQUE, channel TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL,"
              " ran INTEGER NOT NULL, age_ms INTEGER NOT NULL, doc TEXT NOT NULL);"
              "CREATE INDEX operations_state ON operations(state);"
              "CREATE TABLE intent(one INTEGER PRIMARY KEY CHECK(one = 1), operation TEXT NOT NULL,"
              " text TEXT NOT NULL);"
              "CREATE TABLE outbox(number INTEGER PRIMARY KEY AUTOINCREMENT, class INTEGER NOT"
              " NULL, topic TEXT NOT NULL, payload TEXT NOT NULL, operation TEXT NOT NULL,"
              " rev INTEGER NOT NULL);"
              "CREATE TABLE history(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
              " age_ms INTEGER NOT NULL);"
              "CREATE INDEX history_kind ON history(kind, age_ms);"
              "INSERT INTO meta VALUES('k', 'v');"
              "INSERT INTO clock VALUES(1, 5000, 'another boot', 77, 1795464089120, 1);"
              "INSERT INTO outbox VALUES(41, 2, 't', 'p', 'o', 3);"
              "INSERT INTO history(kind, age_ms) VALUES(0, 4000);"
              "INSERT INTO intent VALUES(1, '01JDZ000000000000000000002', '{}');"
              "PRAGMA user_version = 1");
    put_row_of_version_1(&ended);
    put_row_of_version_1(&runs);
    place_open();
    assert_false(journal_began_empty(place.journal));
    place_assert_news(NULL, NULL);
    assert_true(journal_find_request(place.journal, CHANNEL_MQTT, "key-1", &back));
    assert_string_equal(back.id, ended.id);
    assert_true(journal_find_active(place.journal, &back, &intent));
    assert_string_equal(back.id, runs.id);
    assert_string_equal(intent, "{}");
    free(intent);
    value = journal_get_value(place.journal, "k");
    assert_string_equal(value, "v");
    free(value);
    assert_int_equal(journal_load_letters(place.journal, 0, 1, &letter), 1);
    assert_true(letter.number == 41 && letter.class == 2 && letter.rev == 3);
    assert_int_equal(letter.waited_ms, 0);
    free(letter.topic);
    free(letter.payload);
    /* The clock went on by the uptime, no time having passed by the other. */
    assert_true(journal_age_of(place.journal, JOURNAL_SWITCH, 1, &age));
    assert_true(age == 1000 + fake_clock.now_ms);
    assert_ok(journal_write(place.journal, &(const struct journal_change){ .result = &result }));
    assert_int_equal(journal_results(place.journal, &result.to, 1, &got), 1);
    assert_true(place_ask("PRAGMA user_version") == 3);
}

static void a_newer_one_is_kept_for_its_agent(void **state)
{
    (void)state;
    place_open();
    put_some();
    place_close();
    place_sql("PRAGMA user_version = 4; ALTER TABLE operations ADD COLUMN more TEXT;"
              "UPDATE operations SET more = 'x'");
    place_open();
    place_assert_news("set-aside", "journal.db.newer-20261123T200129Z");
    assert_true(journal_began_empty(place.journal));
    place_put(99, OPERATION_ACCEPTED);
    assert_int_equal(count_read(), 1);
    place_close();
    strcat(place.file, ".newer-20261123T200129Z");
    assert_true(place_ask("SELECT count(*) FROM operations WHERE more = 'x'") == SOME);
}

/* --- a killed process --- */

static void write_until_killed(int to)
{
    place_open();
    for (int i = 1; i < 100000; i++) {
        struct letter letter = { .topic = (char[]){ "t" }, .payload = (char[]){ "p" } };

        place_put(i, OPERATION_SUCCEEDED);
        if (journal_add_letter(place.journal, &letter).code || write(to, &i, sizeof i) < 0)
            break;
    }
    _exit(1);
}

static void all_that_was_committed_is_there(void **state)
{
    struct letter got[128];
    int last = 0;
    int status = 0;
    int ends[2];
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_until_killed(ends[1]);
    close(ends[1]);
    while (last < 40)
        assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &last, sizeof last) == sizeof last)
        continue;
    close(ends[0]);

    assert_true(is_there("journal.db-wal"));
    place_open();
    place_assert_news(NULL, NULL);
    for (int i = 1; i <= last; i++)
        assert_true(place_has(i));
    assert_int_equal(journal_load_letters(place.journal, 0, 40, got), 40);
    for (int i = 0; i < 40; i++) {
        assert_true(got[i].number == i + 1);
        free(got[i].topic);
        free(got[i].payload);
    }
}

/* --- whose it is --- */

static void assert_all_private(void)
{
    DIR *directory = opendir(place.dir);
    const char *name;

    assert_non_null(directory);
    while ((name = place_next(directory))) {
        char path[512];
        struct stat is = { 0 };

        (void)snprintf(path, sizeof path, "%s/%s", place.dir, name);
        assert_int_equal(stat(path, &is), 0);
        print_message("%s %o\n", name, is.st_mode & 07777);
        assert_int_equal(is.st_mode & 07777, 0600);
    }
    closedir(directory);
}

static void nobody_else_reads_it(void **state)
{
    static const mode_t masks[] = { 0, 022, 0777 };
    mode_t before = umask(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        (void)umask(masks[i]);
        place_open();
        place_put(1, OPERATION_ACCEPTED);
        assert_true(is_there("journal.db-wal") && is_there("journal.db-shm"));
        assert_all_private();
        place_close();
        place_empty();
    }
    (void)umask(0);
    place_sql("PRAGMA user_version = 0");
    place_open();
    place_close();
    assert_int_equal(chmod(place.file, 0666), 0);
    place_open();
    place_put(1, OPERATION_ACCEPTED);
    assert_all_private();
    (void)umask(before);
}

/* --- a disk that is away --- */

static void assert_fails(int n, enum operation_state state)
{
    const struct operation op = place_operation(n, state);
    struct error e = place_write(&op);

    print_message("%s: %s\n", error_code_name(e.code), e.message);
    assert_int_equal(e.code, ERROR_STORAGE_FULL);
    assert_int_equal(e.domain, ERROR_IN_STORAGE);
    assert_true(e.detail != 0 && e.message[0]);
}

/* Away, and back after a second; `ask`: the check finds out, not a write. */
static void comes_back(bool ask)
{
    assert_code(journal_check(place.journal), ERROR_STORAGE_FULL);
    fake_clock_pass(1000);
    if (ask)
        assert_ok(journal_check(place.journal));
    else
        place_put(80, OPERATION_ACCEPTED);
    assert_ok(journal_check(place.journal));
    place_assert_news("recovered", NULL);
    place_assert_news(NULL, NULL);
    place_put(81, OPERATION_ACCEPTED);
    assert_true(place_has(81));
}

static void the_directory_is_made(void **state)
{
    struct stat is = { 0 };

    (void)state;
    assert_int_equal(rmdir(place.dir), 0);
    place_open();
    place_put(1, OPERATION_ACCEPTED);
    assert_int_equal(stat(place.dir, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0700);
}

static void no_place_for_the_directory(void **state)
{
    char parent[64], path[512];

    (void)state;
    strcpy(parent, place.dir);
    strcat(place.dir, "/mount/state");
    (void)snprintf(place.file, sizeof place.file, "%s/journal.db", place.dir);
    place_open();
    assert_true(journal_began_empty(place.journal));
    place_assert_news("storage-full", "No such file");
    assert_fails(1, OPERATION_RUNNING);
    assert_false(place_has(1));
    assert_int_equal(count_read(), 0);
    (void)snprintf(path, sizeof path, "%s/mount", parent);
    assert_int_equal(mkdir(path, 0700), 0);
    comes_back(true);
    place_tear_down(NULL);
    (void)rmdir(path);
    strcpy(place.dir, parent);
}

static void a_directory_in_its_place(void **state)
{
    (void)state;
    assert_int_equal(mkdir(place.file, 0700), 0);
    place_open();
    place_assert_news("storage-full", NULL);
    for (int i = 0; i < 3; i++)
        assert_fails(1, OPERATION_ACCEPTED);
    fake_clock_pass(5000);
    assert_code(journal_check(place.journal), ERROR_STORAGE_FULL);
    place_assert_news(NULL, NULL); /* told once */
    assert_int_equal(rmdir(place.file), 0);
    assert_fails(1, OPERATION_ACCEPTED); /* not looked for more than once a second */
    comes_back(false);
}

static void begin_anew_where_it_was_taken_away(void **state)
{
    (void)state;
    place_open();
    place_put(1, OPERATION_SUCCEEDED);
    assert_int_equal(remove(place.file), 0);
    place_put(2, OPERATION_SUCCEEDED);
    place_assert_news("set-aside", "the file was removed");
    assert_true(journal_began_empty(place.journal));
    assert_false(place_has(1));
    place_empty();
    assert_int_equal(rmdir(place.dir), 0);
    place_put(3, OPERATION_SUCCEEDED);
    place_assert_news("set-aside", "the file was removed");
    place_assert_news(NULL, NULL);
    place_open();
    assert_true(place_has(3));
    assert_false(place_has(2));
}

/* --- a disk that fails --- */

/* What every write by SQLite ends with; 0: well. `until_reserve`: only while the reserve is there. */
static struct {
    int error;
    bool until_reserve;
    bool read_only;
} disk;

static bool disk_fails(void)
{
    if (!disk.error || (disk.until_reserve && !is_there("journal.reserve")))
        return false;
    errno = disk.error;
    return true;
}

static ssize_t sick_write(int fd, const void *bytes, size_t len)
{
    return disk_fails() ? -1 : write(fd, bytes, len);
}

static ssize_t sick_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return disk_fails() ? -1 : pwrite(fd, bytes, len, at);
}

static int sick_open(const char *path, int flags, int mode)
{
    if (disk.read_only && (flags & O_ACCMODE) != O_RDONLY) {
        errno = EROFS;
        return -1;
    }
    return open(path, flags, (mode_t)mode);
}

static int sick_set_up(void **state)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    memset(&disk, 0, sizeof disk);
    vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)sick_write);
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)sick_pwrite);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)sick_pwrite);
    vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)sick_open);
    return place_set_up(state);
}

static int sick_tear_down(void **state)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    memset(&disk, 0, sizeof disk);
    place_tear_down(state);
    vfs->xSetSystemCall(vfs, NULL, NULL);
    return 0;
}

static const struct {
    const char *what;
    int error, code;
    const char *told;
} sick[] = {
    { "full", ENOSPC, SQLITE_FULL, "disk is full" },
    { "over its quota", EDQUOT, SQLITE_IOERR, "quota" },
    { "broken", EIO, SQLITE_IOERR, "Input/output" },
    { "read-only since", EROFS, SQLITE_IOERR, "Read-only" },
    { "a limit of the process", EFBIG, SQLITE_IOERR, "too large" },
};

/* Nothing of a change is written, and all that was is there to be read. */
static void a_sick_disk(void **state)
{
    struct letter letter = { .topic = (char[]){ "t" }, .payload = (char[]){ "p" } };
    int64_t age;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sick); i++) {
        const struct operation op = place_operation(9, OPERATION_ACCEPTED);
        struct letters letters = { 1, { letter } };
        const struct journal_change change = { .op = &op, .letters = &letters, .counts = true };
        struct error e;

        print_message("%s\n", sick[i].what);
        disk.error = 0;
        disk.until_reserve = false;
        place_begin_anew();
        letters.items[0].kept = true;
        place_open();
        place_put(1, OPERATION_SUCCEEDED);
        disk.error = sick[i].error;
        e = journal_write(place.journal, &change);
        assert_int_equal(e.code, ERROR_STORAGE_FULL);
        assert_int_equal(e.detail & 0xFF, sick[i].code);
        assert_non_null(strstr(e.message, sick[i].told));
        place_assert_news("storage-full", sick[i].told);
        assert_int_equal(letters.items[0].number, 0);
        assert_fails(10, OPERATION_ACCEPTED);
        assert_code(journal_count(place.journal, JOURNAL_RESET), ERROR_STORAGE_FULL);
        assert_code(journal_put_value(place.journal, "k", "v"), ERROR_STORAGE_FULL);
        assert_code(journal_add_letter(place.journal, &letter), ERROR_STORAGE_FULL);
        journal_save_intent(place.journal, op.id, "{}");
        journal_remove_letters(place.journal, (const int64_t[]){ 1 }, 1);
        place_assert_news(NULL, NULL);
        assert_int_equal(count_read(), 1);
        assert_false(journal_age_of(place.journal, JOURNAL_SWITCH, 1, &age));
        disk.error = 0;
        comes_back(i % 2 == 0);
        assert_ok(journal_write(place.journal, &change));
        assert_int_equal(letters.items[0].number, 1);
        place_open();
        assert_true(place_has(1) && place_has(9) && place_has(81) && !place_has(10));
    }
}

static const struct {
    const char *what;
    enum operation_state state;
    bool ran, sent, goes_through;
} reserved[] = {
    { "waits", OPERATION_ACCEPTED, false, false, false },
    { "refused", OPERATION_REJECTED, false, false, false },
    { "canceled before it began", OPERATION_CANCELED, false, false, false },
    { "runs, and ENABLE is still here", OPERATION_RUNNING, true, false, false },
    { "runs", OPERATION_RUNNING, true, true, true },
    { "ended well", OPERATION_SUCCEEDED, true, true, true },
    { "failed", OPERATION_FAILED, true, true, true },
    { "canceled while it ran", OPERATION_CANCELED, true, false, true },
};

static void the_reserve_is_for_switches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        struct operation op = place_operation(1, reserved[i].state);
        struct operation back;

        print_message("%s\n", reserved[i].what);
        disk.error = 0;
        disk.until_reserve = false;
        place_begin_anew();
        op.started_utc_ms = reserved[i].ran ? BORN_MS : 0;
        op.sent = reserved[i].sent;
        place_open();
        assert_true(is_there("journal.reserve"));
        disk.error = i % 2 ? ENOSPC : EDQUOT;
        disk.until_reserve = true;
        assert_code(place_write(&op), reserved[i].goes_through ? ERROR_NONE : ERROR_STORAGE_FULL);
        assert_int_equal(is_there("journal.reserve"), !reserved[i].goes_through);
        assert_int_equal(journal_find(place.journal, op.id, &back), reserved[i].goes_through);
        place_assert_news(reserved[i].goes_through ? NULL : "storage-full", NULL);
        /* It is filled again, not at once. */
        disk.error = 0;
        fake_clock_pass(59000);
        place_put(2, OPERATION_ACCEPTED);
        assert_int_equal(is_there("journal.reserve"), !reserved[i].goes_through);
        fake_clock_pass(1000);
        place_put(3, OPERATION_ACCEPTED);
        assert_true(is_there("journal.reserve"));
    }
}

/* What a broken disk wants is not space. */
static void the_reserve_is_kept_where_it_does_not_help(void **state)
{
    (void)state;
    place_open();
    disk.error = EIO;
    assert_fails(1, OPERATION_RUNNING);
    assert_true(is_there("journal.reserve"));
}

static void read_only_from_the_start(void **state)
{
    char *intent = NULL;
    struct operation back;

    (void)state;
    place_open();
    put_some();
    place_put(99, OPERATION_RUNNING);
    place_close();
    fake_clock_pass(5000);
    disk.read_only = true;
    place_open();
    assert_false(journal_began_empty(place.journal));
    place_assert_news("storage-full", NULL);
    assert_int_equal(count_read(), SOME + 1);
    assert_true(journal_find_active(place.journal, &back, &intent));
    assert_null(intent);
    assert_fails(1, OPERATION_RUNNING);
    fake_clock_pass(1000);
    assert_fails(1, OPERATION_RUNNING);
    assert_int_equal(count_read(), SOME + 1);
    place_assert_news(NULL, NULL);
    disk.read_only = false;
    comes_back(true);
    assert_int_equal(count_read(), SOME + 2);
}

/* A kill leaves the newest in the -wal alone. */
static void read_only_with_a_wal_left_behind(void **state)
{
    struct operation back;
    char *intent = NULL;
    int status = 0;
    pid_t pid;

    (void)state;
    place_open();
    place_put(7, OPERATION_RUNNING);
    place_close();
    pid = fork();
    if (pid == 0) {
        place_open();
        place_put(7, OPERATION_SUCCEEDED);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    disk.read_only = true;
    place_open();
    place_assert_news("storage-full", NULL);
    assert_true(place_has(7));
    assert_false(journal_find_active(place.journal, &back, &intent));
    disk.read_only = false;
    comes_back(true);
}

/* The names of what is damaged cannot be changed there: it is neither read nor lost. */
static void read_only_and_new(void **state)
{
    (void)state;
    disk.read_only = true;
    place_open();
    assert_true(journal_began_empty(place.journal));
    place_assert_news("storage-full", NULL);
    assert_int_equal(count_read(), 0);
    disk.read_only = false;
    comes_back(true);
}

static void fill_disk(const char *path)
{
    static const char bytes[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

    assert_true(fd >= 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static int unmount_tear_down(void **state)
{
    place_close();
    (void)umount(place.dir);
    return place_tear_down(state);
}

static void a_disk_that_is_really_full(void **state)
{
    char path[512];
    struct stat is;

    (void)state;
    if (mount("tmpfs", place.dir, "tmpfs", 0, "size=8m") != 0)
        skip(); /* only root may */
    (void)snprintf(path, sizeof path, "%s/filler", place.dir);
    place_open();
    put_some();
    place_put(90, OPERATION_RUNNING);
    fill_disk(path);
    /* What is in the -wal already may take one more. */
    for (int i = 0; i < 100 && !journal_check(place.journal).code; i++) {
        const struct operation op = place_operation(100 + i, OPERATION_ACCEPTED);
        struct error ignored = place_write(&op);

        (void)ignored;
    }
    place_assert_news("storage-full", "full");
    fake_clock_pass(1000);
    assert_code(journal_check(place.journal), ERROR_STORAGE_FULL);
    /* So little lets a word through and not an operation. */
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(truncate(path, is.st_size - 64 * 1024), 0);
    fake_clock_pass(1000);
    assert_code(journal_check(place.journal), ERROR_STORAGE_FULL);
    fill_disk(path);
    assert_true(place_has(1));
    place_put(90, OPERATION_SUCCEEDED);
    assert_false(is_there("journal.reserve"));
    place_assert_news("recovered", NULL);
    assert_int_equal(remove(path), 0);
    fake_clock_pass(60000);
    place_put(91, OPERATION_ACCEPTED);
    assert_true(is_there("journal.reserve"));
    place_open();
    assert_true(place_has(91) && place_has(90));
}

/* --- threads --- */

static void *write_many(void *ctx)
{
    const int *from = ctx;

    for (int i = *from; i < *from + 200; i++) {
        const struct operation op = place_operation(i, OPERATION_SUCCEEDED);
        struct operation back;

        if (place_write(&op).code || !journal_find(place.journal, op.id, &back))
            return NULL;
    }
    return ctx;
}

static void any_thread(void **state)
{
    int from[] = { 1000, 2000, 3000 };
    pthread_t threads[3];
    struct journal_news news;
    int64_t last = 0;

    (void)state;
    place_open();
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &from[i]), 0);
    for (int i = 0; i < 100; i++) {
        int64_t now = journal_now_ms(place.journal);

        assert_true(now >= last);
        last = now;
        assert_ok(journal_check(place.journal));
        assert_false(journal_take_news(place.journal, &news));
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *went_well = NULL;

        assert_int_equal(pthread_join(threads[i], &went_well), 0);
        assert_non_null(went_well);
    }
    assert_true(place_ask("SELECT count(*) FROM operations") == 600);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, place_set_up, place_tear_down)
#define SICK(test) cmocka_unit_test_setup_teardown(test, sick_set_up, sick_tear_down)
    const struct CMUnitTest tests[] = {
        ROW(what_is_corrupt_is_set_aside),
        ROW(names_differ_while_the_clock_stands),
        ROW(only_the_newest_few_stay),
        ROW(a_write_meets_the_damage),
        ROW(a_read_meets_the_damage),
        ROW(an_empty_file_is_a_new_one),
        ROW(an_older_one_is_brought_up),
        ROW(a_newer_one_is_kept_for_its_agent),
        ROW(all_that_was_committed_is_there),
        ROW(nobody_else_reads_it),
        ROW(the_directory_is_made),
        ROW(no_place_for_the_directory),
        ROW(a_directory_in_its_place),
        ROW(begin_anew_where_it_was_taken_away),
        SICK(a_sick_disk),
        SICK(the_reserve_is_for_switches),
        SICK(the_reserve_is_kept_where_it_does_not_help),
        SICK(read_only_from_the_start),
        SICK(read_only_with_a_wal_left_behind),
        SICK(read_only_and_new),
        cmocka_unit_test_setup_teardown(a_disk_that_is_really_full, place_set_up,
                                        unmount_tear_down),
        ROW(any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
