#include "ctl/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "config/config.h"
#include "ctl/ask.h"
#include "ctl/doctor.h"
#include "ctl/file.h"
#include "ctl/interrupt.h"
#include "ctl/place.h"
#include "ctl/program.h"
#include "ctl/redact.h"

extern char **environ;

enum {
    FILES_MAX = 24,
    NAME_MAX_LEN = 64,
    PATH_MAX_BYTES = 1024,
    LOG_LINES = 2000,
    LOG_MAX = 4 * 1024 * 1024,
    LOG_MS = 15000,
    TAR_MS = 60000,
};

/* Masks are longer than what they stand for now and then. */
enum { REDACTED_MAX = 2 * CLIENT_ANSWER_MAX };

struct bundle {
    struct context *ctl;
    struct redact redact;
    /* The folder of ours in which `name` is the one that is packed. */
    char folder[PATH_MAX_BYTES], name[NAME_MAX_LEN], place[PATH_MAX_BYTES];
    /* The manifest's rows. */
    cJSON *files;
    bool failed;
};

/* What the agent is asked, and where its answer goes. */
static const struct {
    const char *file, *path;
} answers[] = {
    { "info.json", "/v1/info" },
    { "readyz.json", "/readyz" },
    { "profiles.json", "/v1/profiles" },
    { "operations.json", "/v1/operations?limit=100" },
    { "connectivity.json", "/v1/connectivity?since=1970-01-01T00:00:00Z" },
    { "lock.json", "/v1/locks/switch" },
    { "steering.json", "/v1/steering" },
    { "metrics.txt", "/metrics" },
};

static void complain_errno(struct bundle *b, const char *path)
{
    ask_complain("%s: %s", path, strerror(errno));
    b->failed = true;
}

/* A row of the manifest: what has no `missing` is there, with what `incomplete` says of it. */
struct note {
    const char *file, *from;
    size_t bytes;
    const char *missing, *incomplete;
};

static void note(struct bundle *b, const struct note *note)
{
    cJSON *row = cJSON_CreateObject();

    if (!row || !cJSON_AddStringToObject(row, "file", note->file) ||
        !cJSON_AddStringToObject(row, "from", note->from) ||
        !(note->missing ? cJSON_AddStringToObject(row, "missing", note->missing)
                        : cJSON_AddNumberToObject(row, "bytes", (double)note->bytes)) ||
        (note->incomplete && !cJSON_AddStringToObject(row, "incomplete", note->incomplete)) ||
        !cJSON_AddItemToArray(b->files, row)) {
        cJSON_Delete(row);
        b->failed = true;
    }
}

static void note_missing(struct bundle *b, const char *file, const char *from, const char *why)
{
    note(b, &(struct note){ .file = file, .from = from, .missing = why });
}

static bool write_file(struct bundle *b, const char *file, const struct buffer *text)
{
    char path[PATH_MAX_BYTES + NAME_MAX_LEN];

    (void)snprintf(path, sizeof path, "%s/%s", b->place, file);
    if (file_write(path, buffer_text(text), text->len))
        return true;
    complain_errno(b, path);
    return false;
}

/* A text ends at a NUL, a log does not, where power was lost while it was written. */
static void replace_nuls(struct buffer *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (text->text[i] == '\0')
            text->text[i] = '?';
}

/* Nothing gets into the folder but by here. `incomplete` NULL: it is whole. */
static void put(struct bundle *b, const char *file, const char *from, struct buffer *text,
                const char *incomplete)
{
    struct buffer clean = { .max = REDACTED_MAX };

    replace_nuls(text);
    if (!redact_text(&b->redact, buffer_text(text), &clean))
        note_missing(b, file, from, "it is too large");
    else if (write_file(b, file, &clean))
        note(b, &(struct note){
                    .file = file, .from = from, .bytes = clean.len, .incomplete = incomplete });
    buffer_done(&clean);
}

/* The same of a text that has no NUL in it. */
static void put_text(struct bundle *b, const char *file, const char *from, const char *text)
{
    struct buffer copy = { .max = CLIENT_ANSWER_MAX };

    if (buffer_add_text(&copy, text))
        put(b, file, from, &copy, NULL);
    else
        note_missing(b, file, from, "it is too large");
    buffer_done(&copy);
}

static void put_answer(struct bundle *b, const char *file, const char *path)
{
    const struct client_call call = {
        .method = "GET",
        .path = path,
        .deadline_ms = b->ctl->deadline_ms,
    };
    struct client_answer answer;
    enum client_result result = client_ask(b->ctl->socket, &call, &answer);
    char why[64];

    /* Why it is not ready is an answer, too. */
    if (result == CLIENT_OK &&
        (answer.status == 200 || (answer.status == 503 && strcmp(path, "/readyz") == 0))) {
        put(b, file, path, &answer.body, NULL);
    } else if (result == CLIENT_OK) {
        (void)snprintf(why, sizeof why, "status %ld", answer.status);
        note_missing(b, file, path, why);
    } else {
        note_missing(b, file, path, answer.why);
    }
    client_done(&answer);
}

