#include "ctl/shape.h"

#include <stddef.h>

#include "agent/base/macros.h"
#include "ctl/field.h"

static cJSON_bool is_rows(const cJSON *item)
{
    const cJSON *row;

    cJSON_ArrayForEach (row, item)
        if (!cJSON_IsObject(row))
            return 0;
    return cJSON_IsArray(item);
}

/* The member that tells it; those without one are no document. */
static const struct {
    const char *member;
    cJSON_bool (*is)(const cJSON *item);
} shapes[] = {
    [SHAPE_NOTHING] = { NULL, NULL },
    [SHAPE_STREAM] = { NULL, NULL },
    [SHAPE_EID] = { "eid", cJSON_IsString },
    [SHAPE_PROFILES] = { "profiles", is_rows },
    [SHAPE_PLAN] = { "would", cJSON_IsString },
    [SHAPE_OPERATION] = { "id", cJSON_IsString },
    [SHAPE_OPERATIONS] = { "operations", is_rows },
    [SHAPE_CONNECTIVITY] = { "at", cJSON_IsString },
    [SHAPE_SAMPLES] = { "samples", is_rows },
    [SHAPE_LOCK] = { "holder", cJSON_IsString },
    [SHAPE_INFO] = { "agent", cJSON_IsObject },
    [SHAPE_PROBLEM] = { "code", cJSON_IsString },
};

bool shape_fits(enum shape shape, const cJSON *json)
{
    if (!json || (size_t)shape >= ARRAY_LEN(shapes))
        return shape == SHAPE_NOTHING && !json;
    return shapes[shape].member && cJSON_IsObject(json) &&
           shapes[shape].is(field_find(json, shapes[shape].member));
}
