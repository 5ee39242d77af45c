#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_pending.h"
#include "ctl/doctor_inside.h"
#include "ctl/host.h"
#include "ctl/peer.h"

/* The checks of this machine, with or without an agent. */

enum { PROBLEMS_SHOWN = 5, HOLDERS_MAX = 8, ADVICE_MAX = DOCTOR_TEXT_MAX + 1 };

static const char start_it[] =
    "Start it: 'systemctl start lpm-agent'; 'journalctl -u lpm-agent' says why it ended.";

static void say_pending(const char *key, const char *instead, void *ctx)
{
    doctor_say(ctx, DOCTOR_WARN, "", "%s has no effect in this version: %s", key, instead);
}

static void say_unreadable(struct doctor *d)
{
    /* An agent that answers was started with another one, or is another user's. */
    enum doctor_level level = d->info ? DOCTOR_WARN : DOCTOR_FAIL;

    if (d->config_errno == EACCES)
        doctor_say(d, DOCTOR_WARN, "Run it as root, or as the agent's user.", "may not read %s",
                   d->config_path);
    else
        doctor_say(d, level, "Write one (README.md has the smallest), or name it with --config.",
                   "%s: %s", d->config_path, strerror(d->config_errno));
}

void doctor_check_config(struct doctor *d)
{
    size_t count = d->problems.count;

    if (d->config_errno) {
        say_unreadable(d);
        return;
    }
    if (d->config) {
        doctor_say(d, DOCTOR_OK, "", "%s is valid", d->config_path);
        config_pending_each(d->config, say_pending, d);
        return;
    }
    if (count == 0)
        doctor_say(d, DOCTOR_FAIL, "", "%s could not be loaded", d->config_path);
    for (size_t i = 0; i < count && i < PROBLEMS_SHOWN; i++)
        doctor_say(d, DOCTOR_FAIL,
                   i > 0 ? ""
                   : geteuid() != 0
                       ? "config/schema.json in the sources has every key. What only the agent may "
                         "read, a token file say, is seen as root: try sudo."
                       : "config/schema.json in the sources has every key.",
                   "%s: %s%s%s", d->config_path, d->problems.items[i].path,
                   d->problems.items[i].path[0] ? ": " : "", d->problems.items[i].message);
    if (count > PROBLEMS_SHOWN)
        doctor_say(d, DOCTOR_FAIL, "", "and %zu more", count - PROBLEMS_SHOWN);
}

static void say_denied(struct doctor *d)
{
    char advice[ADVICE_MAX] = "Try sudo; api.socket_group and api.socket_mode say who may.";
    const char *group = peer_group(d->ctl->socket);

    /* Nobody should be led to join root's. */
    if (group && strcmp(group, "root") != 0)
        (void)snprintf(advice, sizeof advice,
                       "It is for group '%s': 'usermod -aG %s USER' and log in anew, or sudo; "
                       "api.socket_group says who may.",
                       group, group);
    doctor_say(d, DOCTOR_FAIL, advice, "not allowed to open %s", d->ctl->socket);
}

static void say_absent(struct doctor *d)
{
    switch (d->answer.os_errno) {
    case EACCES:
    case EPERM:
        say_denied(d);
        break;
    case ECONNREFUSED:
        doctor_say(d, DOCTOR_FAIL, start_it, "%s is there, but nobody listens: the agent has ended",
                   d->ctl->socket);
        break;
    default:
        doctor_say(d, DOCTOR_FAIL, start_it, "no agent at %s: %s", d->ctl->socket, d->answer.why);
        break;
    }
}

static void say_answers(struct doctor *d)
{
    const cJSON *agent = cJSON_GetObjectItemCaseSensitive(d->info, "agent");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(agent, "version");
    const char *text = cJSON_IsString(version) ? version->valuestring : "?";

    if (strcmp(text, LPM_VERSION) == 0)
        doctor_say(d, DOCTOR_OK, "", "lpm-agent %s answers at %s", text, d->ctl->socket);
    else
        doctor_say(d, DOCTOR_WARN, "Install the same version of both.",
                   "lpm-agent %s answers at %s, lpmctl is " LPM_VERSION, text, d->ctl->socket);
}

void doctor_check_agent(struct doctor *d)
{
    if (d->info)
        say_answers(d);
    else if (d->result == CLIENT_ABSENT)
        say_absent(d);
    else if (d->result == CLIENT_TIMEOUT)
        doctor_say(d, DOCTOR_FAIL, "Restart it, and make a bundle for its makers.",
                   "the agent at %s does not answer", d->ctl->socket);
    else if (d->result == CLIENT_OK)
        doctor_say(d, DOCTOR_FAIL, "Is --socket, $LPM_SOCKET or api.socket right?",
                   "what answers at %s is not lpm-agent (status %ld)", d->ctl->socket,
                   d->answer.status);
    else
        doctor_say(d, DOCTOR_FAIL, start_it, "%s: %s", d->ctl->socket, d->answer.why);
}

