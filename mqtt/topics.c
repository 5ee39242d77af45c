#include "mqtt/topics.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/utf8.h"

/* "/cmd/enable-profile/<id>/confirm" and "/twin/connectivity" have to fit behind the base. */
enum { TAIL_MAX = 5 + 32 + ID_SENDER_MAX + 9, LEVELS = 3, NAME_MAX_LEN = 31 };

struct level {
    const char *text;
    size_t len;
};

bool topics_base(const char *prefix, const char *device_id, char ret[TOPICS_MAX])
{
    char base[TOPICS_MAX];
    int n = snprintf(base, sizeof base, "%s/%s", prefix, device_id);

    if (n < 0 || n + TAIL_MAX >= TOPICS_MAX || strpbrk(base, "+#") || base[0] == '$')
        return false;
    memcpy(ret, base, sizeof base);
    return true;
}

/* Splits into exactly `LEVELS` levels. */
static bool split(const char *text, size_t len, struct level ret[LEVELS])
{
    for (size_t i = 0; i < LEVELS; i++) {
        const char *slash = memchr(text, '/', len);

        if (!slash != (i == LEVELS - 1))
            return false;
        ret[i] = (struct level){ text, slash ? (size_t)(slash - text) : len };
        if (slash) {
            len -= ret[i].len + 1;
            text = slash + 1;
        }
    }
    return true;
}

static bool level_is(struct level level, const char *text)
{
    return level.len == strlen(text) && memcmp(level.text, text, level.len) == 0;
}

static enum config_command command_of(struct level level)
{
    char name[NAME_MAX_LEN + 1] = "";

    if (level.len > NAME_MAX_LEN || memchr(level.text, '\0', level.len))
        return 0;
    memcpy(name, level.text, level.len);
    return config_command_from_name(name);
}

static enum topics_verb verb_of(struct level level, enum config_command command)
{
    if (level_is(level, "req"))
        return TOPICS_REQUEST;
    if (level_is(level, "status"))
        return TOPICS_OURS;
    if (command != CONFIG_COMMAND_ENABLE_PROFILE)
        return TOPICS_ALIEN;
    if (level_is(level, "cancel"))
        return TOPICS_CANCEL;
    return level_is(level, "confirm") ? TOPICS_CONFIRM : TOPICS_ALIEN;
}

/* Whether `topic` is under P/cmd/; `*ret_rest` is what follows. */
static bool is_command(const char *base, const char *topic, size_t len, size_t *ret_at)
{
    size_t base_len = strlen(base);

    *ret_at = base_len + strlen("/cmd/");
    return len >= *ret_at && memcmp(topic, base, base_len) == 0 &&
           memcmp(topic + base_len, "/cmd/", strlen("/cmd/")) == 0;
}

struct topics_command topics_parse(const char *base, const char *topic, size_t len)
{
    const struct topics_command alien = { 0 };
    struct topics_command ret = { 0 };
    struct level levels[LEVELS];
    size_t at;

    if (!is_command(base, topic, len, &at) || !split(topic + at, len - at, levels))
        return alien;
    ret.command = command_of(levels[0]);
    if (!ret.command || !id_is_sender(levels[1].text, levels[1].len))
        return alien;
    memcpy(ret.id, levels[1].text, levels[1].len);
    ret.verb = verb_of(levels[2], ret.command);
    return ret.verb == TOPICS_ALIEN ? alien : ret;
}

void topics_of(const char *base, const char *rest, char ret[TOPICS_MAX])
{
    (void)snprintf(ret, TOPICS_MAX, "%.*s/%s", TOPICS_MAX - TAIL_MAX, base, rest);
}

void topics_status(const char *base, enum config_command command, const char *id,
                   char ret[TOPICS_MAX])
{
    (void)snprintf(ret, TOPICS_MAX, "%.*s/cmd/%s/%s/status", TOPICS_MAX - TAIL_MAX, base,
                   config_command_name(command), id);
}

bool topics_may_respond(const char *base, const char *topic, size_t len)
{
    size_t base_len = strlen(base);

    if (len == 0 || len >= TOPICS_MAX || topic[0] == '$')
        return false;
    if (memchr(topic, '+', len) || memchr(topic, '#', len) || !utf8_is_printable(topic, len))
        return false;
    /* P/cmd itself, and everything under it. */
    return len < base_len + 4 || memcmp(topic, base, base_len) != 0 ||
           memcmp(topic + base_len, "/cmd", 4) != 0 ||
           (len > base_len + 4 && topic[base_len + 4] != '/');
}
