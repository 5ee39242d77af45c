#include "agent/operation/journal.h"

#include <stdlib.h>
#include <string.h>

#include "agent/operation/journal_file.h"
#include "agent/operation/journal_rows.h"
#include "agent/operation/store.h"

/* --- writing --- */

struct change {
    const struct journal_change *asked;
    char *doc;
    int64_t numbers[LETTERS_MAX];
};

static int run_letters(struct journal *journal, int64_t now_ms, struct change *change)
{
    const struct letters *letters = change->asked->letters;
    int rc = SQLITE_OK;

    for (size_t i = 0; letters && rc == SQLITE_OK && i < letters->count; i++)
        if (letters->items[i].kept)
            rc = journal_rows_add_letter(&journal->db, &letters->items[i], now_ms,
                                         &change->numbers[i]);
    return rc;
}

static int run_change(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    struct change *change = ctx;
    const struct journal_change *asked = change->asked;
    int rc = SQLITE_OK;

    if (asked->op)
        rc = journal_rows_put_operation(&journal->db, asked->op, change->doc, now);
    if (rc == SQLITE_OK && asked->intent)
        rc = journal_rows_put_intent(&journal->db, asked->op ? asked->op->id : NULL, asked->intent);
    if (rc == SQLITE_OK)
        rc = run_letters(journal, now->journal_ms, change);
    if (rc == SQLITE_OK && asked->counts)
        rc = journal_rows_count(&journal->db, JOURNAL_SWITCH, now->journal_ms);
    if (rc == SQLITE_OK && asked->result)
        rc = journal_rows_add_result(&journal->db, asked->result, now->journal_ms);
    return rc;
}

/* Under lock: no number is known to anybody before it is on disk. */
static void give_numbers(struct journal *journal, struct letters *letters, const int64_t *numbers)
{
    for (size_t i = 0; letters && i < letters->count; i++) {
        letters->items[i].number = numbers[i];
        journal->number = numbers[i] > journal->number ? numbers[i] : journal->number;
    }
}

/* A switch whose ENABLE went out has to be able to end; what only knocks at the door has not, nor has
 * an ENABLE that can still be kept back. */
static bool may_use_reserve(const struct journal_change *asked)
{
    const struct operation *op = asked->op;
    bool sends = asked->counts && op && op->phase == PHASE_ENABLING;

    return op && !sends && (op->sent || (operation_has_ended(op) && op->started_utc_ms != 0));
}

struct error journal_write(struct journal *journal, const struct journal_change *asked)
{
    struct change change = { .asked = asked };
    const struct journal_work work = { run_change, &change, true, may_use_reserve(asked) };
    struct error e;

    if (asked->op && !(change.doc = store_to_text(asked->op)))
        return error_make(ERROR_IN_STORAGE, ERROR_STORAGE_FULL, SQLITE_NOMEM, "out of memory");
    pthread_mutex_lock(&journal->lock);
    e = journal_file_write_locked(journal, &work);
    if (!e.code)
        give_numbers(journal, asked->letters, change.numbers);
    pthread_mutex_unlock(&journal->lock);
    free(change.doc);
    return e;
}

struct intent_to_save {
    const char *operation, *text;
};

static int run_intent(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    const struct intent_to_save *intent = ctx;

    (void)now;
    return journal_rows_put_intent(&journal->db, intent->operation, intent->text);
}

void journal_save_intent(struct journal *journal, const char *operation, const char *text)
{
    struct intent_to_save intent = { operation, text };
    const struct journal_work work = { run_intent, &intent, .synced = false };
    struct error ignored = journal_file_write(journal, &work);

    (void)ignored; /* the next change says it again */
}

static int run_count(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    const enum journal_history *kind = ctx;

    return journal_rows_count(&journal->db, *kind, now->journal_ms);
}

struct error journal_count(struct journal *journal, enum journal_history kind)
{
    const struct journal_work work = { run_count, &kind, .synced = true };

    return journal_file_write(journal, &work);
}

struct letter_to_add {
    const struct letter *letter;
    int64_t number;
};

static int run_add(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    struct letter_to_add *add = ctx;

    return journal_rows_add_letter(&journal->db, add->letter, now->journal_ms, &add->number);
}

struct error journal_add_letter(struct journal *journal, struct letter *letter)
{
    struct letter_to_add add = { .letter = letter };
    const struct journal_work work = { run_add, &add, .synced = false };
    struct error e;

    pthread_mutex_lock(&journal->lock);
    e = journal_file_write_locked(journal, &work);
    if (!e.code) {
        letter->number = add.number;
        journal->number = add.number > journal->number ? add.number : journal->number;
    }
    pthread_mutex_unlock(&journal->lock);
    return e;
}

struct letters_to_remove {
    const int64_t *numbers;
    size_t count;
};

static int run_remove(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    const struct letters_to_remove *remove = ctx;
    int rc = SQLITE_OK;

    (void)now;
    for (size_t i = 0; rc == SQLITE_OK && i < remove->count; i++)
        rc = journal_rows_remove_letter(&journal->db, remove->numbers[i]);
    return rc;
}

