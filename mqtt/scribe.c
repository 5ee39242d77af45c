#include "mqtt/scribe.h"

#include <string.h>

#include "mqtt/messages.h"
#include "mqtt/outbox.h"
#include "mqtt/topics.h"

/* What ended before it began (rejected, canceled, expired, already enabled) may be dropped when the
 * outbox is full, so that nobody can fill it. */
static enum outbox_class class_of(const struct operation *op, bool again)
{
    if (again)
        return OUTBOX_ANSWER;
    if (!operation_has_ended(op))
        return OUTBOX_STATUS;
    return op->started_utc_ms ? OUTBOX_OUTCOME : OUTBOX_ANSWER;
}

static void write_status(const char *base, const struct operation *op, bool again,
                         struct letters *ret)
{
    char topic[TOPICS_MAX];
    struct letter *letter;

    topics_status(base, CONFIG_COMMAND_ENABLE_PROFILE, op->request.request, topic);
    letter = letters_add(ret, (int)class_of(op, again), strdup(topic), messages_operation(op));
    if (!letter)
        return;
    memcpy(letter->operation, op->id, sizeof letter->operation);
    letter->rev = op->rev;
    letter->kept = !again && operation_has_ended(op);
}

/* A refusal is no switch. The event goes to a topic of its own, so it need not wait for the statuses. */
static void write_switch(const char *base, const struct operation *op, struct letters *ret)
{
    char topic[TOPICS_MAX];
    struct letter *letter;

    topics_of(base, "e/switch", topic);
    letter = letters_add(ret, (int)(op->started_utc_ms ? OUTBOX_OUTCOME : OUTBOX_EVENT),
                         strdup(topic), messages_switch(op));
    if (letter)
        letter->kept = true;
}

void scribe_write(const char *base, const struct operation *op, bool again, struct letters *ret)
{
    if (op->request.channel == CHANNEL_MQTT)
        write_status(base, op, again, ret);
    if (!again && operation_has_ended(op) && op->state != OPERATION_REJECTED)
        write_switch(base, op, ret);
}
