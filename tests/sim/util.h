#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time, hex, and a text that grows. */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

int64_t now_us(void);
int64_t now_ms(void);

/* Ends the process: a simulator without memory has nothing to show. */
void *must_alloc(void *p);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A buffer of bytes, always followed by a NUL. Zero-initialised is empty. */
struct buf {
    char *data;
    size_t len, cap;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_text(struct buf *b, const char *text);
void buf_fmt(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first `len` bytes. */
void buf_drop(struct buf *b, size_t len);
void buf_clear(struct buf *b);
void buf_done(struct buf *b);

/* -1: not hex, odd, or over max. Otherwise the number of bytes. */
int hex_decode(const char *hex, size_t len, uint8_t *ret, size_t max);
/* Writes 2 * len characters and a NUL. */
void hex_encode(const uint8_t *data, size_t len, char *ret);

/* Copies, cut to fit. */
void text_copy(char *to, size_t size, const char *from);
bool text_has_prefix(const char *text, const char *prefix); /* no case */

/* 10 bytes, digits swapped, padded with F. Empty text: all F. */
void iccid_encode(const char *digits, uint8_t ret[10]);

/* Repeatable pseudo-random numbers. */
uint32_t chance(void);