static void put_doctor(struct bundle *b)
{
    static struct doctor_report report;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out) {
        b->failed = true;
        return;
    }
    doctor_examine(b->ctl, &doctor_usual_places, &report);
    doctor_print(&report, out, false);
    if (fclose(out) == 0 && text)
        put_text(b, "doctor.txt", "lpmctl doctor", text);
    free(text);
}

/* As it is in force, without what may be secret in it. Gives (free); NULL: no memory. */
static char *config_text(const struct config *config)
{
    char *whole = config_to_text(config);
    cJSON *tree = whole ? cJSON_Parse(whole) : NULL;
    char *text = tree && redact_config(tree) ? cJSON_Print(tree) : NULL;

    cJSON_Delete(tree);
    free(whole);
    return text;
}

static void put_config(struct bundle *b)
{
    static const char file[] = "config.json";
    const char *path = place_config(b->ctl->options);
    struct config *config = NULL;
    struct config_problems problems = { 0 };
    char *text = NULL;

    if (access(path, R_OK) < 0) {
        note_missing(b, file, path, strerror(errno));
        return;
    }
    if (config_load(path, environ, &config, &problems))
        text = config_text(config);
    if (text)
        put_text(b, file, path, text);
    else if (problems.count > 0)
        note_missing(b, file, path, "it is not valid, doctor.txt says why");
    else
        note_missing(b, file, path, "it could not be read");
    free(text);
    config_free(config);
    config_problems_done(&problems);
}

static const char *say_of_journal(enum program_result result)
{
    switch (result) {
    case PROGRAM_ABSENT:
        return "there is no journalctl here";
    case PROGRAM_TIMEOUT:
        return "journalctl did not end in time";
    case PROGRAM_FAILED:
        return "journalctl failed";
    case PROGRAM_OK:
        break;
    }
    return NULL;
}

static void put_journal(struct bundle *b)
{
    static const char from[] = "journalctl -u lpm-agent";
    char lines[16];
    char *const argv[] = { (char[]){ "journalctl" },
                           (char[]){ "-u" },
                           (char[]){ "lpm-agent" },
                           (char[]){ "-n" },
                           lines,
                           (char[]){ "--no-pager" },
                           (char[]){ "-o" },
                           (char[]){ "short-iso" },
                           NULL };
    struct buffer text = { .max = LOG_MAX };
    const char *trouble;

    (void)snprintf(lines, sizeof lines, "%d", LOG_LINES);
    trouble = say_of_journal(program_run(argv, clock_now_ms() + LOG_MS, &text));
    if (text.len > 0)
        put(b, "agent.log", from, &text, trouble);
    else
        note_missing(b, "agent.log", from, trouble ? trouble : "it gave nothing");
    buffer_done(&text);
}

static void put_log(struct bundle *b)
{
    const char *path = b->ctl->options->log;
    struct buffer text = { .max = LOG_MAX };

    if (!path) {
        put_journal(b);
        return;
    }
    if (file_read_end(path, LOG_LINES, &text))
        put(b, "agent.log", path, &text, NULL);
    else
        note_missing(b, "agent.log", path, strerror(errno));
    buffer_done(&text);
}

/* Gives (cJSON_Delete); NULL: no memory. */
static cJSON *manifest_of(struct bundle *b)
{
    cJSON *json = cJSON_CreateObject();
    char at[CLOCK_TEXT_LEN + 1];
    struct utsname host = { 0 };

    (void)uname(&host);
    clock_to_text(clock_utc_ms(), at);
    if (json && cJSON_AddStringToObject(json, "made_at", at) &&
        cJSON_AddStringToObject(json, "lpmctl", LPM_VERSION) &&
        cJSON_AddStringToObject(json, "system", host.sysname) &&
        cJSON_AddStringToObject(json, "release", host.release) &&
        cJSON_AddStringToObject(json, "machine", host.machine) &&
        cJSON_AddStringToObject(
            json, "redacted",
            "ICCIDs, EIDs, IMSIs, their hashes and IMEIs (the same one has the same mask), IP "
            "and mail addresses, telephone numbers, passwords, tokens, PINs, parameters of "
            "programs and AT commands") &&
        cJSON_AddItemToObject(json, "files", b->files)) {
        b->files = NULL;
        return json;
    }
    cJSON_Delete(json);
    return NULL;
}

/* Last: it tells of the others. It goes through redact_text(), too: a path may name anything. */
static void put_manifest(struct bundle *b, struct buffer *ret)
{
    cJSON *json = manifest_of(b);
    char *text = json ? cJSON_Print(json) : NULL;

    if (!text || !redact_text(&b->redact, text, ret) || !write_file(b, "manifest.json", ret))
        b->failed = true;
    free(text);
    cJSON_Delete(json);
}

static bool goes_on(const struct bundle *b)
{
    return !b->failed && !interrupt_came();
}

