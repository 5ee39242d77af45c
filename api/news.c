#include "api/news.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct link {
    struct link *next;
    struct operation op;
};

struct news {
    pthread_mutex_t lock;
    /* under lock: */
    struct link *first, **end;
    size_t count;
    bool changed[NEWS_KINDS]; /* but for NEWS_OPERATION */
    char by[NEWS_BY_MAX + 1];
};

struct news *news_new(void)
{
    struct news *news = calloc(1, sizeof *news);

    if (!news)
        return NULL;
    pthread_mutex_init(&news->lock, NULL);
    news->end = &news->first;
    return news;
}

static void free_links(struct link *link)
{
    while (link) {
        struct link *next = link->next;

        free(link);
        link = next;
    }
}

void news_free(struct news *news)
{
    if (!news)
        return;
    free_links(news->first);
    pthread_mutex_destroy(&news->lock);
    free(news);
}

void news_post_operation(struct news *news, const struct operation *op)
{
    struct link *link = malloc(sizeof *link), *lost = NULL;

    if (link)
        *link = (struct link){ .op = *op };
    pthread_mutex_lock(&news->lock);
    if (!link || news->count == NEWS_OPERATIONS_MAX) {
        lost = news->first;
        news->first = NULL;
        news->end = &news->first;
        news->count = 0;
        news->changed[NEWS_LOST] = true;
    }
    if (link) {
        *news->end = link;
        news->end = &link->next;
        news->count++;
    }
    pthread_mutex_unlock(&news->lock);
    free_links(lost);
}

void news_post_profiles(struct news *news, const char *by)
{
    pthread_mutex_lock(&news->lock);
    news->changed[NEWS_PROFILES] = true;
    (void)snprintf(news->by, sizeof news->by, "%s", by);
    pthread_mutex_unlock(&news->lock);
}

void news_post(struct news *news, enum news_kind kind)
{
    pthread_mutex_lock(&news->lock);
    news->changed[kind] = true;
    pthread_mutex_unlock(&news->lock);
}

/* Under lock. */
static struct link *cut_first(struct news *news)
{
    struct link *link = news->first;

    news->first = link->next;
    if (!news->first)
        news->end = &news->first;
    news->count--;
    return link;
}

/* Under lock. NEWS_KINDS: nothing has. */
static enum news_kind next_kind(const struct news *news)
{
    for (enum news_kind kind = NEWS_LOST; kind < NEWS_KINDS; kind++)
        if (kind == NEWS_OPERATION ? news->first != NULL : news->changed[kind])
            return kind;
    return NEWS_KINDS;
}

bool news_take(struct news *news, struct news_item *ret)
{
    struct link *link = NULL;
    enum news_kind kind;

    pthread_mutex_lock(&news->lock);
    kind = next_kind(news);
    if (kind == NEWS_KINDS) {
        /* As in nearly each round of the API's thread. */
        pthread_mutex_unlock(&news->lock);
        return false;
    }
    *ret = (struct news_item){ .kind = kind };
    if (kind == NEWS_OPERATION)
        link = cut_first(news);
    else
        news->changed[kind] = false;
    if (kind == NEWS_PROFILES)
        (void)snprintf(ret->by, sizeof ret->by, "%s", news->by);
    pthread_mutex_unlock(&news->lock);
    if (link)
        ret->op = link->op;
    free(link);
    return true;
}
