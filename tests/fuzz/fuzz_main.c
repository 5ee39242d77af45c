#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Feeds a fuzz target without a fuzzer: every file of the directories that are named, each of its
 * beginnings, and it with each of its bytes changed. */

enum { FILE_MAX = 64 * 1024, CHANGED_MAX = 2048 };

/* A buffer of its own for each input, so that a sanitizer sees a read past its end. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    assert(copy);
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void feed_around(uint8_t *data, size_t size)
{
    static const uint8_t changes[] = { 0x01, 0x7F, 0x80, 0xFF };

    feed(data, size);
    if (size > CHANGED_MAX)
        return;
    for (size_t cut = 0; cut < size; cut++)
        feed(data, cut);
    for (size_t i = 0; i < size; i++)
        for (size_t k = 0; k < ARRAY_LEN(changes); k++) {
            data[i] ^= changes[k];
            feed(data, size);
            data[i] ^= changes[k];
        }
}

static void feed_file(const char *path)
{
    static uint8_t data[FILE_MAX];
    FILE *in = fopen(path, "rb");

    assert(in);
    size_t size = fread(data, 1, sizeof data, in);
    (void)fclose(in);
    feed_around(data, size);
}

/* Returns how many files there were. */
static size_t feed_directory(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    size_t count = 0;

    assert(directory);
    while ((entry = readdir(directory))) {
        char file[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        feed_file(file);
        count++;
    }
    (void)closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;

    for (int i = 1; i < argc; i++)
        count += feed_directory(argv[i]);
    (void)printf("%zu files and what comes of them\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
