#include "agent/switch/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/base/json.h"
#include "agent/modem/modem.h"
#include "agent/operation/journal.h"
#include "config/config.h"
#include "config/config_secret.h"

enum {
    KEY_MAX = 48,
    CID_MAX = 255,
    /* Contexts that are looked through for what has to come back. */
    CIDS = 16,
};

/* --- what is kept --- */

/* Each context by the profile that had it; and what stood there when the agent wrote for the first
 * time, which is the modem's own: for a profile that was not in use before that. */
static void key_of(const struct iccid *of, int cid, char ret[KEY_MAX])
{
    (void)snprintf(ret, KEY_MAX, "context:%s:%d", of ? of->text : "first", cid);
}

/* Gives (free); NULL: no memory. */
static char *to_text(const struct modem_context *c)
{
    cJSON *json = cJSON_CreateObject();
    char *text = NULL;

    if (json && cJSON_AddNumberToObject(json, "cid", c->cid) &&
        cJSON_AddStringToObject(json, "pdp_type", c->pdp_type) &&
        cJSON_AddStringToObject(json, "apn", c->apn) &&
        cJSON_AddNumberToObject(json, "auth", c->auth_known ? (int)c->auth : -1) &&
        cJSON_AddStringToObject(json, "username", c->username) &&
        cJSON_AddStringToObject(json, "password", c->password))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static bool take_text(const cJSON *json, const char *name, char *ret, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size)
        return false;
    memcpy(ret, item->valuestring, strlen(item->valuestring) + 1);
    return true;
}

static bool from_text(const char *text, struct modem_context *ret)
{
    struct modem_context c = { 0 };
    int64_t cid = 0, auth = -1;
    cJSON *json = NULL;
    struct error e = json_parse(text, strlen(text), &json);
    bool ok;

    if (!e.code)
        e = json_get_int(json, "cid", 1, CID_MAX, &cid, NULL);
    if (!e.code)
        e = json_get_int(json, "auth", -1, MODEM_AUTH_CHAP, &auth, NULL);
    ok = !e.code && cid > 0 && take_text(json, "pdp_type", c.pdp_type, sizeof c.pdp_type) &&
         take_text(json, "apn", c.apn, sizeof c.apn) &&
         take_text(json, "username", c.username, sizeof c.username) &&
         take_text(json, "password", c.password, sizeof c.password);
    cJSON_Delete(json);
    if (!ok)
        return false;
    c.cid = (int)cid;
    c.auth_known = auth >= 0;
    c.auth = auth >= 0 ? (enum modem_auth)auth : MODEM_AUTH_NONE;
    *ret = c;
    return true;
}

static bool find_kept(struct journal *journal, const char *key, struct modem_context *ret)
{
    char *text = journal_get_value(journal, key);
    bool found = text && from_text(text, ret);

    free(text);
    return found;
}

static struct error put(struct journal *journal, const char *key, const char *text)
{
    struct modem_context ignored;

    return find_kept(journal, key, &ignored) ? ERROR_OK : journal_put_value(journal, key, text);
}

static struct error keep(const struct context_tools *tools, const struct modem_context *stands,
                         const struct iccid *of, bool keep_older)
{
    char *text = to_text(stands);
    char key[KEY_MAX];
    struct error e;

    if (!text)
        return error_make(ERROR_IN_SYSTEM, ERROR_INTERNAL, 0, "no memory for a context");
    key_of(NULL, stands->cid, key);
    e = put(tools->journal, key, text);
    if (!e.code && of) {
        key_of(of, stands->cid, key);
        e = keep_older ? put(tools->journal, key, text)
                       : journal_put_value(tools->journal, key, text);
    }
    free(text);
    return e;
}

/* --- what is wanted --- */

static void copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from ? from : "");
}

static struct error from_config(const struct config_profile *row, struct modem_context *ret)
{
    static const enum modem_auth auths[] = { [CONFIG_AUTH_NONE] = MODEM_AUTH_NONE,
                                             [CONFIG_AUTH_PAP] = MODEM_AUTH_PAP,
                                             [CONFIG_AUTH_CHAP] = MODEM_AUTH_CHAP };
    char password[CONFIG_SECRET_MAX + 1] = "";
    struct error e = ERROR_OK;

    *ret = (struct modem_context){ .cid = row->cid, .auth = auths[row->auth], .auth_known = true };
    copy(ret->pdp_type, sizeof ret->pdp_type, row->pdp_type);
    copy(ret->apn, sizeof ret->apn, row->apn);
    copy(ret->username, sizeof ret->username, row->username);
    if (row->password_file && row->auth != CONFIG_AUTH_NONE)
        e = config_read_secret("profiles.*.password_file", row->password_file, password);
    copy(ret->password, sizeof ret->password, password);
    memset(password, 0, sizeof password);
    return e;
}

/* False: nobody has anything to say of the context. */
static bool find_wanted(const struct context_tools *tools, const struct iccid *now, int cid,
                        struct modem_context *ret, bool *ret_own, struct error *ret_error)
{
    const struct config_profile *row = config_profile_find(tools->config, now);
    char key[KEY_MAX];

    *ret_error = ERROR_OK;
    *ret_own = row && row->apn && row->cid == cid;
    if (*ret_own) {
        *ret_error = from_config(row, ret);
        return true;
    }
    key_of(now, cid, key);
    if (find_kept(tools->journal, key, ret))
        return true;
    key_of(NULL, cid, key);
    return find_kept(tools->journal, key, ret);
}

static struct error apply_one(const struct context_tools *tools, const struct iccid *now,
                              const struct iccid *before, bool keep_older, int cid,
                              bool *ret_changed)
{
    struct modem_context want, stands;
    struct error e;
    bool own;

    if (!find_wanted(tools, now, cid, &want, &own, &e) || e.code)
        return e;
    e = modem_read_context(tools->modem, cid, &stands);
    if (e.code || !modem_context_differs(&stands, &want))
        return e;
    if (own)
        e = keep(tools, &stands, before, keep_older);
    if (!e.code)
        e = modem_write_context(tools->modem, &stands, &want);
    memset(want.password, 0, sizeof want.password);
    memset(stands.password, 0, sizeof stands.password);
    *ret_changed = *ret_changed || !e.code;
    return e;
}

struct error context_apply(const struct context_tools *tools, const struct iccid *now,
                           const struct iccid *before, bool keep_older, int64_t deadline_ms,
                           bool *ret_changed)
{
    const struct config_profile *row = config_profile_find(tools->config, now);
    struct error first = ERROR_OK, e;

    *ret_changed = false;
    for (int cid = 1; cid <= CIDS; cid++) {
        e = apply_one(tools, now, before, keep_older, cid, ret_changed);
        if (!first.code)
            first = e;
    }
    if (row && row->apn && row->cid > CIDS) {
        e = apply_one(tools, now, before, keep_older, row->cid, ret_changed);
        if (!first.code)
            first = e;
    }
    if (*ret_changed) {
        e = modem_attach_anew(tools->modem, deadline_ms);
        if (!first.code)
            first = e;
    }
    return first;
}
