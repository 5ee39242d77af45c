#include "config/config_pending.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config_keys.h"
#include "tests/test.h"

#define ICCID "89882110000001234568"

/* A configuration a row, and the keys that are told, each followed by a blank. */
static const struct {
    const char *what, *text, *told;
} rows[] = {
    // clang-format off
    { "nothing set", "{}", "" },
    { "defaults said aloud", "{\"steering\":{\"mode\":\"off\"},\"switch\":{\"max_per_hour\":4,\"verify\":\"auto\",\"rollback\":true,\"hooks\":{\"after\":{\"exec\":null}}},\"probe\":{\"targets\":[]}}", "" },
    { "what works", "{\"mqtt\":{\"keepalive_s\":60,\"force\":true},\"switch\":{\"register_s\":9,\"verify\":\"broker\",\"rollback\":false,\"min_interval_s\":0,\"hooks\":{\"before\":{\"exec\":[\"/bin/true\"]}}},\"probe\":{\"targets\":[\"192.0.2.1:443\"],\"timeout_s\":6},\"profiles\":{\"" ICCID "\":{\"label\":\"L\",\"apn\":\"a\",\"init\":[\"AT\"]}}}", "" },
    { "steering", "{\"steering\":{\"mode\":\"advise\",\"order\":[\"" ICCID "\"],\"rules\":{\"no-sim\":{\"for_s\":61}}}}", "steering.mode steering.order steering.rules.no-sim.for_s " },
    { "telemetry", "{\"telemetry\":{\"sample_s\":5,\"publish_s\":60,\"record\":\"/r\"},\"probe\":{\"interval_s\":61,\"failing_interval_s\":11}}", "" },
}; // clang-format on

static void note(const char *path, const char *instead, void *arg)
{
    char *told = arg;

    assert_true(instead[0] != '\0');
    strcat(strcat(told, path), " ");
}

static struct config *load(const char *text)
{
    char path[] = "/tmp/config-pending-XXXXXX";
    int fd = mkstemp(path);
    struct config *config = NULL;
    struct config_problems problems;
    char named[1024];
    int n = snprintf(named, sizeof named, "{\"device_id\":\"d\"%s%s", text[1] == '}' ? "" : ",",
                     text + 1);

    assert_true(fd >= 0 && n > 0 && write(fd, named, (size_t)n) == n && close(fd) == 0);
    (void)config_load(path, NULL, &config, &problems);
    for (size_t i = 0; i < problems.count; i++)
        print_message("%s: %s\n", problems.items[i].path, problems.items[i].message);
    config_problems_done(&problems);
    (void)unlink(path);
    assert_non_null(config);
    return config;
}

static void tells_what_is_in_vain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *config = load(rows[i].text);
        char told[512] = "";

        print_message("%s\n", rows[i].what);
        config_pending_each(config, note, told);
        assert_string_equal(told, rows[i].told);
        config_free(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tells_what_is_in_vain) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
