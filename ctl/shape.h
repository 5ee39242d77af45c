#pragma once

#include <stdbool.h>

#include <cjson/cJSON.h>

/* What an answer has to be for a command to believe that it is lpm-agent's. No more than what tells it from
 * anybody else's: any other member may be absent, or of another type (field.h). */

enum shape {
    /* "204 No Content", nothing else. */
    SHAPE_NOTHING,
    /* Of any other 2xx: no document, a stream. */
    SHAPE_STREAM,
    SHAPE_EID,
    SHAPE_PROFILES,
    SHAPE_PLAN,
    SHAPE_OPERATION,
    SHAPE_OPERATIONS,
    SHAPE_CONNECTIVITY,
    SHAPE_SAMPLES,
    SHAPE_LOCK,
    SHAPE_INFO,
    /* Of a refusal. */
    SHAPE_PROBLEM,
};

/* `json` NULL: there was no document. */
bool shape_fits(enum shape shape, const cJSON *json);
