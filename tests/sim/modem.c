#include "modem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim.h"

static void run_command(struct sim *sim, int arg);
static void take_queued(struct sim *sim);

static void forget_settings(struct sim *sim)
{
    struct modem *m = &sim->modem;

    m->cmee = sim->scn.modem.cme;
    m->cops_format = 0;
    m->creg_n = m->cgreg_n = m->cereg_n = m->c5greg_n = 0;
    m->attach_wanted = true;
    memset(m->handles, 0, sizeof(m->handles));
}

static void read_card(struct sim *sim)
{
    struct modem *m = &sim->modem;
    const struct profile_scn *p = card_profile(&sim->card);

    m->sim = sim->scn.card.present ? SIM_READY : SIM_ABSENT;
    if (m->sim == SIM_ABSENT)
        p = NULL;
    else if (m->keeps_card)
        return;
    text_copy(m->iccid, sizeof(m->iccid), p ? p->iccid : "");
    text_copy(m->imsi, sizeof(m->imsi), p ? p->imsi : "");
}

static void storm_timer(struct sim *sim, int arg);

void modem_load_faults(struct sim *sim)
{
    struct modem *m = &sim->modem;

    memcpy(m->faults, sim->scn.modem.faults, sizeof(sim->scn.modem.faults));
    m->fault_count = sim->scn.modem.fault_count;
    m->fault = NULL;
}

void modem_init(struct sim *sim)
{
    struct modem *m = &sim->modem;
    const struct profile_scn *p = card_profile(&sim->card);

    forget_settings(sim);
    m->echo = sim->scn.modem.echo;
    m->cfun = sim->scn.modem.cfun;
    m->cops_mode = sim->scn.modem.cops_mode;
    if (p)
        text_copy(m->cops_plmn, sizeof(m->cops_plmn), p->network.plmn);
    m->contexts[1].set = true;
    text_copy(m->contexts[1].type, sizeof(m->contexts[1].type), sim->scn.modem.pdp_type);
    text_copy(m->contexts[1].apn, sizeof(m->contexts[1].apn), sim->scn.modem.apn);
    m->handle_next = 0x0385a7cf;
    m->final_at_ms = m->wrote_at_ms = -1000000;
    modem_load_faults(sim);
    read_card(sim);
    net_start(sim);
    modem_review(sim);
}

static void drop_queue(struct modem *m)
{
    for (size_t i = 0; i < m->queued; i++)
        free(m->queue[i]);
    m->queued = 0;
}

void modem_done(struct sim *sim)
{
    struct modem *m = &sim->modem;

    drop_queue(m);
    buf_done(&m->answer);
    buf_done(&m->last_answer);
    buf_done(&m->out);
}

const char *modem_apn(const struct sim *sim)
{
    return sim->modem.contexts[1].set ? sim->modem.contexts[1].apn : "";
}

bool modem_sim_locked(const struct sim *sim)
{
    int i = card_find_iccid(&sim->scn.card, sim->modem.iccid);

    return i >= 0 && sim->scn.card.profiles[i].network.sim_lock;
}

int modem_sim_lock_cme(const struct sim *sim)
{
    int i = card_find_iccid(&sim->scn.card, sim->modem.iccid);

    return modem_sim_locked(sim) ? sim->scn.card.profiles[i].network.sim_lock_cme : -1;
}

bool modem_can_register(const struct sim *sim)
{
    const struct modem *m = &sim->modem;

    return m->cfun == 1 && m->sim == SIM_READY && m->iccid[0] && m->cops_mode != 2 &&
           !strcmp(sim->scn.modem.cpin, "READY");
}

void modem_raw(struct sim *sim, const void *data, size_t len)
{
    buf_add(&sim->modem.out, data, len);
    modem_pump(sim);
}

void modem_urc(struct sim *sim, const char *text)
{
    struct buf line = { 0 };

    buf_fmt(&line, "\r\n%s\r\n", text);
    record_trace(&sim->record, ">", text, strlen(text));
    modem_raw(sim, line.data, line.len);
    buf_done(&line);
}

