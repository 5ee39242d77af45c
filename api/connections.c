#include "api/connections.h"

#include "agent/base/clock.h"

void connections_init(struct connections *all, size_t max)
{
    *all = (struct connections){ .max = max, .sweep_ms = CLOCK_NEVER };
}

static void take_out(struct connections *all, struct connections_link *link)
{
    *(link->before ? &link->before->next : &all->oldest) = link->next;
    *(link->next ? &link->next->before : &all->newest) = link->before;
    link->next = link->before = NULL;
}

static void put_last(struct connections *all, struct connections_link *link)
{
    link->before = all->newest;
    *(link->before ? &link->before->next : &all->oldest) = link;
    all->newest = link;
}

static void set_deadline(struct connections *all, struct connections_link *link,
                         int64_t deadline_ms)
{
    link->deadline_ms = deadline_ms;
    if (deadline_ms < all->sweep_ms)
        all->sweep_ms = deadline_ms;
}

void connections_add(struct connections *all, struct connections_link *link, void *owner,
                     int64_t deadline_ms)
{
    *link = (struct connections_link){ .owner = owner };
    put_last(all, link);
    all->count++;
    set_deadline(all, link, deadline_ms);
}

void connections_remove(struct connections *all, struct connections_link *link)
{
    take_out(all, link);
    all->count -= !link->is_ended;
}

void connections_touch(struct connections *all, struct connections_link *link, int64_t deadline_ms)
{
    if (link->is_ended)
        return;
    link->is_held = false;
    if (all->newest != link) {
        take_out(all, link);
        put_last(all, link);
    }
    set_deadline(all, link, deadline_ms);
}

void connections_hold(struct connections *all, struct connections_link *link)
{
    (void)all;
    if (link->is_ended)
        return;
    link->is_held = true;
    link->deadline_ms = CLOCK_NEVER;
}

static struct connections_link *end(struct connections *all, struct connections_link *link)
{
    link->is_ended = true;
    link->deadline_ms = CLOCK_NEVER;
    all->count--;
    return link;
}

struct connections_link *connections_end_one(struct connections *all, int64_t now_ms)
{
    if (all->count > all->max)
        for (struct connections_link *l = all->oldest; l; l = l->next)
            if (!l->is_held && !l->is_ended)
                return end(all, l);
    if (now_ms < all->sweep_ms)
        return NULL;
    all->sweep_ms = CLOCK_NEVER;
    for (struct connections_link *l = all->oldest; l; l = l->next) {
        if (l->deadline_ms <= now_ms) {
            all->sweep_ms = now_ms; /* those behind it are still to be looked at */
            return end(all, l);
        }
        if (l->deadline_ms < all->sweep_ms)
            all->sweep_ms = l->deadline_ms;
    }
    return NULL;
}

int64_t connections_deadline_ms(const struct connections *all)
{
    return all->sweep_ms;
}
