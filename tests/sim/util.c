#include "util.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t now_ms(void)
{
    return now_us() / 1000;
}

void die(const char *format, ...)
{
    va_list args;

    fputs("lpm-sim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void *must_alloc(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

static void buf_room(struct buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : 256;

    while (cap < b->len + more + 1)
        cap *= 2;
    if (cap == b->cap)
        return;
    b->data = must_alloc(realloc(b->data, cap));
    b->cap = cap;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    buf_room(b, len);
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
}

void buf_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_fmt(struct buf *b, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    buf_room(b, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
}

void buf_drop(struct buf *b, size_t len)
{
    if (!len)
        return;
    b->len -= len;
    memmove(b->data, b->data + len, b->len + 1);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = 0;
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ 0 };
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)toupper((unsigned char)c);
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_decode(const char *hex, size_t len, uint8_t *ret, size_t max)
{
    if (len % 2 || len / 2 > max)
        return -1;
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_value(hex[i]), low = hex_value(hex[i + 1]);

        if (high < 0 || low < 0)
            return -1;
        ret[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (int)(len / 2);
}

void hex_encode(const uint8_t *data, size_t len, char *ret)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[data[i] >> 4];
        ret[2 * i + 1] = digits[data[i] & 15];
    }
    ret[2 * len] = 0;
}

void text_copy(char *to, size_t size, const char *from)
{
    size_t n = strlen(from);

    if (n >= size)
        n = size - 1;
    memmove(to, from, n);
    to[n] = 0;
}

bool text_has_prefix(const char *text, const char *prefix)
{
    return !strncasecmp(text, prefix, strlen(prefix));
}

void iccid_encode(const char *digits, uint8_t ret[10])
{
    memset(ret, 0xFF, 10);
    for (size_t i = 0; digits[i] && i < 20; i++) {
        uint8_t v = (uint8_t)hex_value(digits[i]);

        if (i % 2)
            ret[i / 2] = (uint8_t)((ret[i / 2] & 0x0F) | v << 4);
        else
            ret[i / 2] = (uint8_t)(0xF0 | v);
    }
}

uint32_t chance(void)
{
    static uint32_t x = 2463534242u;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}
