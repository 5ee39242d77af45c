#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"

/* Names: our own (ULID: 26 characters of Crockford's base 32, by time, then random) and a sender's
 * (1 to 64 of A-Z a-z 0-9 . _ -). */

enum { ID_LEN = 26, ID_SENDER_MAX = 64, ID_RANDOM_LEN = 10 };

/* A fresh ULID of `utc_ms`; within one process each is greater than the one before. Any thread. */
void id_make(int64_t utc_ms, char ret[ID_LEN + 1]);
/* Pure part of id_make(). */
void id_encode(int64_t utc_ms, const uint8_t random[ID_RANDOM_LEN], char ret[ID_LEN + 1]);
bool id_is_ulid(const char *text, size_t len);
bool id_is_sender(const char *text, size_t len);

/* `len` bytes that nobody can foresee. Aborts when the system has none. */
void id_random(void *ret, size_t len);
/* Evenly in [0, below); 0 when `below` is 0. For jitter. */
uint32_t id_random_below(uint32_t below);
