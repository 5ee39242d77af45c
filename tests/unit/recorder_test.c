#include "agent/worker/recorder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "agent/base/log.h"
#include "tests/test.h"

static void a_line_a_sample(void **state)
{
    char dir[] = "recorder-test-XXXXXX";
    char path[64], line[512];
    struct connectivity reading = { .at_utc_ms = INT64_C(1795464089000),
                                    .registration = REGISTRATION_HOME };
    struct recorder *recorder;
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/samples", dir);
    recorder = recorder_new(path);
    assert_non_null(recorder);
    for (int i = 0; i < 3; i++, reading.at_utc_ms += 60000)
        recorder_write(recorder, &reading);
    recorder_free(recorder);
    file = fopen(path, "r");
    assert_non_null(file);
    for (int i = 0; i < 3; i++) {
        char at[40];

        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(line[strlen(line) - 1], '\n');
        cJSON *json = cJSON_ParseWithOpts(line, NULL, false);
        assert_non_null(json);
        (void)snprintf(at, sizeof at, "2026-11-23T20:0%d:29.000Z", i + 1);
        assert_string_equal(cJSON_GetObjectItem(json, "at")->valuestring, at);
        assert_string_equal(cJSON_GetObjectItem(json, "registration")->valuestring, "home");
        cJSON_Delete(json);
    }
    assert_null(fgets(line, sizeof line, file));
    (void)fclose(file);
    (void)unlink(path);
    (void)rmdir(dir);
}

/* The folder comes later, as a disk that is mounted late. */
static void a_file_that_cannot_be_written_yet(void **state)
{
    char dir[] = "recorder-test-XXXXXX";
    char path[64];
    const struct connectivity reading = { 0 };
    struct recorder *recorder;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(rmdir(dir), 0);
    (void)snprintf(path, sizeof path, "%s/samples", dir);
    recorder = recorder_new(path);
    assert_non_null(recorder);
    recorder_write(recorder, &reading);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(mkdir(dir, 0700), 0);
    recorder_write(recorder, &reading);
    assert_int_equal(access(path, F_OK), 0);
    recorder_free(recorder);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void none_is_wanted(void **state)
{
    const struct connectivity reading = { 0 };

    (void)state;
    assert_null(recorder_new(NULL));
    recorder_write(NULL, &reading);
    recorder_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_a_sample),
        cmocka_unit_test(a_file_that_cannot_be_written_yet),
        cmocka_unit_test(none_is_wanted),
    };
    log_set(LOG_LEVEL_ERR, LOG_FORMAT_TEXT, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
