#include "agent/worker/view.h"

#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/state/bus.h"
#include "agent/state/etag.h"

void view_init(struct view *view, struct state *state, struct bus *bus)
{
    /* A tag from before a restart never fits: nobody knows what happened in between. */
    *view = (struct view){
        .state = state, .bus = bus, .generation = (uint64_t)clock_utc_ms(), .list_by = "start"
    };
    view->now.trouble =
        error_make(ERROR_IN_AGENT, ERROR_MODEM_ABSENT, 0, "the modem is not set up yet");
}

void view_publish(struct view *view)
{
    struct error e = state_publish(view->state, &view->now);

    if (e.code)
        log_err("snapshot could not be replaced, the one before stays", LOG_ERR(&e));
}

bool view_has(const struct view *view, enum read_want want)
{
    return want == READ_EID        ? view->now.has_eid
           : want == READ_PROFILES ? view->now.has_list
                                   : view->now.has_connectivity;
}

static void copy_text(char *to, size_t size, const char *from)
{
    size_t n = strnlen(from, size - 1);

    memcpy(to, from, n);
    to[n] = '\0';
}

void view_take_identity(struct view *view, const struct modem_identity *id)
{
    copy_text(view->now.manufacturer, sizeof view->now.manufacturer, id->manufacturer);
    copy_text(view->now.model, sizeof view->now.model, id->model);
    copy_text(view->now.revision, sizeof view->now.revision, id->revision);
    copy_text(view->now.port, sizeof view->now.port, id->port);
}

void view_take_eid(struct view *view, const struct eid *eid)
{
    view->now.has_eid = true;
    view->now.eid = *eid;
    view->now.eid_at_ms = clock_now_ms();
}

void view_drop_eid(struct view *view)
{
    view->now.has_eid = false;
}

static bool same_enabled(const struct profile_list *a, const struct profile_list *b)
{
    const struct profile *x = profile_enabled(a);
    const struct profile *y = profile_enabled(b);

    return (!x && !y) || (x && y && x->has_iccid == y->has_iccid &&
                          iccid_equal(&x->iccid, &y->iccid) && aid_equal(&x->aid, &y->aid));
}

bool view_is_other_card(const struct view *view, const struct profile_list *list)
{
    const struct profile_list *before = &view->now.list;

    for (size_t i = 0; i < list->count; i++) {
        const struct profile_ref ref = { .by_aid = !list->rows[i].has_iccid,
                                         .iccid = list->rows[i].iccid,
                                         .aid = list->rows[i].aid };

        if (profile_find(before, &ref))
            return false;
    }
    return before->count > 0;
}

void view_remember(struct view *view, const char *enabled, int64_t since_utc_ms, const char *by)
{
    copy_text(view->remembered, sizeof view->remembered, enabled);
    view->remembered_since_utc_ms = clock_was_set(since_utc_ms) ? since_utc_ms : 0;
    copy_text(view->remembered_by, sizeof view->remembered_by, by);
}

/* Once: true where the first list has the profile in use that the last process knew. One that another
 * has was changed while the agent was away. */
static bool is_as_remembered(struct view *view, const struct profile_list *list)
{
    const struct profile *enabled = profile_enabled(list);
    bool compares = view->remembered[0] && enabled && enabled->has_iccid;
    bool same = compares && strcmp(enabled->iccid.text, view->remembered) == 0;

    if (compares && !same && strcmp(view->list_by, "start") == 0)
        view->list_by = "external";
    view->remembered[0] = '\0';
    return same;
}

/* Another profile is in use than before, or it is not known what was before. */
static void note_enabled(struct view *view, bool as_remembered, bool known, const char *by)
{
    struct snapshot *now = &view->now;

    if (as_remembered && view->remembered_by[0]) {
        now->enabled_since_utc_ms = view->remembered_since_utc_ms;
        copy_text(now->enabled_by, sizeof now->enabled_by, view->remembered_by);
        return;
    }
    /* A clock that is not set would say something that nobody can mend later. */
    now->enabled_since_utc_ms = known && clock_is_set() ? clock_utc_ms() : 0;
    copy_text(now->enabled_by, sizeof now->enabled_by, by);
}

void view_take_list(struct view *view, const struct profile_list *list)
{
    struct bus_profiles told;
    bool known = view->rows_tag[0] != '\0';
    /* After a switch that was rolled back it is the same one, in use anew. */
    bool other_enabled =
        !known || strcmp(view->list_by, "operation") == 0 || !same_enabled(&view->now.list, list);
    char rows_tag[sizeof view->rows_tag];
    bool as_remembered = is_as_remembered(view, list);
    char etag[sizeof view->now.etag];
    bool news;

    told.by = view->list_by;
    etag_of_list(list, 0, rows_tag);
    news = strcmp(rows_tag, view->rows_tag) != 0;
    memcpy(view->rows_tag, rows_tag, sizeof rows_tag);
    view->now.list = *list;
    view->now.has_list = true;
    view->now.list_at_ms = clock_now_ms();
    memcpy(etag, view->now.etag, sizeof etag);
    etag_of_list(list, view->generation, view->now.etag);
    if (other_enabled)
        note_enabled(view, as_remembered, known, told.by);
    /* From here on, a list that differs was changed by somebody else. */
    view->list_by = "external";
    view_publish(view);
    if (!news) {
        if (strcmp(told.by, "external") == 0)
            told.by = "start"; /* the modem or the card: nobody changed anything */
        if (strcmp(etag, view->now.etag) != 0)
            bus_publish(view->bus, BUS_LIST, &told);
        return;
    }
    log_info("profile list is known", LOG_NUM("count", (int64_t)list->count),
             LOG_STR("by", told.by));
    bus_publish(view->bus, BUS_PROFILES, &told);
}

void view_drop_list(struct view *view, const char *by)
{
    view->generation++;
    view->now.has_list = false;
    view->list_by = by;
    view_publish(view);
}

void view_set_trouble(struct view *view, enum modem_state modem, const struct error *trouble,
                      const char *transport, const char *interface)
{
    /* What is said first is news, whatever it is. */
    bool changed =
        !view->said_trouble || view->now.modem != modem || view->now.trouble.code != trouble->code;
    bool says_more = strcmp(view->now.trouble.message, trouble->message) != 0;

    view->said_trouble = true;
    view->now.modem = modem;
    view->now.trouble = *trouble;
    copy_text(view->now.transport, sizeof view->now.transport, transport);
    copy_text(view->now.interface, sizeof view->now.interface, interface);
    if (!changed && !says_more)
        return;
    view_publish(view);
    if (!changed) {
        log_debug("modem or card is still not ready", LOG_ERR(trouble));
        bus_publish(view->bus, BUS_HEALTH, NULL);
        return;
    }
    if (trouble->code)
        log_warning("modem or card is not ready, trying on", LOG_ERR(trouble));
    else
        log_info("modem and card are ready", LOG_STR("model", view->now.model),
                 LOG_STR("transport", view->now.transport),
                 LOG_STR("interface", view->now.interface));
    bus_publish(view->bus, BUS_MODEM, NULL);
}