void journal_remove_letters(struct journal *journal, const int64_t *numbers, size_t count)
{
    struct letters_to_remove remove = { numbers, count };
    const struct journal_work work = { run_remove, &remove, .synced = false };

    if (count > 0) {
        struct error ignored = journal_file_write(journal, &work);

        (void)ignored; /* at worst they go out once more */
    }
}

struct value_to_put {
    const char *key, *value;
};

static int run_value(struct journal *journal, const struct journal_stamp *now, void *ctx)
{
    const struct value_to_put *put = ctx;

    (void)now;
    return journal_rows_put_value(&journal->db, put->key, put->value);
}

static struct error put_value(struct journal *journal, const char *key, const char *value,
                              bool synced)
{
    struct value_to_put put = { key, value };
    const struct journal_work work = { run_value, &put, .synced = synced };

    if (value && strlen(value) > JOURNAL_VALUE_MAX)
        return error_make(ERROR_IN_AGENT, ERROR_INTERNAL, 0, "a value of %zu bytes", strlen(value));
    return journal_file_write(journal, &work);
}

struct error journal_put_value(struct journal *journal, const char *key, const char *value)
{
    return put_value(journal, key, value, true);
}

void journal_save_value(struct journal *journal, const char *key, const char *value)
{
    struct error ignored = put_value(journal, key, value, false);

    (void)ignored; /* as the header says */
}

/* --- reading --- */

bool journal_find(struct journal *journal, const char *id, struct operation *ret)
{
    const struct journal_stamp now = journal_file_stamp(journal);
    bool found = false;
    int rc = SQLITE_OK;

    if (journal_file_begin_reading(journal))
        rc = journal_rows_find(&journal->db, id, &now, &found, ret);
    journal_file_end_reading(journal, rc);
    return found;
}

bool journal_find_request(struct journal *journal, enum operation_channel channel,
                          const char *request, struct operation *ret)
{
    const struct journal_stamp now = journal_file_stamp(journal);
    bool found = false;
    int rc = SQLITE_OK;

    if (journal_file_begin_reading(journal))
        rc = journal_rows_find_request(&journal->db, channel, request, &now, &found, ret);
    journal_file_end_reading(journal, rc);
    return found;
}

bool journal_find_active(struct journal *journal, struct operation *ret, char **ret_intent)
{
    const struct journal_stamp now = journal_file_stamp(journal);
    char *intent = NULL;
    bool found = false;
    int rc = SQLITE_OK;

    if (journal_file_begin_reading(journal))
        rc = journal_rows_find_active(&journal->db, &now, &found, ret, &intent);
    journal_file_end_reading(journal, rc);
    if (found)
        *ret_intent = intent;
    return found;
}

size_t journal_list(struct journal *journal, enum operation_state state, const char *before,
                    size_t cap, struct operation *ret)
{
    const struct journal_stamp now = journal_file_stamp(journal);
    size_t count = 0;
    int rc = SQLITE_OK;

    if (journal_file_begin_reading(journal))
        rc = journal_rows_list(&journal->db, state, before, &now, cap, &count, ret);
    journal_file_end_reading(journal, rc);
    return count;
}

bool journal_age_of(struct journal *journal, enum journal_history kind, int64_t nth,
                    int64_t *ret_age_ms)
{
    int64_t at_ms = -1;
    int64_t now_ms = journal_now_ms(journal);
    int rc = SQLITE_OK;

    if (journal_file_begin_reading(journal) && nth >= 1)
        rc = journal_rows_nth(&journal->db, kind, nth, &at_ms);
    journal_file_end_reading(journal, rc);
    if (at_ms >= 0)
        *ret_age_ms = now_ms > at_ms ? now_ms - at_ms : 0;
    return at_ms >= 0;
}

size_t journal_results(struct journal *journal, const struct iccid *to, size_t cap,
                       struct journal_result *ret)
{
    size_t count = 0;
    int rc = SQLITE_OK;

    if (journal_file_begin_reading(journal))
        rc = journal_rows_results(&journal->db, to, cap, &count, ret);
    journal_file_end_reading(journal, rc);
    return count;
}

size_t journal_load_letters(struct journal *journal, int64_t after, size_t cap, struct letter *ret)
{
    size_t count = 0;
    int rc = SQLITE_OK;

    if (journal_file_begin_reading(journal))
        rc = journal_rows_load_letters(&journal->db, after, cap,
                                       journal_file_stamp(journal).journal_ms, &count, ret);
    if (count > 0 && ret[count - 1].number > journal->number)
        journal->number = ret[count - 1].number;
    journal_file_end_reading(journal, rc);
    return count;
}

char *journal_get_value(struct journal *journal, const char *key)
{
    char *value = NULL;
    int rc = SQLITE_OK;

    if (journal_file_begin_reading(journal))
        rc = journal_rows_get_value(&journal->db, key, &value);
    journal_file_end_reading(journal, rc);
    return value;
}
