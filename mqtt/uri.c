#include "mqtt/uri.h"

#include <string.h>
#include <strings.h>

#include "config/config.h"

static bool is_loopback(const char *host)
{
    static const char *const names[] = { "localhost", "127.", "[::1]" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i]);

        /* "127." begins an address, which has digits and dots only; the others are whole names. */
        if (strncasecmp(host, names[i], len) != 0)
            continue;
        if (i == 1 ? strspn(host, "0123456789.") == strcspn(host, ":/")
                   : host[len] == '\0' || host[len] == ':' || host[len] == '/')
            return true;
    }
    return false;
}

bool uri_is_tls(const struct config *config)
{
    return strncmp(config->mqtt.uri, "mqtts://", strlen("mqtts://")) == 0;
}

struct error uri_check(const struct config *config)
{
    const char *host = strstr(config->mqtt.uri, "://");
    bool tls = uri_is_tls(config);

    if (!host || (!tls && strncmp(config->mqtt.uri, "mqtt://", strlen("mqtt://")) != 0))
        return error_field("mqtt.uri", "expected mqtt:// or mqtts://");
    host += strlen("://");
    if (!host[0] || host[0] == ':' || host[0] == '/')
        return error_field("mqtt.uri", "expected a host");
    if (strchr(host, '@'))
        return error_field("mqtt.uri", "user and password have keys of their own");
    /* Paho looks for it in the certificate with its brackets. */
    if (tls && host[0] == '[')
        return error_field("mqtt.uri", "mqtts:// goes to a name, not to an IPv6 address");
    if (!tls && !config->mqtt.insecure && !is_loopback(host))
        return error_field("mqtt.uri", "plain mqtt:// leaves this machine only with mqtt.insecure");
    return ERROR_OK;
}
