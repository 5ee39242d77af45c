#include "tests/unit/vectors.h"

#include "agent/base/hex.h"
#include "tests/test.h"

enum { FILE_MAX = 1 << 20 };

cJSON *vectors_load(const char *file)
{
    char path[512];
    char *text = malloc(FILE_MAX);
    FILE *in;
    cJSON *json;
    size_t n;

    (void)snprintf(path, sizeof path, "%s/%s", VECTORS_DIR, file);
    in = fopen(path, "rb");
    assert_non_null(in);
    assert_non_null(text);
    n = fread(text, 1, FILE_MAX, in);
    (void)fclose(in);
    json = cJSON_ParseWithLength(text, n);
    free(text);
    assert_non_null(json);
    return json;
}

const cJSON *vectors_array(const cJSON *file, const char *name)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(file, name);

    assert_true(cJSON_IsArray(array));
    assert_true(cJSON_GetArraySize(array) > 0);
    return array;
}

const char *vectors_text(const cJSON *row, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, name));
}

size_t vectors_bytes(const cJSON *row, const char *name, uint8_t *ret, size_t cap)
{
    const char *hex = vectors_text(row, name);
    size_t n = 0;

    assert_non_null(hex);
    assert_true(hex_to_bytes(hex, strlen(hex), ret, cap, &n));
    return n;
}