static void gather(struct bundle *b, struct buffer *ret_manifest)
{
    for (size_t i = 0; goes_on(b) && i < ARRAY_LEN(answers); i++)
        put_answer(b, answers[i].file, answers[i].path);
    if (goes_on(b))
        put_doctor(b);
    if (goes_on(b))
        put_config(b);
    if (goes_on(b))
        put_log(b);
    if (goes_on(b))
        put_manifest(b, ret_manifest);
}

/* --- the archive --- */

static bool pack(struct bundle *b, int fd)
{
    char *const argv[] = { (char[]){ "tar" },
                           (char[]){ "-czf" },
                           (char[]){ "-" },
                           (char[]){ "-C" },
                           b->folder,
                           b->name,
                           NULL };

    switch (program_run_to(argv, clock_now_ms() + TAR_MS, fd)) {
    case PROGRAM_OK:
        return true;
    case PROGRAM_ABSENT:
        ask_complain("there is no tar here");
        return false;
    case PROGRAM_FAILED:
    case PROGRAM_TIMEOUT:
        break;
    }
    if (!interrupt_came())
        ask_complain("tar failed");
    return false;
}

/* What is renamed to `path` takes the place of whatever is there: of a device, of a link, of what the host lives by. */
static bool may_replace(struct bundle *b, const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0 || S_ISREG(st.st_mode))
        return true;
    ask_complain("%s: it is there, and it is no regular file: name another", path);
    b->failed = true;
    return false;
}

/* Under another name until it is whole; mkostemp() makes it 0600. */
static bool pack_to(struct bundle *b, const char *path)
{
    char temporary[PATH_MAX_BYTES];
    int n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = n > 0 && (size_t)n < sizeof temporary ? mkstemp(temporary) : -1;
    bool done;

    if (fd < 0) {
        complain_errno(b, path);
        return false;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    done = pack(b, fd);
    if (done && (fsync(fd) < 0 || rename(temporary, path) < 0)) {
        complain_errno(b, path);
        done = false;
    }
    (void)close(fd);
    if (!done)
        (void)unlink(temporary);
    return done;
}

static bool make_folders(struct bundle *b)
{
    const char *parent = getenv("TMPDIR");

    (void)snprintf(b->folder, sizeof b->folder / 2, "%s/lpmctl.XXXXXX",
                   parent && parent[0] ? parent : "/tmp");
    if (!mkdtemp(b->folder)) {
        complain_errno(b, b->folder);
        b->folder[0] = '\0';
        return false;
    }
    (void)snprintf(b->place, sizeof b->place, "%.500s/%s", b->folder, b->name);
    if (mkdir(b->place, 0700) == 0)
        return true;
    complain_errno(b, b->place);
    return false;
}

static void remove_folders(const struct bundle *b)
{
    DIR *folder = b->place[0] ? opendir(b->place) : NULL;
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        char path[PATH_MAX_BYTES + 256];

        (void)snprintf(path, sizeof path, "%s/%s", b->place, entry->d_name);
        (void)unlink(path); /* "." and ".." stay */
    }
    if (folder)
        (void)closedir(folder);
    if (b->place[0])
        (void)rmdir(b->place);
    if (b->folder[0])
        (void)rmdir(b->folder);
}

/* "lpm-bundle-20261126T080000Z" */
static void name_it(char ret[NAME_MAX_LEN])
{
    char at[CLOCK_TEXT_LEN + 1];

    clock_to_text(clock_utc_ms(), at);
    (void)snprintf(ret, NAME_MAX_LEN, "lpm-bundle-%.4s%.2s%.2sT%.2s%.2s%.2sZ", at, at + 5, at + 8,
                   at + 11, at + 14, at + 17);
}

static void tell(struct context *ctl, const char *path, const struct buffer *manifest)
{
    if (ctl->options->json)
        (void)fprintf(ctl->out, "%s\n", buffer_text(manifest));
    else
        (void)fprintf(
            ctl->out,
            "%s\nIdentities, addresses and secrets are taken out; look into it before you "
            "send it: tar -xzf %s\n",
            path, path);
}

enum outcome bundle_make(struct context *ctl, const char *path)
{
    static struct bundle b;
    struct buffer manifest = { .max = REDACTED_MAX };
    char own[NAME_MAX_LEN + 16];
    bool done;

    b = (struct bundle){ .ctl = ctl, .files = cJSON_CreateArray() };
    name_it(b.name);
    (void)snprintf(own, sizeof own, "%s.tar.gz", b.name);
    path = path ? path : own;
    if (b.files && may_replace(&b, path) && make_folders(&b))
        gather(&b, &manifest);
    done = b.files == NULL && goes_on(&b) && pack_to(&b, path);
    if (done)
        tell(ctl, path, &manifest);
    remove_folders(&b);
    cJSON_Delete(b.files);
    buffer_done(&manifest);
    if (interrupt_came())
        return OUTCOME_INTERRUPTED;
    return done ? OUTCOME_OK : OUTCOME_LOCAL;
}
