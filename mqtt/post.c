#include "mqtt/post.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/base/log.h"

struct post {
    int fd;
    pthread_mutex_t lock;
    /* under lock: */
    struct outbox *outbox;
};

struct post *post_new(size_t cap_bytes)
{
    struct post *post = calloc(1, sizeof *post);

    if (!post)
        return NULL;
    pthread_mutex_init(&post->lock, NULL);
    post->outbox = outbox_new(cap_bytes);
    post->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (post->outbox && post->fd >= 0)
        return post;
    post_free(post);
    return NULL;
}

void post_free(struct post *post)
{
    if (!post)
        return;
    outbox_free(post->outbox);
    if (post->fd >= 0)
        close(post->fd);
    pthread_mutex_destroy(&post->lock);
    free(post);
}

int post_fd(const struct post *post)
{
    return post->fd;
}

void post_wake(struct post *post)
{
    /* Fails only when the counter is full, and then the reader is awake. */
    (void)!eventfd_write(post->fd, 1);
}

void post_woken(struct post *post)
{
    eventfd_t ignored;

    (void)!eventfd_read(post->fd, &ignored);
}

void post_say(struct post *post, const struct outbox_message *message, char *payload)
{
    struct outbox_message whole = *message;
    bool kept = false;

    whole.payload = payload;
    if (payload) {
        pthread_mutex_lock(&post->lock);
        kept = outbox_put(post->outbox, &whole);
        pthread_mutex_unlock(&post->lock);
    }
    free(payload);
    if (kept)
        post_wake(post);
    else
        log_debug("mqtt message has no room: dropped", LOG_STR("topic", message->topic));
}

void post_withdraw(struct post *post, const char *topic)
{
    pthread_mutex_lock(&post->lock);
    outbox_withdraw(post->outbox, topic);
    pthread_mutex_unlock(&post->lock);
}

const struct outbox_row *post_next(struct post *post, int64_t now_ms, size_t max_in_flight,
                                   size_t max_packet)
{
    const struct outbox_row *row;

    pthread_mutex_lock(&post->lock);
    row = outbox_next(post->outbox, now_ms, max_in_flight, max_packet);
    pthread_mutex_unlock(&post->lock);
    return row;
}

int64_t post_next_ms(struct post *post, int64_t now_ms)
{
    int64_t next;

    pthread_mutex_lock(&post->lock);
    next = outbox_next_ms(post->outbox, now_ms);
    pthread_mutex_unlock(&post->lock);
    return next;
}

enum outbox_ack post_acked(struct post *post, int64_t number, int reason, int64_t now_ms)
{
    enum outbox_ack ack;

    pthread_mutex_lock(&post->lock);
    ack = outbox_acked(post->outbox, number, reason, now_ms);
    pthread_mutex_unlock(&post->lock);
    return ack;
}

void post_returned(struct post *post, int64_t number)
{
    pthread_mutex_lock(&post->lock);
    outbox_returned(post->outbox, number);
    pthread_mutex_unlock(&post->lock);
}

void post_lost(struct post *post)
{
    pthread_mutex_lock(&post->lock);
    outbox_lost(post->outbox);
    pthread_mutex_unlock(&post->lock);
}

struct outbox_counts post_counts(struct post *post)
{
    struct outbox_counts counts;

    pthread_mutex_lock(&post->lock);
    counts = outbox_counts(post->outbox);
    pthread_mutex_unlock(&post->lock);
    return counts;
}
