#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Hexadecimal text: upper case out, any case in. */

/* `ret` has room for 2 * len + 1 characters. */
void hex_from_bytes(const uint8_t *bytes, size_t len, char *ret);
/* False, and nothing written: an odd length, another character, more than `cap` bytes. */
bool hex_to_bytes(const char *text, size_t text_len, uint8_t *ret, size_t cap, size_t *ret_len);