/* A name that stays the same when the modem comes back. */
static bool is_stable(const char *port)
{
    struct stat st;

    return lstat(port, &st) == 0 && S_ISLNK(st.st_mode);
}

void doctor_check_port(struct doctor *d)
{
    char link[HOST_PATH_MAX + 1], advice[ADVICE_MAX];
    struct stat st;

    if (!d->port[0]) {
        doctor_say(d, DOCTOR_SKIP, "", "not known without configuration and agent");
    } else if (!d->device[0]) {
        doctor_say(d, DOCTOR_FAIL,
                   "Is the modem powered and plugged in ('lsusb', 'dmesg')? Its names are in "
                   "/dev/serial/by-id/.",
                   "%s is not there", d->port);
    } else if (stat(d->device, &st) < 0 || !S_ISCHR(st.st_mode)) {
        doctor_say(d, DOCTOR_FAIL, "modem.port has to be the modem's AT port.", "%s is no device",
                   d->port);
    } else if (is_stable(d->port)) {
        doctor_say(d, DOCTOR_OK, "", "%s is %s", d->port, d->device);
    } else if (host_find_link(d->places->by_id, d->device, link)) {
        (void)snprintf(advice, sizeof advice, "Use the stable link: \"port\": \"%.200s\"", link);
        doctor_say(d, DOCTOR_WARN, advice, "%s may get another number after a reset", d->port);
    } else {
        doctor_say(d, DOCTOR_WARN, "Use a link under /dev/serial/by-id/ where there is one.",
                   "%s may get another number after a reset", d->port);
    }
}

static void name_user(uid_t uid, char *ret, size_t size)
{
    const struct passwd *user = getpwuid(uid);

    if (user)
        (void)snprintf(ret, size, "%s", user->pw_name);
    else
        (void)snprintf(ret, size, "%u", (unsigned)uid);
}

void doctor_check_access(struct doctor *d)
{
    struct host_user user;
    struct stat st;
    char name[64], advice[ADVICE_MAX];
    const struct group *group;

    if (!d->device[0] || stat(d->device, &st) < 0)
        return;
    if (!host_user_of(d->places->proc, d->agent ? d->agent : getpid(), &user))
        return;
    name_user(user.uid, name, sizeof name);
    if (host_may_open(&user, st.st_uid, st.st_gid, st.st_mode)) {
        doctor_say(d, DOCTOR_OK, "", "%s %s may open it", d->agent ? "the agent's user" : "user",
                   name);
        return;
    }
    group = getgrgid(st.st_gid);
    (void)snprintf(advice, sizeof advice, "'usermod -aG %s %s', then restart the agent.",
                   group ? group->gr_name : "GROUP", name);
    /* Without an agent it is only we who may not. */
    doctor_say(d, d->agent ? DOCTOR_FAIL : DOCTOR_WARN, advice,
               "user %s may not open %s (mode %04o)", name, d->device,
               (unsigned)st.st_mode & 07777);
}

void doctor_check_holders(struct doctor *d)
{
    struct host_process holders[HOLDERS_MAX];
    size_t count;

    if (!d->device[0])
        return;
    count = host_find_holders(d->places->proc, d->device, d->agent, holders, HOLDERS_MAX);
    for (size_t i = 0; i < count; i++)
        doctor_say(d, strcmp(holders[i].name, "ModemManager") == 0 ? DOCTOR_FAIL : DOCTOR_WARN,
                   "The port belongs to the agent alone: stop the other, or give it another port "
                   "of the modem.",
                   "%s (pid %ld) has %s open, too", holders[i].name, (long)holders[i].pid,
                   d->device);
    if (count == 0)
        doctor_say(d, DOCTOR_OK, "", "nobody else is seen to have it open%s",
                   geteuid() == 0 ? "" : " (not all can be seen without root)");
}

void doctor_check_modem_manager(struct doctor *d)
{
    struct host_process manager;
    struct stat st;

    if (!host_find_process(d->places->proc, "ModemManager", &manager)) {
        doctor_say(d, DOCTOR_OK, "", "does not run");
        return;
    }
    if (d->device[0] && stat(d->device, &st) == 0 && S_ISCHR(st.st_mode) &&
        host_mm_ignores(d->places->udev_data, st.st_rdev)) {
        doctor_say(d, DOCTOR_OK, "", "runs, and a udev rule keeps it away from the port");
        return;
    }
    doctor_say(d, DOCTOR_WARN,
               "Add a udev rule for the modem's ports: ENV{ID_MM_PORT_IGNORE}=\"1\"; then 'udevadm "
               "control --reload' and "
               "plug it in anew, or 'systemctl disable --now ModemManager'.",
               "runs (pid %ld), and no udev rule keeps it away from the port", (long)manager.pid);
}
