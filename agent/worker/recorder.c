#include "agent/worker/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/base/log.h"
#include "agent/base/ring_file.h"
#include "agent/state/render.h"

struct recorder {
    char *path;
    struct ring_file *file; /* NULL: not open yet */
    bool failed;            /* that was said */
};

static void complain(struct recorder *recorder, int error)
{
    if (!recorder->failed)
        log_warning("sample cannot be recorded, going on without",
                    LOG_STR("key", "telemetry.record"), LOG_STR("path", recorder->path),
                    LOG_STR("error", strerror(error)));
    recorder->failed = true;
}

static bool is_open(struct recorder *recorder)
{
    if (!recorder->file)
        recorder->file = ring_file_open(recorder->path, RECORDER_SIZE_MAX);
    if (!recorder->file)
        complain(recorder, errno);
    return recorder->file != NULL;
}

struct recorder *recorder_new(const char *path)
{
    struct recorder *recorder = path ? calloc(1, sizeof *recorder) : NULL;

    if (!recorder)
        return NULL;
    recorder->path = strdup(path);
    if (!recorder->path) {
        free(recorder);
        return NULL;
    }
    (void)is_open(recorder);
    return recorder;
}

void recorder_free(struct recorder *recorder)
{
    if (!recorder)
        return;
    ring_file_close(recorder->file);
    free(recorder->path);
    free(recorder);
}

void recorder_write(struct recorder *recorder, const struct connectivity *sample)
{
    cJSON *json;
    char *text;
    size_t len;

    if (!recorder || !is_open(recorder))
        return;
    json = render_connectivity(sample);
    text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (!text)
        return;
    len = strlen(text);
    text[len] = '\n'; /* in the place of the NUL */
    if (ring_file_append(recorder->file, text, len + 1))
        recorder->failed = false;
    else
        complain(recorder, errno);
    cJSON_free(text);
}
