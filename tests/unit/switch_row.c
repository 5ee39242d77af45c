#include "tests/unit/switch_row.h"

static enum operation_state state_of(enum ends ends)
{
    switch (ends) {
    case END_WELL:
        return OPERATION_SUCCEEDED;
    case END_OPEN:
        return OPERATION_RUNNING;
    case END_CANCELED:
        return OPERATION_CANCELED;
    case END_EXPIRED:
        return OPERATION_EXPIRED;
    default:
        return OPERATION_FAILED;
    }
}

static void check_problem(const struct row *row, const struct operation *op)
{
    enum error_code code = row->ends == END_STRANDED ? ERROR_STRANDED : row->code;

    assert_string_equal(error_code_name(op->problem.error.code), error_code_name(code));
    assert_string_equal(error_code_name(op->problem.cause),
                        row->ends == END_STRANDED ? error_code_name(row->code) : "");
}

static void check_result(const struct row *row, const struct operation *op)
{
    char now = row->now;

    assert_int_equal(op->has_result, now != 0);
    assert_int_equal(op->changed, op->sent && (now == 'B' || now == 'C' || now == '?'));
    assert_int_equal(op->verified, row->verified);
    if (!now)
        return;
    assert_int_equal(op->has_now, now != '?' && now != 'a');
    if (op->has_now)
        assert_string_equal(op->now.text, now == 'A' ? A : now == 'B' ? B : C);
    if (op->sent) {
        assert_int_equal(op->has_from, !row->script.none_before);
        assert_string_equal(op->from.text, row->script.none_before ? "" : A);
    }
    assert_string_equal(op->target.iccid.text, row->script.target ? row->script.target : B);
}

static void check_outcome(const struct row *row, const struct world_end *end)
{
    const struct switch_outcome *outcome = &end->outcome;
    const struct operation *op = &end->op;

    assert_int_equal(outcome->interrupted, row->ends == END_OPEN);
    if (outcome->ended_already)
        assert_true(row->ends == END_CANCELED || row->ends == END_EXPIRED);
    assert_int_equal(outcome->overtaken, row->ends == END_OVERTAKEN);
    assert_int_equal(outcome->stranded, row->ends == END_STRANDED);
    if (row->ends == END_STRANDED) {
        assert_int_equal(outcome->previous.known, !row->script.none_before);
        assert_string_equal(outcome->previous.iccid.text, row->script.none_before ? "" : A);
        assert_int_equal(outcome->fallback.known, row->script.mark != 0);
    }
    /* What was read before ENABLE is no longer true. */
    assert_int_equal(outcome->list_dropped, op->sent && row->ends != END_SAME);
    if (!outcome->list_dropped && outcome->has_list)
        assert_true(profile_enabled(&outcome->list) != NULL);
}

static void check_row(const struct row *row)
{
    static struct world_end end;
    const struct operation *op = &end.op;

    world_run(&row->script, &end);
    print_message("    %s %s (%s), now %s, %s, %s, %d ms, %d ms without data\n",
                  operation_state_name(op->state), error_code_name(op->problem.error.code),
                  error_code_name(op->problem.cause), op->has_now ? op->now.text : "?",
                  verified_name(op->verified), world_seen.trace, (int)end.took_ms,
                  (int)op->blackout_ms);
    assert_string_equal(world_seen.trace, row->trace);
    assert_int_equal(op->state, state_of(row->ends));
    check_problem(row, op);
    check_result(row, op);
    check_outcome(row, &end);
    /* A word that was taken keeps the profile, unless somebody else has switched. */
    if (world_seen.confirmed)
        assert_true(row->ends == END_WELL || row->ends == END_OVERTAKEN);
    assert_int_equal(op->phase == PHASE_ROLLED_BACK, row->ends == END_BACK);
    assert_int_equal(op->phase == PHASE_COMMITTED, row->ends == END_WELL && op->sent);
    if (!row->script.expire)
        assert_true(end.took_ms <= end.budget_ms);
    assert_int_equal(world_seen.switching_told,
                     op->sent ? 1 + row->script.in_vain + world_seen.taken_up : 0);
    assert_true(world_count('E') <= 1 + row->script.in_vain);
    assert_true(op->sent || world_count('E') == 0);
    if (row->ends == END_WELL && op->changed && !row->script.again)
        assert_int_equal(op->blackout_ms >= 0,
                         row->script.verify != CONFIG_VERIFY_REGISTERED && !row->script.has_before);
    assert_string_equal(world_seen.apn, row->script.apn && row->now == 'B' ? "b.net" : "a.net");
    /* An operation that goes on has its intent exactly when ENABLE may have gone out. */
    if (row->ends == END_OPEN)
        assert_int_equal(end.has_intent, op->sent);
}

void row_check_all(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("%s\n", rows[i].what);
        check_row(&rows[i]);
    }
}
