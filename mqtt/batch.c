#include "mqtt/batch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/base/clock.h"
#include "agent/base/macros.h"
#include "mqtt/twin.h"

/* What was measured, in the order of the message. */
enum measure {
    MEASURE_RSSI = 0,
    MEASURE_RSCP,
    MEASURE_ECNO,
    MEASURE_RSRP,
    MEASURE_RSRQ,
    MEASURE_SINR,
    MEASURE_LOSS,
    MEASURE_RTT,
    MEASURE_RX,
    MEASURE_TX,
    MEASURES
};

static const char *const measure_names[MEASURES] = {
    "rssi_dbm", "rscp_dbm", "ecno_db", "rsrp_dbm", "rsrq_db",
    "sinr_db",  "loss_pct", "rtt_ms",  "rx_bytes", "tx_bytes",
};

/* What goes first where two rows are too long: what moves most, then what is seen in another too. */
static const enum measure least_worth[] = {
    MEASURE_TX,   MEASURE_RX,   MEASURE_RTT,  MEASURE_ECNO, MEASURE_SINR,
    MEASURE_RSSI, MEASURE_RSRQ, MEASURE_LOSS, MEASURE_RSCP, MEASURE_RSRP,
};

/* How much a step of one weighs against one of a dB: 20 points of loss are worth telling as 6 dB are. */
static const double weights[MEASURES] = {
    [MEASURE_RSSI] = 1, [MEASURE_RSCP] = 1, [MEASURE_ECNO] = 1,   [MEASURE_RSRP] = 1,
    [MEASURE_RSRQ] = 1, [MEASURE_SINR] = 1, [MEASURE_LOSS] = 0.3,
};
/* One that comes or goes. */
static const double weight_of_knowing = 6;

/* What describes the state, in the order of the message. */
enum trait {
    TRAIT_ICCID = 0,
    TRAIT_IMSI_HASH,
    TRAIT_REGISTRATION,
    TRAIT_ROAMING,
    TRAIT_OPERATOR,
    TRAIT_TECHNOLOGY,
    TRAIT_ATTACHED,
    TRAITS
};

static const char *const trait_names[TRAITS] = {
    "iccid", "imsi_hash", "registration", "roaming", "operator", "technology", "attached",
};

struct row {
    const struct connectivity *reading;
    double measured[MEASURES]; /* NAN: not known */
};

struct table {
    struct row rows[BATCH_ROWS];
    size_t count;
    bool left_out[MEASURES];
    int64_t taken;
    bool clock_is_set;
};

/* NAN: not known. 0.0: a zero has no sign. */
static double whole(const struct level *level)
{
    return level->known ? round(level->value) + 0.0 : NAN;
}

static double tenths(const struct level *level)
{
    return level->known ? round(level->value * 10) / 10 + 0.0 : NAN;
}

static struct row row_of(const struct connectivity *c)
{
    const struct signal_reading *s = &c->signal;
    const struct quality *q = &c->quality;

    return (struct row){
        .reading = c,
        .measured = {
            [MEASURE_RSSI] = tenths(&s->rssi_dbm),
            [MEASURE_RSCP] = tenths(&s->rscp_dbm),
            [MEASURE_ECNO] = tenths(&s->ecno_db),
            [MEASURE_RSRP] = tenths(&s->rsrp_dbm),
            [MEASURE_RSRQ] = tenths(&s->rsrq_db),
            [MEASURE_SINR] = tenths(&s->sinr_db),
            [MEASURE_LOSS] = whole(&q->loss_pct),
            [MEASURE_RTT] = whole(&q->rtt_ms),
            [MEASURE_RX] = q->traffic_known ? (double)q->rx_bytes : NAN,
            [MEASURE_TX] = q->traffic_known ? (double)q->tx_bytes : NAN,
        },
    };
}

static const char *text_of_bool(bool known, bool value)
{
    return !known ? NULL : value ? "true" : "false";
}

