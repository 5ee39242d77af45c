#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "card.h"
#include "util.h"

/* The modem: an AT engine on the port. modem.c has lines, answers, pacing and resets;
 * modem_cmds.c the table of commands; modem_sim.c those that go to the card. */

struct sim;
struct fault;

enum { LINE_MAX_BYTES = 8192, MAX_QUEUE = 32, MAX_CONTEXTS = 8, MAX_HANDLES = 20 };

enum sim_state { SIM_ABSENT, SIM_BUSY, SIM_READY };

struct context {
    bool set;
    char type[16], apn[128], user[128], password[128];
    int auth;
};

/* What comes after the final line of a command has gone out. */
struct aftermath {
    bool refresh, reboot;
    /* >= 0: the port goes away that long. */
    int64_t vanish_ms;
};

struct modem {
    bool echo, attach_wanted;
    int cmee, cfun, cops_mode, cops_format;
    char cops_plmn[16];
    int creg_n, cgreg_n, cereg_n, c5greg_n;
    enum sim_state sim;
    /* It starts over and reads nothing anew. */
    bool keeps_card;
    /* What it works with; the card may have switched meanwhile. Empty: nothing. */
    char iccid[24], imsi[20];
    struct context contexts[MAX_CONTEXTS + 1];
    /* Channel behind each opaque CCHO handle; 0: free. */
    int handles[MAX_HANDLES];
    unsigned handle_next;
    /* input */
    char line[LINE_MAX_BYTES];
    size_t line_len;
    char *queue[MAX_QUEUE];
    size_t queued;
    /* the command in hand */
    bool busy;
    char command[LINE_MAX_BYTES];
    struct fault *fault;
    struct record_entry *entry;
    struct aftermath after;
    /* A late answer is due: what comes meanwhile is no overlap. */
    bool late;
    struct buf answer, last_answer;
    int64_t final_at_ms, wrote_at_ms;
    /* output */
    struct buf out;
    bool final_pending;
    size_t final_mark;
    int64_t next_byte_us;
    bool blocked;
    unsigned urc_turn;
    struct fault faults[2 * MAX_FAULTS];
    size_t fault_count;
};

/* Outcome of a command: a CME code (>= 0), or one of these. */
enum { ANS_OK = -1, ANS_ERROR = -2 };

enum at_kind { AT_EXEC, AT_READ, AT_SET, AT_TEST };

/* One command: its name behind "AT", and what it does. `args` is the text behind "=". */
struct at_command {
    const char *name;
    int (*run)(struct sim *sim, enum at_kind kind, const char *args);
    bool to_card;
};

extern const struct at_command at_commands[];

void modem_init(struct sim *sim);
void modem_done(struct sim *sim);
void modem_load_faults(struct sim *sim);
void modem_input(struct sim *sim, const char *data, size_t len);
/* Sends what may go now; starts the next command when a final line is out. */
void modem_pump(struct sim *sim);
/* ms until modem_pump() has something to do, -1: nothing. */
int modem_pump_wait(const struct sim *sim);
bool modem_output_blocked(const struct sim *sim);
void modem_output_dropped(struct sim *sim);
void modem_port_gone(struct sim *sim);
void modem_raw(struct sim *sim, const void *data, size_t len);
void modem_urc(struct sim *sim, const char *text);
/* Adds an information line to the answer in the making. */
void modem_line(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Restarts the periodic lines after a change of the scenario. */
void modem_review(struct sim *sim);

/* The card in the slot asks for it, or someone pulls the reset line. */
void modem_refresh(struct sim *sim);
void modem_reboot(struct sim *sim);
/* CFUN; false: not supported. */
bool modem_set_cfun(struct sim *sim, int level);
void modem_card_event(void *owner, enum card_event event);
bool modem_can_register(const struct sim *sim);
/* The profile in use is locked out. */
bool modem_sim_locked(const struct sim *sim);
/* And this is what +CPIN? says to that, as a CME code; -1: a line. */
int modem_sim_lock_cme(const struct sim *sim);
void modem_tell_registration(struct sim *sim);
const char *modem_apn(const struct sim *sim);

/* modem_signal.c */
int at_cesq(struct sim *sim, enum at_kind kind, const char *args);
int at_csq(struct sim *sim, enum at_kind kind, const char *args);
int at_qcsq(struct sim *sim, enum at_kind kind, const char *args);
int at_qsinr(struct sim *sim, enum at_kind kind, const char *args);
int at_cpsi(struct sim *sim, enum at_kind kind, const char *args);
int at_gstatus(struct sim *sim, enum at_kind kind, const char *args);
int at_xcesq(struct sim *sim, enum at_kind kind, const char *args);
int at_gtccinfo(struct sim *sim, enum at_kind kind, const char *args);

/* modem_sim.c */
int modem_sim_refusal(const struct sim *sim);
int at_csim(struct sim *sim, enum at_kind kind, const char *args);
int at_ccho(struct sim *sim, enum at_kind kind, const char *args);
int at_cgla(struct sim *sim, enum at_kind kind, const char *args);
int at_cchc(struct sim *sim, enum at_kind kind, const char *args);
int at_crsm(struct sim *sim, enum at_kind kind, const char *args);
int at_ccid(struct sim *sim, enum at_kind kind, const char *args);
int at_cimi(struct sim *sim, enum at_kind kind, const char *args);
int at_cpin(struct sim *sim, enum at_kind kind, const char *args);
