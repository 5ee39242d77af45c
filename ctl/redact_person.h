#pragma once

#include <stddef.h>

/* The part of redact.h that knows how people are reached: mail addresses and telephone numbers, as they stand in
 * what people wrote. */

enum { REDACT_PHONE_MAX = 15 };

/* How long the mail address is that begins at `at`, somewhere in `text`; 0: none does. */
size_t redact_mail_at(const char *text, const char *at);
/* The same of a number with its country, "+49 (0)30 123-456"; `ret_digits` gets its digits alone. */
size_t redact_phone_at(const char *at, char ret_digits[REDACT_PHONE_MAX + 1]);