static const char *storm_line(struct sim *sim, char *room, size_t size)
{
    static const char *const lines[] = { "+CMTI: \"SM\",3",      "RING",
                                         "+CIEV: 2,4",           "^RSSI: 21",
                                         "+QIND: \"csq\",20,99", "*PSUTTZ: 2026,11,24,2,4,6" };
    unsigned turn = sim->modem.urc_turn++ % (ARRAY_LEN(lines) + 2);

    if (turn < ARRAY_LEN(lines))
        return lines[turn];
    snprintf(room, size, turn % 2 ? "+CREG: %d" : "+CEREG: %d", sim->net.stat);
    return room;
}

static void storm_timer(struct sim *sim, int arg)
{
    char room[64];

    if (!sim->scn.modem.urc_storm_ms)
        return;
    if (sim->pty.master >= 0 && !sim->pty.alone)
        modem_urc(sim, storm_line(sim, room, sizeof(room)));
    timer_set(storm_timer, arg, sim->scn.modem.urc_storm_ms);
}

void modem_review(struct sim *sim)
{
    timer_cancel(storm_timer, 0);
    if (sim->scn.modem.urc_storm_ms)
        timer_set(storm_timer, 0, sim->scn.modem.urc_storm_ms);
}

static int64_t us_per_byte(const struct sim *sim)
{
    const struct modem_scn *scn = &sim->scn.modem;

    return scn->byte_delay_ms ? scn->byte_delay_ms * 1000 : scn->baud ? 10000000 / scn->baud : 0;
}

/* Writes what pace and port allow; false when nothing more goes now. */
static bool write_some(struct sim *sim)
{
    struct modem *m = &sim->modem;
    int64_t pace = us_per_byte(sim), now = now_us();
    size_t n = m->out.len;

    if (pace && !sim->pty.alone) {
        if (m->next_byte_us < now - 20000)
            m->next_byte_us = now;
        if (m->next_byte_us > now)
            return false;
        n = (size_t)((now - m->next_byte_us) / pace + 1);
        n = n < m->out.len ? n : m->out.len;
    }
    if (sim->scn.modem.bytewise && !sim->pty.alone)
        n = 1;
    /* Not after it: who reads it may run before we do. */
    m->wrote_at_ms = now_ms();
    n = pty_write(sim, m->out.data, n);
    m->blocked = n == 0;
    m->next_byte_us += (int64_t)n * pace;
    m->final_mark -= m->final_mark < n ? m->final_mark : n;
    buf_drop(&m->out, n);
    return n > 0;
}

static void noise(struct sim *sim)
{
    struct buf b = { 0 };
    uint32_t kind = chance() % 4;
    size_t n = kind == 0 ? 6000 : 3 + chance() % 30;

    if (kind == 3)
        return;
    buf_text(&b, "\r\n");
    for (size_t i = 0; i < n; i++) {
        char c = (char)(kind == 0 ? 'a' + (int)(i % 26) : (int)(0x80 | (chance() & 0x7F)));
        buf_add(&b, &c, 1);
    }
    buf_text(&b, "\r\n");
    buf_add(&sim->modem.out, b.data, b.len);
    buf_done(&b);
}

/* A hang-up throws away what the other end has not read yet, so the answer gets this long. */
enum { READ_ANSWER_MS = 50, BOOT_MS = 100 };

static void vanish_timer(struct sim *sim, int ms)
{
    pty_vanish(sim, ms);
}

static void reboot_timer(struct sim *sim, int arg)
{
    (void)arg;
    modem_reboot(sim);
}

static void final_sent(struct sim *sim)
{
    struct modem *m = &sim->modem;
    struct aftermath after = m->after;

    m->final_pending = false;
    m->busy = false;
    m->late = false;
    m->final_at_ms = m->wrote_at_ms;
    m->after = (struct aftermath){ .vanish_ms = -1 };
    if (sim->scn.modem.garbage)
        noise(sim);
    if (after.vanish_ms >= 0)
        timer_set(vanish_timer, (int)after.vanish_ms, READ_ANSWER_MS);
    if (after.reboot)
        timer_set(reboot_timer, 0, READ_ANSWER_MS);
    else if (after.refresh)
        modem_refresh(sim);
    control_check_waits(sim);
    take_queued(sim);
}

void modem_pump(struct sim *sim)
{
    struct modem *m = &sim->modem;

    for (;;) {
        while (m->out.len && write_some(sim))
            ;
        if (!m->final_pending || m->final_mark)
            return;
        final_sent(sim);
    }
}

