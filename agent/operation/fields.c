#include "agent/operation/fields.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/aid.h"
#include "agent/base/iccid.h"
#include "agent/base/utf8.h"

#define EXACT INT64_C(999999999999999) /* cJSON writes 15 digits when that is near enough to it */

/* --- writing --- */

static bool put_text(cJSON *to, const char *name, const char *text)
{
    return !text[0] || cJSON_AddStringToObject(to, name, text);
}

static bool put_number(cJSON *to, const char *name, int64_t value)
{
    int64_t cut = value > EXACT ? EXACT : value < -EXACT ? -EXACT : value;

    return cut == 0 || cJSON_AddNumberToObject(to, name, (double)cut);
}

/* What a modem said may be quoted in an error, and it must not cost us the whole on the way back. */
static bool put_clean_text(cJSON *to, const char *name, const char *text)
{
    char *clean = strdup(text);
    size_t len = clean ? strlen(clean) : 0;
    bool done;

    for (size_t i = 0; i < len;) {
        size_t n = utf8_take(clean + i, len - i, NULL);

        if (n == 0)
            clean[i] = '?';
        i += n ? n : 1;
    }
    done = clean && put_text(to, name, clean);
    free(clean);
    return done;
}

static bool put_aid(cJSON *to, const char *name, const struct aid *aid)
{
    char text[AID_TEXT_MAX + 1];

    if (aid->len == 0)
        return true;
    aid_to_text(aid, text);
    return put_text(to, name, text);
}

static unsigned enum_at(const void *at)
{
    unsigned value;

    memcpy(&value, at, sizeof value);
    return value;
}

static bool put_field(cJSON *to, const struct field *row, const void *at)
{
    switch (row->kind) {
    case FIELD_BOOL:
        return !*(const bool *)at || cJSON_AddTrueToObject(to, row->name);
    case FIELD_INT:
        return put_number(to, row->name, *(const int *)at);
    case FIELD_NUMBER:
        return put_number(to, row->name, *(const int64_t *)at);
    case FIELD_ENUM:
        return enum_at(at) == 0 || put_text(to, row->name, row->value_name(enum_at(at)));
    case FIELD_TEXT:
        return put_clean_text(to, row->name, at);
    case FIELD_ICCID:
        return put_text(to, row->name, ((const struct iccid *)at)->text);
    case FIELD_AID:
        return put_aid(to, row->name, at);
    }
    return false;
}

/* A row that names a member of another type is a mistake of ours. */
static bool fits(const struct field *row)
{
    static const size_t sizes[] = {
        [FIELD_BOOL] = sizeof(bool),          [FIELD_INT] = sizeof(int),
        [FIELD_NUMBER] = sizeof(int64_t),     [FIELD_ENUM] = sizeof(unsigned),
        [FIELD_ICCID] = sizeof(struct iccid), [FIELD_AID] = sizeof(struct aid),
    };

    return row->kind == FIELD_TEXT ? row->size > 0 : row->size == sizes[row->kind];
}

bool fields_put(cJSON *to, const struct field *rows, size_t count, const void *from)
{
    for (size_t i = 0; i < count; i++) {
        assert(fits(&rows[i]));
        if (!put_field(to, &rows[i], (const char *)from + rows[i].offset))
            return false;
    }
    return true;
}

/* --- reading --- */

static bool take_number(const cJSON *item, int64_t least, int64_t most, int64_t *ret)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0.5;

    if (!(value >= (double)least && value <= (double)most) || (double)(int64_t)value != value)
        return false;
    *ret = (int64_t)value;
    return true;
}

static bool take_bool(const cJSON *item, bool *ret)
{
    *ret = cJSON_IsTrue(item);
    return cJSON_IsBool(item);
}

static bool take_int(const cJSON *item, int *ret)
{
    int64_t value = 0;
    bool done = take_number(item, INT32_MIN, INT32_MAX, &value);

    *ret = (int)value;
    return done;
}

static bool take_enum(const cJSON *item, const struct field *row, void *ret)
{
    for (unsigned i = 0; i < row->count && cJSON_IsString(item); i++)
        if (strcmp(row->value_name(i), item->valuestring) == 0) {
            memcpy(ret, &i, sizeof i);
            return true;
        }
    return false;
}

static bool take_text(const cJSON *item, size_t size, char *ret)
{
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size)
        return false;
    memcpy(ret, item->valuestring, strlen(item->valuestring) + 1);
    return true;
}

static bool take_iccid(const cJSON *item, struct iccid *ret)
{
    return cJSON_IsString(item) &&
           !iccid_from_text(item->valuestring, strlen(item->valuestring), ret).code;
}

static bool take_aid(const cJSON *item, struct aid *ret)
{
    return cJSON_IsString(item) &&
           !aid_from_text(item->valuestring, strlen(item->valuestring), ret).code;
}

static bool take_field(const cJSON *item, const struct field *row, void *at)
{
    switch (row->kind) {
    case FIELD_BOOL:
        return take_bool(item, at);
    case FIELD_INT:
        return take_int(item, at);
    case FIELD_NUMBER:
        return take_number(item, -EXACT, EXACT, at);
    case FIELD_ENUM:
        return take_enum(item, row, at);
    case FIELD_TEXT:
        return take_text(item, row->size, at);
    case FIELD_ICCID:
        return take_iccid(item, at);
    case FIELD_AID:
        return take_aid(item, at);
    }
    return false;
}

bool fields_take(const cJSON *from, const struct field *rows, size_t count, void *ret)
{
    if (!cJSON_IsObject(from))
        return false;
    for (size_t i = 0; i < count; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, rows[i].name);

        assert(fits(&rows[i]));
        if (item && !take_field(item, &rows[i], (char *)ret + rows[i].offset))
            return false;
    }
    return true;
}
