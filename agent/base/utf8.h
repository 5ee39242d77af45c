#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */

/* The length of the character at the front, 1 to 4; 0: there is none that is valid. `ret_char` may
 * be NULL. */
size_t utf8_take(const char *text, size_t len, uint32_t *ret_char);
/* Valid throughout, and no control character (C0, DEL, C1). */
bool utf8_is_printable(const char *text, size_t len);
