#define _XOPEN_SOURCE 700 /* realpath() */
#include "ctl/host.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctl/file.h"

enum { PROCESSES_MAX = 32768, FILES_MAX = 4096, SMALL_FILE_MAX = 16384, LINKS_MAX = 256 };

static bool is_number(const char *text)
{
    return text[0] >= '1' && text[0] <= '9' && text[strspn(text, "0123456789")] == '\0';
}

static void name_of(const char *proc, const char *pid, char ret[HOST_COMM_MAX + 1])
{
    char path[HOST_PATH_MAX + 1];
    struct buffer text = { .max = HOST_COMM_MAX };

    (void)snprintf(path, sizeof path, "%s/%s/comm", proc, pid);
    ret[0] = '\0';
    if (file_read(path, &text))
        (void)snprintf(ret, HOST_COMM_MAX + 1, "%.*s", (int)strcspn(buffer_text(&text), "\n"),
                       buffer_text(&text));
    buffer_done(&text);
}

/* Calls `look` with each process until it is satisfied. */
static bool each_process(const char *proc, bool (*look)(const char *pid, void *ctx), void *ctx)
{
    DIR *folder = opendir(proc);
    struct dirent *entry;
    bool found = false;

    for (int i = 0; folder && !found && i < PROCESSES_MAX && (entry = readdir(folder));)
        if (is_number(entry->d_name)) {
            found = look(entry->d_name, ctx);
            i++;
        }
    if (folder)
        (void)closedir(folder);
    return found;
}

struct by_name {
    const char *proc, *name;
    struct host_process *found;
};

static bool has_name(const char *pid, void *ctx)
{
    struct by_name *search = ctx;
    char name[HOST_COMM_MAX + 1];

    name_of(search->proc, pid, name);
    if (strcmp(name, search->name) != 0)
        return false;
    search->found->pid = (pid_t)strtol(pid, NULL, 10);
    memcpy(search->found->name, name, sizeof name);
    return true;
}

bool host_find_process(const char *proc, const char *name, struct host_process *ret)
{
    struct by_name search = { .proc = proc, .name = name, .found = ret };

    return each_process(proc, has_name, &search);
}

static bool links_to(const char *link, const char *path)
{
    char target[HOST_PATH_MAX + 1];
    ssize_t n = readlink(link, target, sizeof target - 1);

    if (n < 0)
        return false;
    target[n] = '\0';
    return strcmp(target, path) == 0;
}

static bool has_open(const char *proc, const char *pid, const char *path)
{
    char name[HOST_PATH_MAX + 1];
    struct dirent *entry;
    bool found = false;
    DIR *folder;

    (void)snprintf(name, sizeof name, "%s/%s/fd", proc, pid);
    folder = opendir(name);
    for (int i = 0; folder && !found && i < FILES_MAX && (entry = readdir(folder)); i++) {
        (void)snprintf(name, sizeof name, "%s/%s/fd/%.16s", proc, pid, entry->d_name);
        found = links_to(name, path);
    }
    if (folder)
        (void)closedir(folder);
    return found;
}

struct by_file {
    const char *proc, *path;
    pid_t except;
    struct host_process *found;
    size_t count, max;
};

static bool holds(const char *pid, void *ctx)
{
    struct by_file *search = ctx;
    pid_t number = (pid_t)strtol(pid, NULL, 10);

    if (number == search->except || !has_open(search->proc, pid, search->path))
        return false;
    search->found[search->count].pid = number;
    name_of(search->proc, pid, search->found[search->count].name);
    return ++search->count == search->max;
}

size_t host_find_holders(const char *proc, const char *path, pid_t except, struct host_process *ret,
                         size_t max)
{
    struct by_file search = {
        .proc = proc, .path = path, .except = except, .found = ret, .max = max
    };

    (void)each_process(proc, holds, &search);
    return search.count;
}

/* The number behind "Uid:" or "Gid:" that counts for files: the fourth. */
static bool take_id(const char *status, const char *name, unsigned *ret)
{
    const char *line = strstr(status, name);

    return line && sscanf(line + strlen(name), "%*u %*u %*u %u", ret) == 1;
}

static void take_groups(const char *status, struct host_user *user)
{
    const char *at = strstr(status, "\nGroups:");
    char *end;

    if (!at)
        return;
    at += strlen("\nGroups:");
    while (user->group_count < HOST_GROUPS_MAX) {
        unsigned long group;

        at += strspn(at, " \t");
        if (*at < '0' || *at > '9')
            break;
        group = strtoul(at, &end, 10);
        user->groups[user->group_count++] = (gid_t)group;
        at = end;
    }
}

bool host_user_of(const char *proc, pid_t pid, struct host_user *ret)
{
    char path[HOST_PATH_MAX + 1];
    struct buffer status = { .max = SMALL_FILE_MAX };
    unsigned uid = 0, gid = 0;
    bool known;

    (void)snprintf(path, sizeof path, "%s/%ld/status", proc, (long)pid);
    known = file_read(path, &status) && take_id(buffer_text(&status), "\nUid:", &uid) &&
            take_id(buffer_text(&status), "\nGid:", &gid);
    if (known) {
        *ret = (struct host_user){ .uid = uid, .group_count = 1, .groups = { gid } };
        take_groups(buffer_text(&status), ret);
    }
    buffer_done(&status);
    return known;
}

static bool is_member(const struct host_user *user, gid_t gid)
{
    for (size_t i = 0; i < user->group_count; i++)
        if (user->groups[i] == gid)
            return true;
    return false;
}

bool host_may_open(const struct host_user *user, uid_t uid, gid_t gid, mode_t mode)
{
    if (user->uid == 0)
        return true;
    if (user->uid == uid)
        return (mode & 0600) == 0600;
    return is_member(user, gid) ? (mode & 0060) == 0060 : (mode & 0006) == 0006;
}

bool host_mm_ignores(const char *udev_data, dev_t device)
{
    char path[HOST_PATH_MAX + 1];
    struct buffer text = { .max = SMALL_FILE_MAX };
    bool ignores;

    (void)snprintf(path, sizeof path, "%s/c%u:%u", udev_data, major(device), minor(device));
    ignores = file_read(path, &text) && (strstr(buffer_text(&text), "E:ID_MM_PORT_IGNORE=1") ||
                                         strstr(buffer_text(&text), "E:ID_MM_DEVICE_IGNORE=1"));
    buffer_done(&text);
    return ignores;
}

bool host_find_link(const char *folder, const char *path, char ret[HOST_PATH_MAX + 1])
{
    DIR *open = opendir(folder);
    struct dirent *entry;
    bool found = false;

    for (int i = 0; open && !found && i < LINKS_MAX && (entry = readdir(open)); i++) {
        char link[HOST_PATH_MAX + 1];
        char *resolved;
        int n = snprintf(link, sizeof link, "%s/%s", folder, entry->d_name);

        if (n < 0 || (size_t)n >= sizeof link)
            continue;
        resolved = realpath(link, NULL);
        found = resolved && strcmp(resolved, path) == 0;
        if (found)
            memcpy(ret, link, sizeof link);
        free(resolved);
    }
    if (open)
        (void)closedir(open);
    return found;
}
