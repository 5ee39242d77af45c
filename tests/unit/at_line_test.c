#include "agent/modem/at_line.h"
#include "tests/test.h"
#include "tests/unit/vectors.h"

static void finals_of_the_vectors(void **state)
{
    cJSON *file = vectors_load("at.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "final")) {
        const cJSON *cme = cJSON_GetObjectItemCaseSensitive(row, "cme");
        struct at_final final = at_final_from_line(vectors_text(row, "line"));

        print_message("%s\n", vectors_text(row, "line"));
        assert_int_not_equal(final.kind, AT_FINAL_NOT);
        assert_int_equal(final.kind == AT_FINAL_OK,
                         cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(row, "ok")));
        if (cme) {
            assert_int_equal(final.kind, AT_FINAL_CME);
            assert_int_equal(final.number, cme->valueint);
        }
    }
    cJSON_Delete(file);
}

static const struct {
    const char *line;
    enum error_code code;
    int detail;
    bool refusal;
} meanings[] = {
    // clang-format off
    { "OK", ERROR_NONE, 0, false },
    { "ERROR", ERROR_CARD, ERROR_FINAL_ERROR, true },
    { "+CME ERROR: 3", ERROR_CARD, 3, true },
    { "+CME ERROR: operation not supported", ERROR_CARD, 4, true },
    { "+CME ERROR: 0", ERROR_CARD_BUSY, 0, false },
    { "+CME ERROR: 100", ERROR_CARD_BUSY, 100, false },
    { "+CME ERROR: 13", ERROR_CARD_BUSY, 13, false },
    { "+CME ERROR:14", ERROR_CARD_BUSY, 14, false },
    { "+CME ERROR: 10", ERROR_CARD_ABSENT, 10, false },
    { "+CME ERROR: 5", ERROR_SIM_LOCKED, 5, false },
    { "+CME ERROR: 7", ERROR_SIM_LOCKED, 7, false },
    { "+CME ERROR: 8", ERROR_CARD, 8, false },
    { "+CME ERROR: (U)SIM PIN required", ERROR_SIM_LOCKED, 11, false },
    { "+CME ERROR: 12", ERROR_SIM_LOCKED, 12, false },
    { "+CME ERROR: 40", ERROR_SIM_LOCKED, 40, false },
    { "+CME ERROR: 48", ERROR_SIM_LOCKED, 48, false },
    { "+CME ERROR: 17", ERROR_CARD, 17, false },
    { "+CME ERROR: 49", ERROR_CARD, 49, false },
    { "+CME ERROR: 99999", ERROR_CARD, 99999, false },
    { "+CME ERROR: something new", ERROR_CARD, ERROR_FINAL_ERROR, true },
    { "+CME ERROR: 123456789", ERROR_CARD, ERROR_FINAL_ERROR, true },
    { "+CME ERROR:", ERROR_CARD, ERROR_FINAL_ERROR, true },
    { "+CMS ERROR: 500", ERROR_CARD, ERROR_FINAL_CMS - 500, false },
    { "NO CARRIER", ERROR_CARD, ERROR_FINAL_NO_CARRIER, false },
    { "ABORTED", ERROR_CARD, ERROR_FINAL_ABORTED, false },
    { "BUSY", ERROR_CARD, ERROR_FINAL_BUSY, false },
}; // clang-format on

static void finals_and_what_they_mean(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        struct at_final final = at_final_from_line(meanings[i].line);
        struct error e = at_final_error(final, "AT+CSIM");

        print_message("%s: %s\n", meanings[i].line, e.message);
        assert_int_not_equal(final.kind, AT_FINAL_NOT);
        assert_int_equal(e.code, meanings[i].code);
        assert_int_equal(at_is_refusal(&e), meanings[i].refusal);
        if (!e.code)
            continue;
        assert_int_equal(e.domain, ERROR_IN_MODEM);
        assert_int_equal(e.detail, meanings[i].detail);
    }
}

static void lines_that_end_nothing(void **state)
{
    static const char *const lines[] = { "OKAY", "ok",   "+CREG: 1", "CME ERROR: 3", "ERRORS",
                                         "RING", "+CME", "BUSY 1",   "NO CARRIERS" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(at_final_from_line(lines[i]).kind, AT_FINAL_NOT);
}

/* Feeds `len` bytes; the lines, joined by '|'. */
static void feed(struct at_reader *reader, const char *bytes, size_t len, char *ret, size_t size)
{
    ret[0] = '\0';
    for (size_t i = 0; i < len; i++)
        if (at_reader_take(reader, (uint8_t)bytes[i])) {
            assert_true(strlen(ret) + strlen(reader->line) + 2 <= size);
            strcat(strcat(ret, reader->line), "|");
        }
}

static const struct {
    const char *what, *bytes, *lines;
    size_t len;
    int unprintable;
} streams[] = {
// clang-format off
#define STREAM(what, bytes, lines, bad) { what, bytes, lines, sizeof bytes - 1, bad }
    STREAM("CRLF", "\r\nOK\r\n", "OK|", 0),
    STREAM("CR alone", "OK\rERROR\r", "OK|ERROR|", 0),
    STREAM("LF alone", "a\nb\n\n\nc\n", "a|b|c|", 0),
    STREAM("blanks around", "  +CSQ: 1,2  \r\n", "+CSQ: 1,2|", 0),
    STREAM("a tab", "Revision:\t1\r", "Revision: 1|", 0),
    STREAM("not ended", "OK", "", 0),
    STREAM("NUL inside", "O\0K\r\nOK\r\n", "OK|", 1),
    STREAM("high bytes", "\xFF\xFEOK\r\n+CREG: 1\r\n", "+CREG: 1|", 1),
    STREAM("escape", "\x1B[0m\r\nOK\r\n", "OK|", 1),
    STREAM("only blanks", "   \r\n \r\n", "", 0),
#undef STREAM
}; // clang-format on

static void bytes_become_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct at_reader reader;
        char lines[256];

        print_message("%s\n", streams[i].what);
        at_reader_init(&reader);
        feed(&reader, streams[i].bytes, streams[i].len, lines, sizeof lines);
        assert_string_equal(lines, streams[i].lines);
        assert_int_equal(reader.unprintable, streams[i].unprintable);
    }
}

static void a_line_too_long_is_dropped_to_its_end(void **state)
{
    static const size_t lengths[] = { AT_LINE_MAX - 1, AT_LINE_MAX, AT_LINE_MAX + 1,
                                      AT_LINE_MAX + 2, 3 * AT_LINE_MAX };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct at_reader reader;
        bool whole;

        at_reader_init(&reader);
        for (size_t n = 0; n < lengths[i]; n++)
            assert_false(at_reader_take(&reader, 'x'));
        whole = at_reader_take(&reader, '\r');
        assert_int_equal(whole, lengths[i] <= AT_LINE_MAX);
        if (whole)
            assert_int_equal(strlen(reader.line), lengths[i]);
        assert_int_equal(reader.overlong, !whole);
        assert_false(at_reader_take(&reader, 'O'));
        assert_false(at_reader_take(&reader, 'K'));
        assert_true(at_reader_take(&reader, '\n'));
        assert_string_equal(reader.line, "OK");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finals_of_the_vectors),
        cmocka_unit_test(finals_and_what_they_mean),
        cmocka_unit_test(lines_that_end_nothing),
        cmocka_unit_test(bytes_become_lines),
        cmocka_unit_test(a_line_too_long_is_dropped_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
