#include "ctl/redact_person.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_local_char(char c)
{
    return is_letter(c) || (c && strchr("._%+-", c));
}

/* "broker.example": at least two labels, and the last one is no number. */
static size_t domain_at(const char *at)
{
    size_t n = 0, last = 0;

    while (is_letter(at[n]) || ((at[n] == '.' || at[n] == '-') && is_letter(at[n + 1]))) {
        if (at[n] == '.')
            last = n + 1;
        n++;
    }
    return last > 1 && n - last > 1 && !isdigit((unsigned char)at[last]) ? n : 0;
}

size_t redact_mail_at(const char *text, const char *at)
{
    size_t n = 0, domain;

    if (at > text && is_local_char(at[-1]))
        return 0;
    while (is_local_char(at[n]))
        n++;
    if (n == 0 || at[n] != '@')
        return 0;
    domain = domain_at(at + n + 1);
    return domain ? n + 1 + domain : 0;
}

/* "2026-11-26", behind a number. */
static bool is_date(const char *at)
{
    return strspn(at, "0123456789") == 4 && at[4] == '-' && strspn(at + 5, "0123456789") == 2;
}

size_t redact_phone_at(const char *at, char ret_digits[REDACT_PHONE_MAX + 1])
{
    enum { DIGITS_MIN = 7, SIGNS_MAX = 3 };
    size_t digits = 0, len = 0;

    if (at[0] != '+' || at[1] < '1' || at[1] > '9')
        return 0;
    for (size_t begin = 1;;) {
        size_t n = strspn(at + begin, "0123456789"), signs;

        if (n == 0 || digits + n > REDACT_PHONE_MAX || is_date(at + begin))
            break;
        memcpy(ret_digits + digits, at + begin, n);
        digits += n;
        len = begin + n;
        signs = strspn(at + len, " -/.()");
        if (signs == 0 || signs > SIGNS_MAX)
            break;
        begin = len + signs;
    }
    ret_digits[digits] = '\0';
    return digits >= DIGITS_MIN ? len : 0;
}