/* NULL: not known. */
static const char *trait_of(const struct row *row, enum trait trait)
{
    const struct connectivity *c = row->reading;

    switch (trait) {
    case TRAIT_ICCID:
        return c->has_iccid ? c->iccid.text : NULL;
    case TRAIT_IMSI_HASH:
        return c->imsi_hash[0] ? c->imsi_hash : NULL;
    case TRAIT_REGISTRATION:
        return c->registration ? registration_name(c->registration) : NULL;
    case TRAIT_ROAMING:
        return text_of_bool(connectivity_is_registered(c), c->registration == REGISTRATION_ROAMING);
    case TRAIT_OPERATOR:
        return c->plmn[0] ? c->plmn : NULL;
    case TRAIT_TECHNOLOGY:
        return c->technology ? technology_name(c->technology) : NULL;
    case TRAIT_ATTACHED:
        return text_of_bool(c->attached_known, c->attached);
    case TRAITS:
        break;
    }
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_state(const struct row *a, const struct row *b)
{
    for (enum trait t = 0; t < TRAITS; t++)
        if (!same_text(trait_of(a, t), trait_of(b, t)))
            return false;
    return true;
}

/* By what moved most, in dB as the weights have it. */
static double difference(const struct row *a, const struct row *b)
{
    double most = 0;

    for (enum measure m = 0; m < MEASURES; m++) {
        double by = weights[m] * fabs(a->measured[m] - b->measured[m]);

        if (isnan(a->measured[m]) != isnan(b->measured[m]) && weights[m] > 0)
            by = weight_of_knowing;
        if (!isnan(by) && by > most)
            most = by;
    }
    return most;
}

/* --- leaving out --- */

struct worth {
    bool changes;
    double differs;
    int64_t gap_ms; /* that it would leave */
};

static struct worth worth_of(const struct table *table, size_t i)
{
    const struct row *rows = table->rows;

    return (struct worth){
        .changes = !same_state(&rows[i - 1], &rows[i]),
        .differs = difference(&rows[i - 1], &rows[i]),
        .gap_ms = rows[i + 1].reading->at_ms - rows[i - 1].reading->at_ms,
    };
}

/* Of equals the one that leaves the smallest gap, so that what is left stays spread over the time. */
static bool says_less(const struct worth *a, const struct worth *b)
{
    if (a->changes != b->changes)
        return b->changes;
    if (a->differs != b->differs)
        return a->differs < b->differs;
    return a->gap_ms < b->gap_ms;
}

static void add_traffic(struct row *to, const struct row *from)
{
    for (enum measure m = MEASURE_RX; m <= MEASURE_TX; m++)
        if (isnan(to->measured[m]))
            to->measured[m] = from->measured[m];
        else if (!isnan(from->measured[m]))
            to->measured[m] += from->measured[m];
}

/* Of three or more. */
static size_t least_row(const struct table *table)
{
    size_t least = 1;
    struct worth least_worth_yet = worth_of(table, 1);

    for (size_t i = 2; i + 1 < table->count; i++) {
        const struct worth worth = worth_of(table, i);

        if (says_less(&worth, &least_worth_yet)) {
            least = i;
            least_worth_yet = worth;
        }
    }
    return least;
}

static void leave_out_row(struct table *table, size_t i)
{
    add_traffic(&table->rows[i + 1], &table->rows[i]);
    table->count--;
    memmove(&table->rows[i], &table->rows[i + 1], (table->count - i) * sizeof table->rows[0]);
}

/* Nothing is lost with it that would be worth telling by itself (twin.h). */
static bool says_little(const struct row *before, const struct row *row)
{
    return same_state(before, row) && difference(before, row) < TWIN_STEP_DB;
}

/* False: there is none. The least row says little or none does. */
static bool leave_out_a_quiet_row(struct table *table)
{
    size_t least;

    if (table->count <= BATCH_QUIET_ROWS)
        return false;
    least = least_row(table);
    if (!says_little(&table->rows[least - 1], &table->rows[least]))
        return false;
    leave_out_row(table, least);
    return true;
}

/* Without any, the states of two rows fit, however long they are. */
static void leave_out_a_column(struct table *table)
{
    size_t i = 0;

    while (i < ARRAY_LEN(least_worth) && table->left_out[least_worth[i]])
        i++;
    assert(i < ARRAY_LEN(least_worth));
    table->left_out[least_worth[i]] = true;
}

/* --- writing: each add_ returns false when memory is out --- */

static bool add_to_array(cJSON *array, cJSON *item)
{
    if (item && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add_to_object(cJSON *object, const char *name, cJSON *item)
{
    if (item && cJSON_AddItemToObjectCS(object, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *trait_item(const struct row *row, enum trait trait)
{
    const char *text = trait_of(row, trait);

    if (!text)
        return cJSON_CreateNull();
    return trait == TRAIT_ROAMING || trait == TRAIT_ATTACHED ? cJSON_CreateBool(text[0] == 't')
                                                             : cJSON_CreateString(text);
}

static bool trait_is_constant(const struct table *table, enum trait trait)
{
    for (size_t i = 1; i < table->count; i++)
        if (!same_text(trait_of(&table->rows[0], trait), trait_of(&table->rows[i], trait)))
            return false;
    return true;
}

static bool add_trait(cJSON *to, const struct table *table, enum trait trait)
{
    cJSON *array;
    bool whole;

    if (trait_is_constant(table, trait))
        return !trait_of(&table->rows[0], trait) ||
               add_to_object(to, trait_names[trait], trait_item(&table->rows[0], trait));
    array = cJSON_AddArrayToObject(to, trait_names[trait]);
    whole = array != NULL;
    for (size_t i = 0; whole && i < table->count; i++)
        whole = add_to_array(array, trait_item(&table->rows[i], trait));
    return whole;
}

static bool measure_is_known(const struct table *table, enum measure measure)
{
    for (size_t i = 0; i < table->count; i++)
        if (!isnan(table->rows[i].measured[measure]))
            return true;
    return false;
}

static bool add_measure(cJSON *to, const struct table *table, enum measure measure)
{
    cJSON *array;
    bool whole;

    if (table->left_out[measure] || !measure_is_known(table, measure))
        return true;
    array = cJSON_AddArrayToObject(to, measure_names[measure]);
    whole = array != NULL;
    for (size_t i = 0; whole && i < table->count; i++) {
        double value = table->rows[i].measured[measure];

        whole = add_to_array(array, isnan(value) ? cJSON_CreateNull() : cJSON_CreateNumber(value));
    }
    return whole;
}

static bool add_offsets(cJSON *to, const struct table *table)
{
    cJSON *array = cJSON_AddArrayToObject(to, "offset_s");
    bool whole = array != NULL;
    int64_t offset_s = -1;

    for (size_t i = 0; whole && i < table->count; i++) {
        int64_t ms = table->rows[i].reading->at_ms - table->rows[0].reading->at_ms;
        int64_t nearest_s = (ms + 500) / 1000;

        offset_s = nearest_s > offset_s ? nearest_s : offset_s + 1;
        whole = add_to_array(array, cJSON_CreateNumber((double)offset_s));
    }
    return whole;
}

static bool add_head(cJSON *to, const struct table *table)
{
    char at[CLOCK_TEXT_LEN + 1];

    clock_to_text(table->rows[0].reading->at_utc_ms, at);
    return add_to_object(to, "at", cJSON_CreateString(at)) &&
           (table->clock_is_set || add_to_object(to, "clock_set", cJSON_CreateBool(false))) &&
           add_to_object(to, "samples", cJSON_CreateNumber((double)table->taken));
}

static char *print(const struct table *table)
{
    cJSON *json = cJSON_CreateObject();
    bool whole = json && add_head(json, table);
    char *text;

    for (enum trait t = 0; whole && t < TRAITS; t++)
        whole = add_trait(json, table, t);
    whole = whole && add_offsets(json, table);
    for (enum measure m = 0; whole && m < MEASURES; m++)
        whole = add_measure(json, table, m);
    text = whole ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

char *batch_to_text(const struct sample *rows, size_t count, int64_t taken, bool clock_is_set)
{
    struct table table = { .count = count, .taken = taken, .clock_is_set = clock_is_set };
    char *text;

    assert(count >= 1 && count <= BATCH_ROWS);
    for (size_t i = 0; i < count; i++)
        table.rows[i] = row_of(&rows[i].reading);
    while (count > BATCH_WHOLE_ROWS && leave_out_a_quiet_row(&table))
        ;
    while ((text = print(&table)) && strlen(text) > BATCH_MAX) {
        free(text);
        if (table.count > 2)
            leave_out_row(&table, least_row(&table));
        else
            leave_out_a_column(&table);
    }
    return text;
}