int modem_pump_wait(const struct sim *sim)
{
    int64_t left;

    if (!sim->modem.out.len || sim->modem.blocked)
        return -1;
    left = sim->modem.next_byte_us - now_us();
    return left <= 0 ? 0 : (int)((left + 999) / 1000);
}

bool modem_output_blocked(const struct sim *sim)
{
    return sim->modem.out.len && sim->modem.blocked;
}

/* Nobody listens: what was on its way is lost. */
void modem_output_dropped(struct sim *sim)
{
    sim->modem.line_len = 0;
    buf_clear(&sim->modem.out);
    sim->modem.final_mark = 0;
    modem_pump(sim);
}

/* Before the end of the last one. A plain AT asks whether anybody is there at all: whoever has waited
 * for long may ask again. */
static void count_early(struct sim *sim, const char *line)
{
    if (sim->modem.late)
        record_count(&sim->record, "after-late");
    else if (strcmp(line, "AT") != 0)
        record_count(&sim->record, "overlaps");
}

static bool is_apdu_command(const char *line)
{
    return text_has_prefix(line, "AT+CSIM") || text_has_prefix(line, "AT+CGLA") ||
           text_has_prefix(line, "AT+CCHO") || text_has_prefix(line, "AT+CCHC") ||
           text_has_prefix(line, "AT+CRSM");
}

static struct fault *fault_for(struct sim *sim, const char *line)
{
    struct modem *m = &sim->modem;
    struct fault *struck = NULL;

    for (size_t i = 0; i < m->fault_count; i++)
        if (text_has_prefix(line, m->faults[i].match) && fault_strikes(&m->faults[i]) && !struck)
            struck = &m->faults[i];
    if (struck)
        record_count(&sim->record, "faults");
    return struck;
}

static void begin_command(struct sim *sim, const char *line)
{
    struct modem *m = &sim->modem;
    int64_t latency = sim->scn.modem.latency_ms;

    record_count(&sim->record, "at");
    if (is_apdu_command(line))
        latency += sim->scn.modem.apdu_latency_ms;
    m->busy = true;
    text_copy(m->command, sizeof(m->command), line);
    m->entry = record_line(&sim->record, line);
    m->fault = fault_for(sim, line);
    m->after = (struct aftermath){ .vanish_ms = -1 };
    buf_clear(&m->answer);
    if (latency)
        timer_set(run_command, 0, latency);
    else
        run_command(sim, 0);
}

static void take_line(struct sim *sim, const char *line)
{
    struct modem *m = &sim->modem;

    if (!*line)
        return;
    record_trace(&sim->record, "<", line, strlen(line));
    if (m->busy) {
        count_early(sim, line);
        if (m->queued < MAX_QUEUE)
            m->queue[m->queued++] = must_alloc(strdup(line));
        return;
    }
    if (now_ms() - m->final_at_ms < sim->scn.modem.peace_ms) {
        record_count(&sim->record, "dropped");
        return;
    }
    if (!text_has_prefix(line, "AT")) {
        record_count(&sim->record, "dropped");
        return;
    }
    begin_command(sim, line);
}

static void take_queued(struct sim *sim)
{
    struct modem *m = &sim->modem;
    char *line;

    if (!m->queued || m->busy)
        return;
    line = m->queue[0];
    m->queued--;
    memmove(m->queue, m->queue + 1, m->queued * sizeof(m->queue[0]));
    take_line(sim, line);
    free(line);
}

void modem_input(struct sim *sim, const char *data, size_t len)
{
    struct modem *m = &sim->modem;

    if (m->echo)
        modem_raw(sim, data, len);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n')
            continue;
        if (data[i] != '\r') {
            if (m->line_len < sizeof(m->line) - 1)
                m->line[m->line_len++] = data[i];
            continue;
        }
        m->line[m->line_len] = 0;
        m->line_len = 0;
        take_line(sim, m->line);
    }
}

