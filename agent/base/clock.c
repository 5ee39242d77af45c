#include "agent/base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SECOND_MS = 1000, MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, POLL_MAX_MS = 3600 * 1000 };

static int64_t read_ms(clockid_t id)
{
    struct timespec now = { 0 };

    /* Fails only for an unknown clock or a bad pointer. */
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

int64_t clock_utc_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

bool clock_was_set(int64_t utc_ms)
{
    return utc_ms >= INT64_C(1704067200000); /* 2024-01-01T00:00:00Z */
}

int64_t clock_utc_of(int64_t at_ms, int64_t at_utc_ms)
{
    return clock_was_set(at_utc_ms) ? at_utc_ms : clock_utc_ms() - (clock_now_ms() - at_ms);
}

bool clock_is_set(void)
{
    return clock_was_set(clock_utc_ms());
}

static char boot_id[CLOCK_BOOT_LEN + 1];

static void read_boot_id(void)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (fd >= 0) {
        n = read(fd, boot_id, CLOCK_BOOT_LEN);
        (void)close(fd);
    }
    /* Half an id would be taken for another boot's. */
    if (n != CLOCK_BOOT_LEN || strspn(boot_id, "0123456789abcdef-") != CLOCK_BOOT_LEN)
        memset(boot_id, 0, sizeof boot_id);
}

const char *clock_boot_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, read_boot_id);
    return boot_id;
}

int64_t clock_earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

int clock_poll_ms(int64_t deadline_ms)
{
    int64_t now = clock_now_ms();

    if (deadline_ms == CLOCK_NEVER)
        return -1;
    if (deadline_ms <= now)
        return 0;
    return deadline_ms - now > POLL_MAX_MS ? POLL_MAX_MS : (int)(deadline_ms - now);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from 1970-01-01; years begin in March, so that the leap day is a year's last. */
static int64_t days_from_date(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void date_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;

    *ret_day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
    *ret_month = (int)(m < 10 ? m + 3 : m - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

void clock_to_text(int64_t utc_ms, char ret[CLOCK_TEXT_LEN + 1])
{
    const int64_t least = INT64_C(-62167219200000); /* 0000-01-01T00:00:00.000Z */
    const int64_t most = INT64_C(253402300799999);  /* 9999-12-31T23:59:59.999Z */
    int64_t ms = utc_ms < least ? least : utc_ms > most ? most : utc_ms;
    int64_t day_ms = (int64_t)DAY_S * SECOND_MS;
    int64_t days = (ms >= 0 ? ms : ms - day_ms + 1) / day_ms;
    int rest = (int)(ms - days * day_ms);
    int64_t year;
    int month, day;
    char text[64];

    date_from_days(days, &year, &month, &day);
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year, month, day,
                   rest / (HOUR_S * SECOND_MS), rest / (MINUTE_S * SECOND_MS) % 60,
                   rest / SECOND_MS % 60, rest % SECOND_MS);
    memcpy(ret, text, CLOCK_TEXT_LEN);
    ret[CLOCK_TEXT_LEN] = '\0';
}

/* Exactly `count` digits, at most `max`. */
static bool take_number(const char **at, int count, int max, int *ret)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9')
            return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    if (value > max)
        return false;
    *at += count;
    *ret = value;
    return true;
}

static bool take_char(const char **at, char upper)
{
    if (**at != upper && !(upper >= 'A' && **at == upper + ('a' - 'A')))
        return false;
    (*at)++;
    return true;
}

static bool take_fraction(const char **at, int *ret_ms)
{
    int ms = 0;
    int digits = 0;

    if (!take_char(at, '.')) {
        *ret_ms = 0;
        return true;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++, digits++)
        if (digits < 3)
            ms = ms * 10 + (**at - '0');
    for (int i = digits; i < 3; i++)
        ms *= 10;
    *ret_ms = ms;
    return digits > 0;
}

static bool take_offset(const char **at, int *ret_s)
{
    int sign = **at == '-' ? -1 : 1;
    int hours, minutes;

    if (take_char(at, 'Z')) {
        *ret_s = 0;
        return true;
    }
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    if (!take_number(at, 2, 23, &hours) || !take_char(at, ':') || !take_number(at, 2, 59, &minutes))
        return false;
    *ret_s = sign * (hours * HOUR_S + minutes * MINUTE_S);
    return true;
}

struct stamp {
    int year, month, day, hour, minute, second, ms, offset_s;
};

static bool take_stamp(const char **at, struct stamp *ret)
{
    return take_number(at, 4, 9999, &ret->year) && take_char(at, '-') &&
           take_number(at, 2, 12, &ret->month) && take_char(at, '-') &&
           take_number(at, 2, 31, &ret->day) && take_char(at, 'T') &&
           take_number(at, 2, 23, &ret->hour) && take_char(at, ':') &&
           take_number(at, 2, 59, &ret->minute) && take_char(at, ':') &&
           take_number(at, 2, 60, &ret->second) && take_fraction(at, &ret->ms) &&
           take_offset(at, &ret->offset_s) && **at == '\0';
}

struct error clock_from_text(const char *text, int64_t *ret_utc_ms)
{
    struct error wrong = error_make(ERROR_IN_AGENT, ERROR_INVALID_REQUEST, 0,
                                    "expected a time as of RFC 3339 (2026-11-23T20:01:29Z)");
    struct stamp s = { 0 };
    int64_t seconds;

    if (!take_stamp(&text, &s) || s.month < 1 || s.day < 1 ||
        s.day > days_of_month(s.year, s.month))
        return wrong;
    seconds = days_from_date(s.year, s.month, s.day) * DAY_S + s.hour * HOUR_S +
              s.minute * MINUTE_S + s.second - s.offset_s;
    /* Leap seconds come only at the end of a UTC day (RFC 3339 5.7). */
    if (s.second == 60 && (seconds % DAY_S + DAY_S) % DAY_S != 0)
        return wrong;
    *ret_utc_ms = seconds * SECOND_MS + s.ms;
    return ERROR_OK;
}
