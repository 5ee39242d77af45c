#include "mqtt/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "config/config.h"

enum {
    HOST_MAX = 255,
    ALERT_MASK = 0xFF,
    ALERT_LEVEL_SHIFT = 8,
    /* RFC 8446; OpenSSL 3.0 has no words for it. */
    ALERT_CERTIFICATE_REQUIRED = 116,
};

static struct {
    pthread_mutex_t lock;
    /* under lock: */
    char host[HOST_MAX + 1];
    char why[TLS_WHY_MAX + 1];
    bool through;
} noted = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- why a handshake failed --- */

/* The first that is noted is the cause of the others. */
__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&noted.lock);
    if (!noted.why[0]) {
        va_start(args, format);
        (void)vsnprintf(noted.why, sizeof noted.why, format, args);
        va_end(args);
    }
    pthread_mutex_unlock(&noted.lock);
}

static const char *alert_text(int alert)
{
    return (alert & ALERT_MASK) == ALERT_CERTIFICATE_REQUIRED ? "certificate required"
                                                              : SSL_alert_desc_string_long(alert);
}

/* Where we send it, OpenSSL has the verdict on the certificate; where it came, the alert itself is
 * the broker's. */
static void on_alert(const SSL *ssl, int where, int alert)
{
    long verdict = SSL_get_verify_result(ssl);

    if (alert >> ALERT_LEVEL_SHIFT != SSL3_AL_FATAL || (alert & ALERT_MASK) == SSL_AD_CLOSE_NOTIFY)
        return;
    if (where & SSL_CB_READ)
        note("the broker refuses: %s", alert_text(alert));
    else if (verdict != X509_V_OK)
        note("the broker's certificate is refused: %s", X509_verify_cert_error_string(verdict));
}

/* Paho checks it in the same way, and hangs up without a word. */
static void check_host(const SSL *ssl)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    char host[HOST_MAX + 1];

    pthread_mutex_lock(&noted.lock);
    memcpy(host, noted.host, sizeof host);
    noted.through = true;
    pthread_mutex_unlock(&noted.lock);
    if (certificate && X509_check_host(certificate, host, 0, 0, NULL) != 1 &&
        X509_check_ip_asc(certificate, host, 0) != 1)
        note("the broker's certificate is refused: it is not for %s", host);
    X509_free(certificate);
}

static void on_info(const SSL *ssl, int where, int ret)
{
    if (where & SSL_CB_ALERT)
        on_alert(ssl, where, ret);
    else if (where & SSL_CB_HANDSHAKE_START)
        /* Paho leaves it to the system's settings. */
        (void)SSL_set_min_proto_version((SSL *)(uintptr_t)ssl, TLS1_2_VERSION);
    else if (where & SSL_CB_HANDSHAKE_DONE)
        check_host(ssl);
}

static void on_new_ssl(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
                       void *argp)
{
    (void)ptr, (void)data, (void)index, (void)argl, (void)argp;
    SSL_set_info_callback(parent, on_info);
}

static void watch(void)
{
    (void)SSL_get_ex_new_index(0, NULL, on_new_ssl, NULL, NULL);
}

void tls_begin(const char *uri)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *host = strstr(uri, "://");

    (void)pthread_once(&once, watch);
    host = host ? host + strlen("://") : uri;
    pthread_mutex_lock(&noted.lock);
    noted.why[0] = '\0';
    noted.through = false;
    (void)snprintf(noted.host, sizeof noted.host, "%.*s", (int)strcspn(host, ":/"), host);
    pthread_mutex_unlock(&noted.lock);
}

/* "…:error:<code>:<library>:<function>:<reason>:<file>:…" */
int tls_on_error(const char *text, size_t len, void *ctx)
{
    const char *at = strstr(text, ":error:");

    (void)ctx;
    at = at ? at + 1 : text;
    for (int field = 0; field < 4 && at; field++) {
        at = strchr(at, ':');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        at = text;
    note("TLS: %.*s", (int)strcspn(at, ":\n"), at);
    return (int)len;
}

bool tls_why(char ret[TLS_WHY_MAX + 1])
{
    bool is;

    pthread_mutex_lock(&noted.lock);
    is = noted.why[0] != '\0';
    if (is)
        memcpy(ret, noted.why, sizeof noted.why);
    pthread_mutex_unlock(&noted.lock);
    return is;
}

bool tls_is_through(void)
{
    bool through;

    pthread_mutex_lock(&noted.lock);
    through = noted.through;
    pthread_mutex_unlock(&noted.lock);
    return through;
}

/* --- the files --- */

/* Nobody is there to be asked, and OpenSSL would ask on the terminal. */
static int no_password(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf, (void)size, (void)rwflag, (void)ctx;
    return -1;
}

static struct error readable(const char *key, const char *path)
{
    FILE *file = fopen(path, "re");
    int error = errno;

    if (!file)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, error, "%s cannot be read: %s", key,
                          strerror(error));
    (void)fclose(file);
    return ERROR_OK;
}

static struct error unfit(const char *key, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "%s has no %s in PEM: %s", key, what,
                      reason ? reason : "unknown");
}

static struct error check_ca(SSL_CTX *ctx, const char *path)
{
    struct error e = readable("mqtt.ca_file", path);

    if (!e.code && SSL_CTX_load_verify_locations(ctx, path, NULL) != 1)
        e = unfit("mqtt.ca_file", "certificate");
    return e;
}

static struct error check_pair(SSL_CTX *ctx, const char *cert, const char *key)
{
    struct error e = readable("mqtt.cert_file", cert);
    int mismatch;

    if (!e.code && SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        e = unfit("mqtt.cert_file", "certificate");
    if (!e.code)
        e = readable("mqtt.key_file", key);
    if (e.code || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1)
        return e;
    mismatch = ERR_GET_REASON(ERR_peek_last_error());
    if (mismatch == X509_R_KEY_VALUES_MISMATCH || mismatch == X509_R_KEY_TYPE_MISMATCH)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0,
                          "mqtt.key_file is not the key of mqtt.cert_file");
    return unfit("mqtt.key_file", "private key without a password");
}

struct error tls_check_files(const struct config *config)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct error e = ERROR_OK;

    if (!ctx)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "no memory");
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (config->mqtt.ca_file)
        e = check_ca(ctx, config->mqtt.ca_file);
    if (!e.code && config->mqtt.cert_file && config->mqtt.key_file)
        e = check_pair(ctx, config->mqtt.cert_file, config->mqtt.key_file);
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return e;
}
