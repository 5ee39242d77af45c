#include "mqtt/post.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/macros.h"
#include "agent/operation/journal.h"
#include "agent/operation/letter.h"

/* At once from the journal, and out of it. */
enum { BATCH = 64 };

struct post {
    int fd;
    struct journal *journal;
    /* Of the link's thread: what is on disk could not be read yet. */
    bool unread;
    pthread_mutex_t lock;
    /* under lock: */
    struct outbox *outbox;
};

static struct outbox_message message_of(const struct letter *letter)
{
    return (struct outbox_message){
        .class = (enum outbox_class)letter->class,
        .topic = letter->topic,
        .payload = letter->payload,
        .operation = letter->operation[0] ? letter->operation : NULL,
        .rev = letter->rev,
        .letter = letter->number,
        .came_ms = clock_now_ms(),
    };
}

static void letter_done(struct letter *letter)
{
    free(letter->topic);
    free(letter->payload);
}

/* What has no room is dropped as ever, or is left where it is. */
static void take_up(struct post *post)
{
    struct letter letters[BATCH];
    int64_t after = 0;
    size_t count;

    do {
        count = journal_load_letters(post->journal, after, BATCH, letters);
        for (size_t i = 0; i < count; i++) {
            const struct outbox_message m = message_of(&letters[i]);

            pthread_mutex_lock(&post->lock);
            (void)outbox_put(post->outbox, &m);
            pthread_mutex_unlock(&post->lock);
            after = m.letter;
            letter_done(&letters[i]);
        }
        post_tidy(post);
    } while (count == BATCH);
}

struct post *post_new(size_t cap_bytes, struct journal *journal)
{
    struct post *post = calloc(1, sizeof *post);

    if (!post)
        return NULL;
    post->journal = journal;
    pthread_mutex_init(&post->lock, NULL);
    post->outbox = outbox_new(cap_bytes);
    post->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!post->outbox || post->fd < 0) {
        post_free(post);
        return NULL;
    }
    post->unread = journal_is_unread(journal);
    take_up(post);
    return post;
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

static void put(struct post *post, const struct outbox_message *message)
{
    bool kept = false;

    if (message->payload) {
        pthread_mutex_lock(&post->lock);
        kept = outbox_put(post->outbox, message);
        pthread_mutex_unlock(&post->lock);
    }
    if (!kept)
        log_debug("mqtt message has no room: dropped", LOG_STR("topic", message->topic));
    /* Also then: its letter has to leave the disk. */
    post_wake(post);
}

void post_say(struct post *post, const struct outbox_message *message, char *payload)
{
    struct outbox_message whole = *message;

    whole.payload = payload;
    whole.came_ms = clock_now_ms();
    put(post, &whole);
    free(payload);
}

void post_say_kept(struct post *post, const struct outbox_message *message, char *payload)
{
    struct letters letters = { 0 };
    struct letter *letter =
        letters_add(&letters, (int)message->class, strdup(message->topic), payload);

    if (letter) {
        /* The journal says that it fails; the message goes on in memory. */
        struct error ignored = journal_add_letter(post->journal, letter);
        (void)ignored;
    } else {
        log_debug("mqtt message has no room: dropped", LOG_STR("topic", message->topic));
    }
    post_letters(post, &letters);
}

void post_letters(struct post *post, struct letters *letters)
{
    for (size_t i = 0; i < letters->count; i++) {
        const struct outbox_message m = message_of(&letters->items[i]);

        put(post, &m);
    }
    letters_done(letters);
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

bool post_take_aside(struct post *post, struct outbox_aside *ret)
{
    bool taken;

    pthread_mutex_lock(&post->lock);
    taken = outbox_take_aside(post->outbox, ret);
    pthread_mutex_unlock(&post->lock);
    return taken;
}

struct outbox_counts post_counts(struct post *post)
{
    struct outbox_counts counts;

    pthread_mutex_lock(&post->lock);
    counts = outbox_counts(post->outbox);
    pthread_mutex_unlock(&post->lock);
    return counts;
}

static void clear_disk(struct post *post)
{
    int64_t letters[BATCH];
    size_t count;

    do {
        pthread_mutex_lock(&post->lock);
        count = outbox_take_done(post->outbox, ARRAY_LEN(letters), letters);
        pthread_mutex_unlock(&post->lock);
        if (count > 0)
            journal_remove_letters(post->journal, letters, count);
    } while (count == ARRAY_LEN(letters));
}

/* Gives the outbox the letters up to `last`; how far that went. Under lock. */
static int64_t load(struct post *post, const struct letter *letters, size_t count, int64_t last)
{
    for (size_t i = 0; i < count && letters[i].number <= last; i++) {
        const struct outbox_message m = message_of(&letters[i]);

        if (!outbox_load(post->outbox, &m))
            return m.letter - 1;
    }
    return last;
}

/* The last letter that this reading tells of: a short one tells of all, unless the disk failed. */
static int64_t read_up_to(struct post *post, const struct letter *letters, size_t count,
                          int64_t last)
{
    if (count == BATCH || journal_check(post->journal).code)
        return count > 0 ? letters[count - 1].number : 0;
    return last;
}

/* True: call it again. */
static bool fetch_some(struct post *post)
{
    struct letter letters[BATCH];
    struct outbox_left left;
    size_t count;
    int64_t last, loaded;

    pthread_mutex_lock(&post->lock);
    left = outbox_wants(post->outbox);
    pthread_mutex_unlock(&post->lock);
    if (!left.first)
        return false;
    count = journal_load_letters(post->journal, left.first - 1, BATCH, letters);
    last = read_up_to(post, letters, count, left.last);
    pthread_mutex_lock(&post->lock);
    loaded = load(post, letters, count, last);
    outbox_loaded(post->outbox, loaded);
    pthread_mutex_unlock(&post->lock);
    for (size_t i = 0; i < count; i++)
        letter_done(&letters[i]);
    return count == BATCH && loaded == last;
}

void post_tidy(struct post *post)
{
    if (post->unread && !journal_is_unread(post->journal)) {
        post->unread = false;
        take_up(post);
    }
    do
        clear_disk(post);
    while (fetch_some(post));
}
