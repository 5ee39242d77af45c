#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/aid.h"
#include "agent/base/error.h"
#include "agent/base/iccid.h"
#include "agent/base/log.h"

/* The configuration as it is in force: every key of the contract, typed, in its range. Read once
 * and then only read; strings live as long as the struct, NULL is the contract's null. */

enum config_transport { CONFIG_TRANSPORT_AUTO = 0, CONFIG_TRANSPORT_CSIM, CONFIG_TRANSPORT_CGLA };
enum config_interface { CONFIG_INTERFACE_AUTO = 0, CONFIG_INTERFACE_LPM, CONFIG_INTERFACE_ES10C };
enum config_reset {
    CONFIG_RESET_NONE = 0,
    CONFIG_RESET_CFUN,
    CONFIG_RESET_VENDOR,
    CONFIG_RESET_COMMAND,
    CONFIG_RESET_EXEC,
};
enum config_link { CONFIG_LINK_MODEM = 0, CONFIG_LINK_OTHER };
enum config_mqtt_version { CONFIG_MQTT_AUTO = 0, CONFIG_MQTT_5, CONFIG_MQTT_3_1_1 };
enum config_verify {
    CONFIG_VERIFY_AUTO = 0,
    CONFIG_VERIFY_REGISTERED,
    CONFIG_VERIFY_ATTACHED,
    CONFIG_VERIFY_REACHABLE,
    CONFIG_VERIFY_BROKER,
};
enum config_auth { CONFIG_AUTH_NONE = 0, CONFIG_AUTH_PAP, CONFIG_AUTH_CHAP };
enum config_steering { CONFIG_STEERING_OFF = 0, CONFIG_STEERING_ADVISE, CONFIG_STEERING_ON };

/* The remote operations, as bits of mqtt.commands. */
enum config_command {
    CONFIG_COMMAND_GET_EID = 1 << 0,
    CONFIG_COMMAND_LIST_PROFILES = 1 << 1,
    CONFIG_COMMAND_ENABLE_PROFILE = 1 << 2,
    CONFIG_COMMAND_GET_CONNECTIVITY = 1 << 3,
    CONFIG_COMMAND_PLAN_PROFILE = 1 << 4,
    CONFIG_COMMAND_GET_STEERING = 1 << 5,
    CONFIG_COMMAND_LOCK_SWITCH = 1 << 6,
    CONFIG_COMMAND_UNLOCK_SWITCH = 1 << 7,
    CONFIG_COMMANDS_ALL = (1 << 8) - 1,
};

struct config_strings {
    size_t count;
    char **items;
};

struct config_hook {
    /* NULL-terminated argument vector; NULL: no hook. */
    char **exec;
    int timeout_s;
};

struct config_profile {
    struct iccid iccid;
    char *label, *apn, *pdp_type;
    int cid;
    enum config_auth auth;
    char *username, *password_file;
    struct config_strings init;
};

struct config_target {
    char *text; /* as configured */
    char *address;
    int port;
};

struct config {
    char *device_id, *state_dir;
    struct {
        enum log_level level;
        enum log_format format;
        bool identities;
        char *at_trace;
    } log;
    struct {
        char *port;
        int baud;
        enum config_transport transport;
        struct config_strings init;
        enum config_reset reset;
        char *reset_command;
        char **reset_exec; /* NULL-terminated */
    } modem;
    struct {
        struct aid aid;
        enum config_interface interface;
    } card;
    struct {
        char *socket, *view_socket;
        unsigned socket_mode;
        char *socket_group;
        char *listen;   /* "address:port", "[::1]:8480" */
        bool is_public; /* api.public */
        struct config_strings hosts;
        char *token_file;
    } api;
    struct {
        char *uri;
        enum config_link link;
        char *topic_prefix, *client_id;
        char *username, *password_file, *ca_file, *cert_file, *key_file, *alpn;
        bool insecure;
        int keepalive_s, session_expiry_s, will_delay_s, reconnect_min_s, reconnect_max_s;
        enum config_mqtt_version version;
        int outbox_max_kib;
        unsigned commands; /* enum config_command */
        bool force;
    } mqtt;
    struct {
        int sample_s, publish_s;
        char *record;
    } telemetry;
    struct {
        size_t target_count;
        struct config_target *targets;
        int need, interval_s, failing_interval_s, timeout_s;
        char *interface;
    } probe;
    struct {
        enum config_verify verify;
        bool rollback;
        int register_s, attach_s, verify_s, refresh_s;
        int min_interval_s, max_per_hour, max_per_day;
        struct config_hook before, after, rolled_back;
    } switching; /* "switch" is a keyword */
    size_t profile_count;
    struct config_profile *profiles;
    struct {
        enum config_steering mode;
        size_t order_count, exclude_count;
        struct iccid *order, *exclude;
        struct {
            bool enabled;
            int for_s;
        } no_sim, denied, no_data;
        struct {
            bool enabled;
            int for_s, clear_s;
        } no_service;
        struct {
            bool enabled;
            int for_s, clear_count;
        } unreachable;
        struct {
            bool enabled;
            int losses, within_s, clear_s;
        } flapping;
        struct {
            bool enabled;
            double rsrp_dbm, rsrq_db, sinr_db, rssi_dbm;
            int bad_samples, of_samples;
            double clear_rsrp_dbm, clear_rsrq_db, clear_sinr_db, clear_rssi_dbm;
        } weak_signal;
        struct {
            bool enabled;
            double loss_pct;
            int rtt_ms, for_s;
        } poor_quality;
        struct {
            bool enabled;
            char *min;
            int for_s;
        } technology;
        struct {
            bool enabled;
            int for_s;
        } roaming;
        struct {
            bool enabled;
            enum {
                CONFIG_RETURN_TIMER = 0,
                CONFIG_RETURN_AT,
                CONFIG_RETURN_ON_LOSS,
                CONFIG_RETURN_NEVER
            } mode;
            int after_s;
            char *at;
        } back; /* "return" is a keyword */
        int hard_dwell_s, min_dwell_s, backoff_min_s, backoff_max_s;
        char *soft_window;
        int imsi_grace_s;
    } steering;
};

/* One thing that is wrong: the key's path ("mqtt.keepalive_s"; "": the file itself) and
 * what was expected. */
struct config_problem {
    char path[128];
    char message[200];
};

struct config_problems {
    size_t count;
    struct config_problem *items;
};

/* Reads `path`, applies LPM_AGENT__SECTION__KEY from `environment` (as of environ; NULL: none),
 * checks everything. True: gives the configuration (config_free). False: `*ret_problems` has at
 * least one row, all that is wrong (none only where memory ran out). `ret_problems` is set in any
 * case; config_problems_done(). */
bool config_load(const char *path, char *const *environment, struct config **ret,
                 struct config_problems *ret_problems);
void config_free(struct config *config);
void config_problems_done(struct config_problems *problems);

/* The whole configuration as JSON text as --check-config prints it; what a secret's file holds is
 * never read into it, and a password inside mqtt.uri is hidden. Gives (free); NULL: no memory. */
char *config_to_text(const struct config *config);

/* The row of profiles.<iccid>; NULL: none. */
const struct config_profile *config_profile_find(const struct config *config,
                                                 const struct iccid *iccid);
/* What it is called there; NULL: nothing. `config` is a struct config: a render_label. */
const char *config_label_of(const void *config, const struct iccid *iccid);
/* "auto" …; a static text. */
const char *config_verify_name(enum config_verify verify);
/* "get-eid" …; 0: no such operation. */
enum config_command config_command_from_name(const char *name);
const char *config_command_name(enum config_command command);
