#include "ctl/field.h"

#include <string.h>

const cJSON *field_find(const cJSON *json, const char *path)
{
    char name[48];

    for (;;) {
        size_t n = strcspn(path, ".");

        if (!json || n >= sizeof name)
            return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        json = cJSON_GetObjectItemCaseSensitive(json, name);
        if (path[n] == '\0')
            return json;
        path += n + 1;
    }
}

const char *field_text(const cJSON *json, const char *path)
{
    const cJSON *at = field_find(json, path);

    return cJSON_IsString(at) ? at->valuestring : NULL;
}

const char *field_shown(const cJSON *json, const char *path)
{
    const char *text = field_text(json, path);

    return text ? text : "";
}

bool field_is_true(const cJSON *json, const char *path)
{
    return cJSON_IsTrue(field_find(json, path));
}

bool field_is_false(const cJSON *json, const char *path)
{
    return cJSON_IsFalse(field_find(json, path));
}

bool field_number(const cJSON *json, const char *path, double *ret)
{
    const cJSON *at = field_find(json, path);

    if (!cJSON_IsNumber(at))
        return false;
    *ret = at->valuedouble;
    return true;
}