void modem_line(struct sim *sim, const char *format, ...)
{
    char text[2400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_fmt(&sim->modem.answer, "\r\n%s\r\n", text);
    record_trace(&sim->record, ">", text, strlen(text));
}

static const char *cme_text(int code)
{
    static const struct {
        int code;
        const char *text;
    } texts[] = { { 0, "phone failure" },
                  { 3, "operation not allowed" },
                  { 4, "operation not supported" },
                  { 5, "PH-SIM PIN required" },
                  { 10, "SIM not inserted" },
                  { 11, "SIM PIN required" },
                  { 12, "SIM PUK required" },
                  { 13, "SIM failure" },
                  { 14, "SIM busy" },
                  { 22, "not found" },
                  { 30, "no network service" },
                  { 40, "network personalization PIN required" },
                  { 41, "network personalization PUK required" },
                  { 42, "network subset personalization PIN required" },
                  { 43, "network subset personalization PUK required" },
                  { 44, "service provider personalization PIN required" },
                  { 45, "service provider personalization PUK required" },
                  { 46, "corporate personalization PIN required" },
                  { 47, "corporate personalization PUK required" },
                  { 48, "hidden key required" },
                  { 100, "unknown" } };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].code == code)
            return texts[i].text;
    return "unknown";
}

static void final_text(const struct sim *sim, int result, char *ret, size_t size)
{
    if (result == ANS_OK)
        text_copy(ret, size, "OK");
    else if (result == ANS_ERROR || sim->modem.cmee == 0)
        text_copy(ret, size, "ERROR");
    else if (sim->modem.cmee == 2)
        snprintf(ret, size, "+CME ERROR: %s", cme_text(result));
    else
        snprintf(ret, size, "+CME ERROR: %d", result);
}

/* The name ends at =, ? or the end: "+CREG?" is +CREG read. */
static const struct at_command *find_command(const char *line, enum at_kind *ret_kind,
                                             const char **ret_args)
{
    for (const struct at_command *c = at_commands; c->name; c++) {
        size_t n = strlen(c->name);
        const char *rest = line + 2 + n;

        if (strncasecmp(line + 2, c->name, n) != 0)
            continue;
        *ret_args = rest + (*rest == '=');
        if (!*rest)
            *ret_kind = AT_EXEC;
        else if (!strcmp(rest, "?"))
            *ret_kind = AT_READ;
        else if (!strcmp(rest, "=?"))
            *ret_kind = AT_TEST;
        else if (*rest == '=')
            *ret_kind = AT_SET;
        else
            continue;
        return c;
    }
    return NULL;
}

static int execute(struct sim *sim, const char *line)
{
    enum at_kind kind;
    const char *args;
    const struct at_command *c = find_command(line, &kind, &args);

    if (!c)
        return ANS_ERROR;
    if (kind == AT_TEST)
        return sim->scn.modem.test_forms ? ANS_OK : ANS_ERROR;
    return c->run(sim, kind, args);
}

static void put_final(struct sim *sim, const char *text)
{
    struct modem *m = &sim->modem;
    struct buf whole = { 0 };
    char room[64];

    if (sim->scn.modem.ok_first && !strcmp(text, "OK")) {
        buf_fmt(&whole, "\r\nOK\r\n");
        buf_add(&whole, m->answer.data, m->answer.len);
    } else {
        buf_add(&whole, m->answer.data, m->answer.len);
        if (sim->scn.modem.urc_storm_ms)
            buf_fmt(&whole, "\r\n%s\r\n", storm_line(sim, room, sizeof(room)));
        buf_fmt(&whole, "\r\n%s\r\n", text);
    }
    record_trace(&sim->record, ">", text, strlen(text));
    text_copy(m->entry->final, sizeof(m->entry->final), text);
    buf_clear(&m->answer);
    buf_add(&m->answer, whole.data, whole.len);
    buf_done(&whole);
}

static void send_answer(struct sim *sim, int arg)
{
    struct modem *m = &sim->modem;

    (void)arg;
    if (m->answer.len) {
        buf_clear(&m->last_answer);
        buf_add(&m->last_answer, m->answer.data, m->answer.len);
    }
    buf_add(&m->out, m->answer.data, m->answer.len);
    m->final_mark = m->out.len;
    m->final_pending = true;
    modem_pump(sim);
}

/* No final line will come; the modem is free again. */
static void no_final(struct sim *sim, const char *what)
{
    text_copy(sim->modem.entry->final, sizeof(sim->modem.entry->final), what);
    buf_clear(&sim->modem.answer);
    send_answer(sim, 0);
}

