#include "config/config_form.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/connectivity.h"
#include "agent/base/id.h"
#include "agent/base/macros.h"
#include "agent/base/utf8.h"

static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

enum { PATH_MAX_BYTES = 4095, TEXT_MAX = 255, SHORT_TEXT_MAX = 128, AT_MAX = 256 };

static bool is_printable(const char *text, size_t max)
{
    size_t n = strlen(text);

    return n > 0 && n <= max && utf8_is_printable(text, n);
}

/* All of letters, digits and `more`. */
static bool is_made_of(const char *text, size_t max, const char *more)
{
    size_t n = strlen(text);

    for (const char *at = text; *at; at++)
        if (!strchr(alnum, *at) && !strchr(more, *at))
            return false;
    return n > 0 && n <= max;
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

bool config_is_path(const char *text)
{
    return is_printable(text, PATH_MAX_BYTES);
}

bool config_is_socket_path(const char *text)
{
    return is_printable(text, CONFIG_SOCKET_PATH_MAX);
}

bool config_is_port(const char *text)
{
    return strcmp(text, "auto") == 0 || (text[0] == '/' && config_is_path(text));
}

bool config_is_device_id(const char *text)
{
    return id_is_sender(text, strlen(text));
}

bool config_is_short_text(const char *text)
{
    return is_printable(text, SHORT_TEXT_MAX);
}

bool config_is_text(const char *text)
{
    return is_printable(text, TEXT_MAX);
}

bool config_is_group(const char *text)
{
    return is_made_of(text, 32, "._-$");
}

bool config_is_interface(const char *text)
{
    return is_made_of(text, 15, "._-@"); /* IFNAMSIZ - 1 */
}

bool config_is_host(const char *text)
{
    return is_made_of(text, CONFIG_HOST_MAX, ".-_[:]");
}

bool config_is_topic_prefix(const char *text)
{
    size_t n = strlen(text);

    return is_printable(text, SHORT_TEXT_MAX) && !strpbrk(text, "+#") && text[0] != '$' &&
           text[0] != '/' && text[n - 1] != '/' && !strstr(text, "//");
}

static bool is_ascii(const char *text, size_t max)
{
    for (const char *at = text; *at; at++)
        if (*at < ' ' || *at > '~')
            return false;
    return strlen(text) <= max;
}

bool config_is_at_command(const char *text)
{
    return strncasecmp(text, "AT", 2) == 0 && is_ascii(text, AT_MAX);
}

bool config_is_at_text(const char *text)
{
    return text[0] != '\0' && is_ascii(text, 127) && !strpbrk(text, "\"\\");
}

bool config_is_apn(const char *text)
{
    return is_made_of(text, 100, "._-"); /* 23.003 9.1: 100 octets */
}

bool config_is_pdp_type(const char *text)
{
    static const char *const types[] = { "IP", "IPV6", "IPV4V6" };

    return is_one_of(text, types, ARRAY_LEN(types));
}

bool config_is_technology(const char *text)
{
    for (int t = TECHNOLOGY_GSM; t <= TECHNOLOGY_NR; t++)
        if (strcmp(text, technology_name((enum technology)t)) == 0)
            return true;
    return false;
}

static bool is_number_below(const char *two_digits, int below)
{
    return two_digits[0] >= '0' && two_digits[0] <= '9' && two_digits[1] >= '0' &&
           two_digits[1] <= '9' && (two_digits[0] - '0') * 10 + two_digits[1] - '0' < below;
}

/* The five characters at the front. */
static bool begins_with_time(const char *text)
{
    return strlen(text) >= 5 && is_number_below(text, 24) && text[2] == ':' &&
           is_number_below(text + 3, 60);
}

bool config_is_time(const char *text)
{
    return begins_with_time(text) && text[5] == '\0';
}

bool config_is_window(const char *text)
{
    return begins_with_time(text) && text[5] == '-' && config_is_time(text + 6) &&
           strncmp(text, text + 6, 5) != 0;
}

/* 1 to 65535, of digits alone. */
static bool read_port(const char *text, int *ret)
{
    size_t n = strlen(text);
    int value;

    if (n < 1 || n > 5 || strspn(text, "0123456789") != n || text[0] == '0')
        return false;
    value = atoi(text);
    if (value > 65535)
        return false;
    *ret = value;
    return true;
}

static bool is_ip(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(strchr(host, ':') ? AF_INET6 : AF_INET, host, bytes) == 1;
}

/* "host", "host:port", "[host]:port"; port 0: there is none. */
static bool split_host(const char *text, char ret_host[CONFIG_HOST_MAX + 1], int *ret_port)
{
    bool in_brackets = text[0] == '[';
    const char *begin = in_brackets ? text + 1 : text;
    size_t n = strcspn(begin, in_brackets ? "]" : ":");
    const char *rest = begin + n + (in_brackets ? 1 : 0);
    int port = 0;

    if (n == 0 || n > CONFIG_HOST_MAX || (in_brackets && begin[n] != ']'))
        return false;
    if (*rest != '\0' && (*rest != ':' || !read_port(rest + 1, &port)))
        return false;
    memcpy(ret_host, begin, n);
    ret_host[n] = '\0';
    *ret_port = port;
    /* Brackets are IPv6's, and IPv6 is in brackets. */
    return in_brackets ? strchr(ret_host, ':') && is_ip(ret_host) : true;
}

bool config_split_address(const char *text, char ret_host[CONFIG_HOST_MAX + 1], int *ret_port)
{
    char host[CONFIG_HOST_MAX + 1];
    int port;

    if (!split_host(text, host, &port) || port == 0 || !is_ip(host))
        return false;
    memcpy(ret_host, host, sizeof host);
    *ret_port = port;
    return true;
}

bool config_is_address(const char *text)
{
    char host[CONFIG_HOST_MAX + 1];
    int port;

    return config_split_address(text, host, &port);
}

static const char *behind_scheme(const char *uri)
{
    if (strncmp(uri, "mqtt://", 7) == 0)
        return uri + 7;
    return strncmp(uri, "mqtts://", 8) == 0 ? uri + 8 : NULL;
}

bool config_is_uri(const char *text)
{
    const char *rest = behind_scheme(text);
    char host[CONFIG_HOST_MAX + 1];
    int port;

    return rest && split_host(rest, host, &port) && is_made_of(host, CONFIG_HOST_MAX, ".-_:");
}

void config_uri_host(const char *uri, char ret_host[CONFIG_HOST_MAX + 1])
{
    int port;

    if (!split_host(behind_scheme(uri), ret_host, &port))
        ret_host[0] = '\0';
}

bool config_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
