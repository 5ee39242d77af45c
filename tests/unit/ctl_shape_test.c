#include "ctl/shape.h"
#include "tests/test.h"

static const struct {
    enum shape shape;
    /* NULL: no document. */
    const char *text;
    bool fits;
} rows[] = {
    { SHAPE_NOTHING, NULL, true },
    { SHAPE_NOTHING, "null", false },
    { SHAPE_NOTHING, "{}", false },
    { SHAPE_STREAM, NULL, false },
    { SHAPE_STREAM, "{}", false },
    { SHAPE_EID, "{\"eid\":\"89\"}", true },
    { SHAPE_EID, "{\"eid\":89}", false },
    { SHAPE_EID, "{\"EID\":\"89\"}", false },
    { SHAPE_EID, NULL, false },
    { SHAPE_PROFILES, "{\"profiles\":[]}", true },
    { SHAPE_PROFILES, "{\"profiles\":[{},{\"iccid\":null}]}", true },
    { SHAPE_PROFILES, "{\"profiles\":[{},7]}", false },
    { SHAPE_PROFILES, "{\"profiles\":[[]]}", false },
    { SHAPE_PROFILES, "{\"profiles\":{}}", false },
    { SHAPE_PROFILES, "{\"profiles\":{\"a\":{}}}", false },
    { SHAPE_PLAN, "{\"would\":\"accepted\"}", true },
    { SHAPE_PLAN, "{\"would\":null}", false },
    { SHAPE_OPERATION, "{\"id\":\"01JD\",\"state\":7}", true },
    { SHAPE_OPERATION, "{\"id\":1}", false },
    { SHAPE_OPERATIONS, "{\"operations\":[{}]}", true },
    { SHAPE_OPERATIONS, "{\"operations\":[null]}", false },
    { SHAPE_CONNECTIVITY, "{\"at\":\"2026-11-26T08:00:00Z\"}", true },
    { SHAPE_CONNECTIVITY, "{\"at\":5}", false },
    { SHAPE_SAMPLES, "{\"samples\":[]}", true },
    { SHAPE_SAMPLES, "{\"at\":\"2026-11-26T08:00:00Z\"}", false },
    { SHAPE_LOCK, "{\"holder\":\"me\"}", true },
    { SHAPE_LOCK, "{\"holder\":[\"me\"]}", false },
    { SHAPE_INFO, "{\"agent\":{}}", true },
    { SHAPE_INFO, "{\"agent\":[]}", false },
    { SHAPE_PROBLEM, "{\"code\":\"busy\"}", true },
    { SHAPE_PROBLEM, "{\"error\":\"busy\"}", false },
};

static void tells_whose_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *json = rows[i].text ? cJSON_Parse(rows[i].text) : NULL;

        print_message("%d: %s\n", (int)rows[i].shape, rows[i].text ? rows[i].text : "nothing");
        assert_int_equal(json != NULL, rows[i].text != NULL);
        assert_int_equal(shape_fits(rows[i].shape, json), rows[i].fits);
        cJSON_Delete(json);
    }
}

static void believes_no_bare_value(void **state)
{
    static const char *const texts[] = { "null", "[]",   "{}",           "1e308",
                                         "true", "\"\"", "[{\"id\":1}]", "[{\"eid\":\"89\"}]" };

    (void)state;
    for (int shape = SHAPE_NOTHING; shape <= SHAPE_PROBLEM; shape++)
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            cJSON *json = cJSON_Parse(texts[i]);

            assert_non_null(json);
            assert_false(shape_fits((enum shape)shape, json));
            cJSON_Delete(json);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_whose_it_is),
        cmocka_unit_test(believes_no_bare_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