static bool fault_executes(const struct fault *f)
{
    if (f->execute >= 0)
        return f->execute;
    return f->action == ACT_LATE || f->action == ACT_TRUNCATE || f->action == ACT_GARBAGE;
}

static void put_text_lines(struct sim *sim, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        modem_line(sim, "%.*s", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void send_fault(struct sim *sim, const struct fault *f, int result)
{
    struct modem *m = &sim->modem;
    char final[64];

    final_text(sim,
               f->action == ACT_CME     ? f->code
               : f->action == ACT_ERROR ? ANS_ERROR
                                        : result,
               final, sizeof(final));
    switch (f->action) {
    case ACT_SILENT:
        no_final(sim, "(silent)");
        break;
    case ACT_VANISH:
        m->after.vanish_ms = f->delay_ms;
        no_final(sim, "(vanish)");
        break;
    case ACT_LATE:
        put_final(sim, final);
        m->late = true;
        timer_set(send_answer, 0, f->delay_ms);
        break;
    case ACT_TEXT:
        buf_clear(&m->answer);
        put_text_lines(sim, f->text);
        text_copy(m->entry->final, sizeof(m->entry->final), "(text)");
        send_answer(sim, 0);
        break;
    case ACT_TRUNCATE:
        put_final(sim, final);
        m->answer.len /= 2;
        text_copy(m->entry->final, sizeof(m->entry->final), "(truncated)");
        send_answer(sim, 0);
        break;
    case ACT_GARBAGE:
        buf_clear(&m->answer);
        buf_text(&m->answer, "\r\n\x01\xfe\x80+C\xffSI\x02M: \xc3\x28\r\n");
        text_copy(m->entry->final, sizeof(m->entry->final), "(garbage)");
        send_answer(sim, 0);
        break;
    default:
        buf_clear(&m->answer);
        put_final(sim, final);
        send_answer(sim, 0);
        break;
    }
}

static void run_command(struct sim *sim, int arg)
{
    struct modem *m = &sim->modem;
    const struct fault *f = m->fault;
    int over = sim->scn.modem.answers_previous_over, result = ANS_OK;
    char final[64];

    (void)arg;
    if (over && strlen(m->command) > (size_t)over && m->last_answer.len) {
        buf_clear(&m->answer);
        buf_add(&m->answer, m->last_answer.data, m->last_answer.len);
        text_copy(m->entry->final, sizeof(m->entry->final), "(previous)");
        send_answer(sim, 0);
        return;
    }
    if (!f || fault_executes(f))
        result = execute(sim, m->command);
    m->fault = NULL;
    if (f) {
        send_fault(sim, f, result);
        return;
    }
    final_text(sim, result, final, sizeof(final));
    if (result != ANS_OK)
        buf_clear(&m->answer);
    put_final(sim, final);
    send_answer(sim, 0);
}

/* The port is gone: a command in hand is never answered. */
void modem_port_gone(struct sim *sim)
{
    struct modem *m = &sim->modem;

    timer_cancel(run_command, 0);
    timer_cancel(send_answer, 0);
    drop_queue(m);
    buf_clear(&m->out);
    m->final_pending = false;
    m->final_mark = 0;
    m->busy = false;
    m->late = false;
    m->line_len = 0;
}

static void card_ready(struct sim *sim, int arg)
{
    (void)arg;
    card_reset(&sim->card);
    read_card(sim);
    if (sim->modem.sim == SIM_READY && modem_sim_lock_cme(sim) < 0) {
        char line[64];

        snprintf(line, sizeof(line), "+CPIN: %s",
                 modem_sim_locked(sim) ? "PH-NET PIN" : sim->scn.modem.cpin);
        modem_urc(sim, line);
    }
    if (sim->scn.modem.sim_change_urc[0])
        modem_urc(sim, sim->scn.modem.sim_change_urc);
    net_start(sim);
    control_check_waits(sim);
}

/* Channels are gone, the card is read again after a while. */
static void restart_card(struct sim *sim, int busy_ms, bool keeps_card)
{
    sim->modem.keeps_card = keeps_card;
    card_reset(&sim->card);
    memset(sim->modem.handles, 0, sizeof(sim->modem.handles));
    net_stop(sim);
    sim->modem.sim = SIM_BUSY;
    if (busy_ms)
        timer_set(card_ready, 0, busy_ms);
    else
        card_ready(sim, 0);
}

static void refresh_now(struct sim *sim, int arg)
{
    (void)arg;
    record_count(&sim->record, "refresh");
    record_trace(&sim->record, "-", "REFRESH", 7);
    modem_urc(sim, "+CPIN: NOT READY");
    restart_card(sim, sim->scn.modem.refresh_ms, false);
    if (sim->scn.modem.vanish_on_refresh_ms)
        timer_set(vanish_timer, sim->scn.modem.vanish_on_refresh_ms, READ_ANSWER_MS);
}

void modem_refresh(struct sim *sim)
{
    if (sim->scn.modem.refresh_delay_ms)
        timer_set(refresh_now, 0, sim->scn.modem.refresh_delay_ms);
    else
        refresh_now(sim, 0);
}

static void boot_done(struct sim *sim, int arg)
{
    (void)arg;
    modem_urc(sim, "RDY");
    restart_card(sim, sim->scn.modem.cpin_busy_ms,
                 !sim->scn.modem.reboot_refresh && sim->modem.iccid[0]);
}

void modem_reboot(struct sim *sim)
{
    struct modem *m = &sim->modem;

    record_count(&sim->record, "reboot");
    record_trace(&sim->record, "-", "reboot", 6);
    timer_cancel(card_ready, 0);
    timer_cancel(refresh_now, 0);
    forget_settings(sim);
    m->echo = sim->scn.modem.echo_after_reset;
    m->cfun = 1;
    m->sim = SIM_BUSY;
    card_reset(&sim->card);
    net_stop(sim);
    if (sim->scn.modem.reboot_ms) {
        pty_vanish(sim, sim->scn.modem.reboot_ms);
        timer_set(boot_done, 0, sim->scn.modem.reboot_ms + BOOT_MS);
    } else {
        modem_port_gone(sim);
        boot_done(sim, 0);
    }
}

bool modem_set_cfun(struct sim *sim, int level)
{
    struct modem *m = &sim->modem;
    int before = m->cfun;

    if (level != 0 && level != 1 && level != 4)
        return false;
    m->cfun = level;
    if (level == before)
        return true;
    if (level != 1) {
        net_stop(sim);
        if (level == 0 && sim->scn.modem.vanish_on_cfun_ms)
            m->after.vanish_ms = sim->scn.modem.vanish_on_cfun_ms;
    } else if (sim->scn.modem.cfun_refresh) {
        timer_cancel(card_ready, 0);
        restart_card(sim, sim->scn.modem.cpin_busy_ms, false);
    } else {
        net_start(sim);
    }
    return true;
}

void modem_card_event(void *owner, enum card_event event)
{
    struct sim *sim = owner;
    int when = sim->scn.modem.refresh;
    bool now;

    if (when == REFRESH_IGNORED)
        return;
    if (event == CARD_ENABLED)
        now = when == REFRESH_ENABLE && sim->scn.card.commit == COMMIT_ENABLE;
    else
        now = when == REFRESH_CLOSE || sim->scn.card.commit == COMMIT_CLOSE;
    if (now)
        sim->modem.after.refresh = true;
}

static void tell(struct sim *sim, const char *name, int n, bool there, int stat)
{
    char line[96];

    if (!there || n < 1)
        return;
    if (n >= 2 && net_registered(sim) && stat)
        snprintf(line, sizeof(line), "%s: %d,\"1A2B\",\"01A2D003\",%d", name, stat,
                 sim->net.network->act);
    else
        snprintf(line, sizeof(line), "%s: %d", name, stat);
    modem_urc(sim, line);
}

void modem_tell_registration(struct sim *sim)
{
    const struct modem *m = &sim->modem;
    const struct modem_scn *scn = &sim->scn.modem;

    tell(sim, "+CREG", m->creg_n, scn->creg, sim->net.stat);
    tell(sim, "+CGREG", m->cgreg_n, scn->cgreg, sim->net.stat);
    tell(sim, "+CEREG", m->cereg_n, scn->cereg, sim->net.stat);
    tell(sim, "+C5GREG", m->c5greg_n, scn->c5greg, sim->net.stat);
}
