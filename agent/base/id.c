#include "agent/base/id.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { TIME_CHARS = 10 };
#define TIME_MAX ((INT64_C(1) << 48) - 1)

void id_random(void *ret, size_t len)
{
    char *at = ret;

    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort();
        at += n;
        len -= (size_t)n;
    }
}

uint32_t id_random_below(uint32_t below)
{
    uint32_t value, unfair;

    if (below == 0)
        return 0;
    /* The first 2^32 mod `below` values would make the low results likelier. */
    unfair = (UINT32_MAX - below + 1) % below;
    do
        id_random(&value, sizeof value);
    while (value < unfair);
    return value % below;
}

void id_encode(int64_t utc_ms, const uint8_t random[ID_RANDOM_LEN], char ret[ID_LEN + 1])
{
    uint64_t ms = (uint64_t)(utc_ms < 0 ? 0 : utc_ms > TIME_MAX ? TIME_MAX : utc_ms);
    unsigned bits = 0;
    unsigned held = 0;
    size_t n = TIME_CHARS;

    for (int i = TIME_CHARS - 1; i >= 0; i--, ms >>= 5)
        ret[i] = alphabet[ms & 31];
    for (size_t i = 0; i < ID_RANDOM_LEN; i++) {
        held = (held << 8 | random[i]) & 0xFFFF;
        for (bits += 8; bits >= 5; bits -= 5)
            ret[n++] = alphabet[held >> (bits - 5) & 31];
    }
    ret[ID_LEN] = '\0';
}

/* False: it was the last one. */
static bool add_one(uint8_t random[ID_RANDOM_LEN])
{
    for (int i = ID_RANDOM_LEN - 1; i >= 0; i--)
        if (++random[i] != 0)
            return true;
    return false;
}

void id_make(int64_t utc_ms, char ret[ID_LEN + 1])
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t last_ms = -1;               /* under lock */
    static uint8_t last_random[ID_RANDOM_LEN]; /* under lock */
    uint8_t fresh[ID_RANDOM_LEN];
    uint8_t random[ID_RANDOM_LEN];
    int64_t ms = utc_ms < 0 ? 0 : utc_ms;

    id_random(fresh, sizeof fresh);
    assert(pthread_mutex_lock(&lock) == 0);
    if (ms > last_ms) {
        last_ms = ms;
        memcpy(last_random, fresh, sizeof fresh);
    } else if (!add_one(last_random)) {
        /* The same millisecond, or the clock went back: time goes on from the id before. */
        last_ms++;
        memcpy(last_random, fresh, sizeof fresh);
    }
    ms = last_ms;
    memcpy(random, last_random, sizeof random);
    assert(pthread_mutex_unlock(&lock) == 0);
    id_encode(ms, random, ret);
}

bool id_is_ulid(const char *text, size_t len)
{
    if (len != ID_LEN || text[0] > '7')
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || !strchr(alphabet, text[i]))
            return false;
    return true;
}

static bool is_sender_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool id_is_sender(const char *text, size_t len)
{
    if (len < 1 || len > ID_SENDER_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_sender_char(text[i]))
            return false;
    return true;
}
