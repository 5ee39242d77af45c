#pragma once

#include <sys/types.h>

#include <cjson/cJSON.h>

#include "agent/base/macros.h"
#include "config/config.h"
#include "ctl/client.h"
#include "ctl/doctor.h"

/* What the checks share: what was gathered before the first of them. */

struct doctor {
    const struct context *ctl;
    const struct doctor_places *places;
    struct doctor_report *report;
    /* The check that is under way. */
    const char *check;
    const char *config_path;
    /* NULL: it could not be loaded, for `problems` or for config_errno. */
    struct config *config;
    struct config_problems problems;
    int config_errno;
    /* GET /v1/info. `answer.body` is empty from then on. */
    enum client_result result;
    struct client_answer answer;
    /* NULL: the agent did not tell. */
    cJSON *info, *profiles, *connectivity, *operations, *lock;
    /* Who listens at the socket; 0: unknown. */
    pid_t agent;
    /* Of the configuration, else of the agent; "" unknown. */
    char port[512];
    /* Resolved; "" it is not there. */
    char device[512];
};

void doctor_say(struct doctor *d, enum doctor_level level, const char *advice, const char *format,
                ...) PRINTF_LIKE(4, 5);

/* doctor_host.c */
void doctor_check_config(struct doctor *d);
void doctor_check_agent(struct doctor *d);
void doctor_check_port(struct doctor *d);
void doctor_check_access(struct doctor *d);
void doctor_check_holders(struct doctor *d);
void doctor_check_modem_manager(struct doctor *d);
/* doctor_agent.c; only with an agent that answers. */
void doctor_check_modem(struct doctor *d);
void doctor_check_card(struct doctor *d);
void doctor_check_profiles(struct doctor *d);
void doctor_check_network(struct doctor *d);
void doctor_check_signal(struct doctor *d);
void doctor_check_data(struct doctor *d);
void doctor_check_probes(struct doctor *d);
void doctor_check_broker(struct doctor *d);
void doctor_check_storage(struct doctor *d);
void doctor_check_stranded(struct doctor *d);
void doctor_check_clock(struct doctor *d);
void doctor_check_lock(struct doctor *d);
void doctor_check_switches(struct doctor *d);
