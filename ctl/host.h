#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What this machine says of a port and of processes. All of it bounded, and only as far as the user
 * may look. The folders are parameters: a test has its own. */

enum { HOST_COMM_MAX = 31, HOST_PATH_MAX = 511, HOST_GROUPS_MAX = 64 };

struct host_process {
    pid_t pid;
    /* As of /proc/PID/comm, 15 characters. */
    char name[HOST_COMM_MAX + 1];
};

/* False: no process has this name. */
bool host_find_process(const char *proc, const char *name, struct host_process *ret);
/* Who has `path` (resolved) open, without `except`; at most `max`. Returns how many. */
size_t host_find_holders(const char *proc, const char *path, pid_t except, struct host_process *ret,
                         size_t max);

struct host_user {
    uid_t uid;
    size_t group_count;
    gid_t groups[HOST_GROUPS_MAX];
};

/* As whom a process runs. */
bool host_user_of(const char *proc, pid_t pid, struct host_user *ret);
/* Whether he may read and write a file of this owner, group and mode. */
bool host_may_open(const struct host_user *user, uid_t uid, gid_t gid, mode_t mode);

/* Whether udev's database (/run/udev/data) has `ID_MM_PORT_IGNORE` or `ID_MM_DEVICE_IGNORE` for the device. */
bool host_mm_ignores(const char *udev_data, dev_t device);
/* The link in `folder` (/dev/serial/by-id) that leads to `path` (resolved). */
bool host_find_link(const char *folder, const char *path, char ret[HOST_PATH_MAX + 1]);
