#include "mqtt/sender.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/state/bus.h"
#include "mqtt/post.h"
#include "mqtt/telemetry.h"
#include "mqtt/topics.h"

enum {
    /* Nothing is acknowledged for so long: the connection is dead in silence. */
    ACK_MS = 30000,
    /* A send failed, and the library has not said that the link is gone. */
    DOUBT_MS = 2000,
};

void sender_init(struct sender *sender, const char *base, struct link *link, struct post *post,
                 struct telemetry *telemetry, struct bus *bus)
{
    *sender = (struct sender){ .base = base,
                               .link = link,
                               .post = post,
                               .telemetry = telemetry,
                               .bus = bus,
                               .doubt_ms = CLOCK_NEVER };
}

void sender_begin(struct sender *sender, const struct link_limits *limits)
{
    sender->limits = *limits;
    sender->doubt_ms = CLOCK_NEVER;
}

/* The link is going; its news should be on the way. */
static void give_row_back(struct sender *sender, int64_t number)
{
    post_returned(sender->post, number);
    sender->doubt_ms = clock_earlier(sender->doubt_ms, clock_now_ms() + DOUBT_MS);
}

static void log_aside(const struct outbox_aside *aside, const char *said, int64_t count)
{
    const char *why = reason_text(aside->reason);
    char words[LINK_WHY_MAX + 1];

    (void)snprintf(words, sizeof words, "%s (%d)%s%s", why, aside->reason, said[0] ? ": " : "",
                   said);
    log_warning("the broker refused a message: set aside", LOG_STR("why", words),
                LOG_STR("topic", aside->topic), LOG_NUM("count", count));
}

/* `said`: the broker's own words, or "". */
static void tell_aside(struct sender *sender, const char *said)
{
    struct outbox_aside aside;
    char detail[TOPICS_MAX + 64], journal[TOPICS_MAX];
    int64_t now_ms = clock_now_ms();
    int64_t unsaid = 0;

    if (!post_take_aside(sender->post, &aside))
        return;
    if (quiet_lets(&sender->aside.log, now_ms, &unsaid))
        log_aside(&aside, said, sender->aside.log.count);
    topics_of(sender->base, "e/journal", journal);
    if (!aside_is_told(&sender->aside, &aside, journal, now_ms))
        return;
    (void)snprintf(detail, sizeof detail, "%s: %s", reason_text(aside.reason), aside.topic);
    bus_publish(sender->bus, BUS_JOURNAL, &(struct bus_journal){ "refused", detail });
}

void sender_take_ack(struct sender *sender, const struct link_ack *ack)
{
    int64_t now_ms = clock_now_ms();

    if (ack->reason < 0) {
        give_row_back(sender, ack->number);
        return;
    }
    sender->progress_ms = now_ms;
    (void)post_acked(sender->post, ack->number, ack->reason, now_ms);
    tell_aside(sender, ack->said);
}

void sender_send(struct sender *sender)
{
    const struct outbox_row *row;
    int64_t now_ms = clock_now_ms();

    if (sender->doubt_ms != CLOCK_NEVER)
        return;
    if (post_counts(sender->post).in_flight == 0)
        sender->progress_ms = now_ms;
    while ((row = post_next(sender->post, now_ms, sender->limits.receive_maximum,
                            sender->limits.max_packet))) {
        int64_t number = row->number;

        switch (link_send(sender->link, row)) {
        case LINK_SENT:
            telemetry_went_out(sender->telemetry, row->message.topic);
            break;
        case LINK_NOT_NOW:
            give_row_back(sender, number);
            return;
        case LINK_NEVER:
            sender_take_ack(sender,
                            &(struct link_ack){ .number = number, .reason = REASON_FAILURE });
            break;
        }
    }
    tell_aside(sender, ""); /* what is too long for this broker */
}

int64_t sender_deadline_ms(const struct sender *sender)
{
    return post_counts(sender->post).in_flight > 0
               ? clock_earlier(sender->doubt_ms, sender->progress_ms + ACK_MS)
               : sender->doubt_ms;
}
