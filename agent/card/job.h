#pragma once

#include <stdbool.h>

#include "agent/base/eid.h"
#include "agent/base/error.h"
#include "agent/base/profile.h"
#include "agent/base/traffic.h"
#include "agent/card/apdu.h"
#include "agent/card/card.h"
#include "agent/card/channel.h"
#include "agent/card/exchange.h"

/* One job on the card: a channel over the way that works, on it the commands of the interface that
 * the card speaks. What is learnt on the way stays with the card. */

/* How EnableProfile is asked for. Some cards know only one of these. */
enum enable_form { ENABLE_BY_ICCID = 0, ENABLE_BY_AID, ENABLE_WITHOUT_REFRESH, ENABLE_FORMS };

struct card {
    struct card_options options;
    /* What on_channels() was told last. */
    char told[CARD_CHANNELS_MAX + 1];
    struct channel_way ways[2];
    /* The way that worked; NULL until known. */
    struct channel_way *way;
    /* The interface that was understood; CARD_AUTO until known. */
    enum card_interface interface;
    /* What this card wants: its FCI fetched; GET RESPONSE in the proprietary class; STORE DATA with
     * an Le; a list without names; and how it enables. */
    bool fetch_fci, get_response_proprietary, store_data_le, without_names;
    enum enable_form enable_form;
    /* Since the start, whatever card it was. */
    uint64_t answers[TRAFFIC_ANSWERS];
    /* The answer in hand. */
    struct exchange_answer answer;
};

struct job {
    struct card *card;
    struct patience patience;
    struct channel channel;
    /* Ways that failed in this job, by their place. */
    bool failed[2];
    bool reopened, reselected;
    /* The modem's sessions were closed, or there is no reason to. */
    bool cleared;
    bool has_eid, has_list;
    /* An EID that the card does not give does not end the job; why is in `eid_error`. */
    bool eid_may_fail;
    struct error eid_error;
    struct eid eid;
    struct profile_list list;
};

void job_begin(struct job *job, struct card *card);
/* Closes. */
void job_end(struct job *job);

/* Reads what is wanted and not had yet; the channel is then open, on failure closed. Errors as
 * card_read(). */
MUST_CHECK struct error job_read(struct job *job, bool eid, bool list);

/* The interface to use now. */
enum card_interface job_interface(const struct job *job);
/* STORE DATA or any other command, with the Le that this card wants; on a refusal of its length the
 * other way once. The answer is in job->card->answer, its status word is not looked at. */
MUST_CHECK struct error job_store_data(struct job *job, struct apdu apdu,
                                       const struct exchange_how *how);
