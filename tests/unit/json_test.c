#include "agent/base/json.h"
#include "tests/test.h"

#define ROW(what, text, ok)                                                                        \
    {                                                                                              \
        what, text, sizeof(text) - 1, ok                                                           \
    }

/* After the names of nst/JSONTestSuite where it has the same case. */
static const struct {
    const char *what, *text;
    size_t len;
    bool ok;
} rows[] = {
    // clang-format off
    ROW("an object", "{\"a\":1}", true),
    ROW("an empty object", "{}", true),
    ROW("an empty array", "[]", true),
    ROW("a lone string", "\"x\"", true),
    ROW("a lone number", "42", true),
    ROW("a lone null", "null", true),
    ROW("blanks everywhere", " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : true } \n", true),
    ROW("all escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"", true),
    ROW("a surrogate pair", "\"\\uD83D\\uDE00\"", true),
    ROW("UTF-8 of 2, 3 and 4 bytes", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"", true),
    ROW("numbers", "[0,-0,1,-1,0.5,1e5,1E+5,1e-5,1.25e2,123456789]", true),
    ROW("depth 8", "[[[[[[[[1]]]]]]]]", true),
    ROW("an empty name", "{\"\":1}", true),
    ROW("the same name in two objects", "{\"a\":{\"x\":1},\"b\":{\"x\":1}}", true),
    ROW("names in other case", "{\"a\":1,\"A\":2}", true),

    ROW("nothing", "", false),
    ROW("blanks only", " \n ", false),
    ROW("depth 9", "[[[[[[[[[1]]]]]]]]]", false),
    ROW("depth 9, not closed", "[[[[[[[[[", false),
    ROW("depth 9 of objects", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", false),
    ROW("a name twice", "{\"a\":1,\"b\":2,\"a\":3}", false),
    ROW("a name twice, once escaped", "{\"a\":1,\"\\u0061\":3}", false),
    ROW("a name twice, deep down", "{\"l\":[1,[{\"x\":{\"q\":1,\"q\":2}}]]}", false),
    ROW("a name twice behind a nested one", "{\"a\":{\"x\":1},\"a\":2}", false),
    ROW("a name twice in the second of two objects", "{\"a\":[{\"x\":1},2],\"b\":{\"q\":1,\"q\":2}}", false),
    ROW("NaN", "[NaN]", false),
    ROW("Infinity", "[-Infinity]", false),
    ROW("too large for a double", "[1e999]", false),
    ROW("too many digits", "[0.0000000000000000000000000000000000000000000000000000000000000001]", false),
    ROW("01", "[01]", false),
    ROW("-01", "[-01]", false),
    ROW("1.", "[1.]", false),
    ROW(".5", "[.5]", false),
    ROW("+1", "[+1]", false),
    ROW("1e", "[1e]", false),
    ROW("1e+", "[1e+]", false),
    ROW("-", "[-]", false),
    ROW("hex", "[0x1F]", false),
    ROW("a number with a tail", "[1a]", false),
    ROW("a raw line feed in a string", "\"a\nb\"", false),
    ROW("a raw NUL in a string", "\"a\0b\"", false),
    ROW("a raw NUL behind", "{}\0", false),
    ROW("\\u0000", "\"a\\u0000b\"", false),
    ROW("\\u0000 in a name", "{\"a\\u0000\":1}", false),
    ROW("a lone high surrogate", "\"\\uD83D\"", false),
    ROW("a lone low surrogate", "\"\\uDE00\"", false),
    ROW("two low surrogates", "\"\\uDE00\\uDE00\"", false),
    ROW("two high surrogates", "\"\\uD83D\\uD83D\"", false),
    ROW("an escape of three digits", "\"\\u12G4\"", false),
    ROW("an escape that ends", "\"\\u12", false),
    ROW("an unknown escape", "\"\\x41\"", false),
    ROW("a backslash at the end", "\"\\", false),
    ROW("an escaped NUL", "\"\\\0\"", false),
    ROW("an overlong form", "\"\xC0\xAF\"", false),
    ROW("a surrogate in UTF-8", "\"\xED\xA0\x80\"", false),
    ROW("above U+10FFFF", "\"\xF4\x90\x80\x80\"", false),
    ROW("half a character", "\"\xE2\x82\"", false),
    ROW("Latin-1", "\"\xE4\"", false),
    ROW("a byte order mark", "\xEF\xBB\xBF{}", false),
    ROW("a string without an end", "\"abc", false),
    ROW("single quotes", "{'a':1}", false),
    ROW("a name without quotes", "{a:1}", false),
    ROW("no colon", "{\"a\" 1}", false),
    ROW("no value", "{\"a\":}", false),
    ROW("a comma behind", "[1,]", false),
    ROW("a comma behind in an object", "{\"a\":1,}", false),
    ROW("a comma before", "[,1]", false),
    ROW("two commas", "[1,,2]", false),
    ROW("no comma", "[1 2]", false),
    ROW("the wrong bracket", "[1}", false),
    ROW("a bracket too many", "[1]]", false),
    ROW("not closed", "{\"a\":[1,2]", false),
    ROW("more behind", "{} x", false),
    ROW("two values", "{}{}", false),
    ROW("a comment", "{} // no", false),
    ROW("a word in capitals", "[True]", false),
    ROW("a word cut", "[tru", false),
    ROW("a word with a tail", "[nullx]", false),
    ROW("a form feed", "[\f1]", false),
}; // clang-format on

static void strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON marker;
        cJSON *tree = &marker;
        struct error e = json_parse(rows[i].text, rows[i].len, &tree);

        print_message("%s: %s\n", rows[i].what, e.message);
        assert_int_equal(e.code, rows[i].ok ? ERROR_NONE : ERROR_INVALID_REQUEST);
        if (rows[i].ok)
            cJSON_Delete(tree);
        else
            assert_ptr_equal(tree, &marker);
    }
}

/* What is read is what was written, of each prefix of a text there is a value or an error. */
static void every_prefix(void **state)
{
    const char *text = "{\"a\":[1,-2.5e3,\"\\u00e4\\uD83D\\uDE00\",{\"b\":null}],\"c\":true}";

    (void)state;
    for (size_t len = 0; len <= strlen(text); len++) {
        char *exact = malloc(len ? len : 1);
        cJSON *tree = NULL;

        assert_non_null(exact);
        memcpy(exact, text, len);
        struct error e = json_parse(exact, len, &tree);
        assert_int_equal(e.code == ERROR_NONE, len == strlen(text));
        assert_int_equal(e.code == ERROR_NONE, tree != NULL);
        cJSON_Delete(tree);
        free(exact);
    }
}

static void says_where(void **state)
{
    const char *text = "{\n \"a\": 1,\n \"b\": 01\n}";
    cJSON *tree = NULL;
    struct error e = json_parse(text, strlen(text), &tree);

    (void)state;
    assert_string_equal(e.message, "JSON, line 3, column 7: not a number");
}

static void many_names_are_quick(void **state)
{
    enum { NAMES = 50000 };
    char *text = malloc(NAMES * 16 + 16);
    size_t len = 0;
    cJSON *tree = NULL;

    (void)state;
    assert_non_null(text);
    text[len++] = '{';
    for (int i = 0; i < NAMES; i++)
        len += (size_t)sprintf(text + len, "%s\"%x\":0", i ? "," : "", i);
    text[len++] = '}';
    assert_ok(json_parse(text, len, &tree));
    cJSON_Delete(tree);
    free(text);
}

static const struct {
    const char *what, *text;
    bool ok;
    int lines_before;
} commented[] = {
    // clang-format off
    { "none", "{\"a\":1}", true, 0 },
    { "to the end of the line", "// x\n{\"a\":1} // y", true, 0 },
    { "a block", "/* x\n * y */{/**/\"a\"/***/:1}/* z */", true, 0 },
    { "slashes in a string", "{\"a\":\"// no /* no\"}", true, 0 },
    { "a quote in a comment", "{\"a\":1 /* \" */ // \"\n}", true, 0 },
    { "an escaped quote", "{\"a\":\"\\\"// x\"}", true, 0 },
    { "a block without an end", "{\"a\":1} /* x", false, 1 },
    { "an opening that is its own end", "{\"a\":1} /*/", false, 1 },
    { "a block that ends twice", "{\"a\":1} /* x */ */", false, 1 },
    { "half an opening", "{\"a\":1} /", false, 1 },
    { "comments alone", "// x\n/* y */", false, 2 },
    { "a comma behind", "{\"a\":1,\n// x\n}", false, 3 },
    { "a string without an end", "{\"a\":\"// x\n}", false, 1 },
    { "a backslash at the end", "\"\\", false, 1 },
    { "a comment between digits", "[1/**/2]", false, 1 },
}; // clang-format on

static void comments_are_blanks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(commented); i++) {
        cJSON *tree = NULL;
        char line[32];
        struct error e = json_parse_commented(commented[i].text, strlen(commented[i].text), &tree);

        print_message("%s: %s\n", commented[i].what, e.message);
        assert_int_equal(e.code, commented[i].ok ? ERROR_NONE : ERROR_INVALID_REQUEST);
        (void)snprintf(line, sizeof line, "line %d,", commented[i].lines_before);
        if (!commented[i].ok)
            assert_non_null(strstr(e.message, line));
        cJSON_Delete(tree);
    }
}

static cJSON *parsed(const char *text)
{
    cJSON *tree = NULL;

    assert_ok(json_parse(text, strlen(text), &tree));
    return tree;
}

static void fields_are_known(void **state)
{
    static const char *const names[] = { "a", "b" };
    cJSON *good = parsed("{\"b\":1}");
    cJSON *bad = parsed("{\"a\":1,\"B\":1}");
    cJSON *array = parsed("[]");
    struct error e;

    (void)state;
    assert_ok(json_check_fields(good, names, ARRAY_LEN(names)));
    e = json_check_fields(bad, names, ARRAY_LEN(names));
    assert_int_equal(e.code, ERROR_INVALID_REQUEST);
    assert_string_equal(e.field, "B");
    assert_code(json_check_fields(array, names, ARRAY_LEN(names)), ERROR_INVALID_REQUEST);
    assert_code(json_check_fields(NULL, names, ARRAY_LEN(names)), ERROR_INVALID_REQUEST);
    cJSON_Delete(good);
    cJSON_Delete(bad);
    cJSON_Delete(array);
}

static const struct {
    const char *what, *text;
    bool ok, present;
    int64_t value;
} ints[] = {
    // clang-format off
    { "absent", "{}", true, false, -9 },
    { "null", "{\"n\":null}", true, false, -9 },
    { "the least", "{\"n\":1}", true, true, 1 },
    { "the most", "{\"n\":100}", true, true, 100 },
    { "whole, written otherwise", "{\"n\":1e1}", true, true, 10 },
    { "below", "{\"n\":0}", false, false, -9 },
    { "above", "{\"n\":101}", false, false, -9 },
    { "far above", "{\"n\":1e300}", false, false, -9 },
    { "a fraction", "{\"n\":1.5}", false, false, -9 },
    { "text", "{\"n\":\"1\"}", false, false, -9 },
    { "true", "{\"n\":true}", false, false, -9 },
    { "an array", "{\"n\":[1]}", false, false, -9 },
}; // clang-format on

static void whole_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
        cJSON *object = parsed(ints[i].text);
        int64_t value = -9;
        bool present = false;
        struct error e = json_get_int(object, "n", 1, 100, &value, &present);

        print_message("%s: %s\n", ints[i].what, e.message);
        assert_int_equal(e.code, ints[i].ok ? ERROR_NONE : ERROR_INVALID_REQUEST);
        assert_string_equal(e.field, ints[i].ok ? "" : "n");
        assert_int_equal(present, ints[i].present);
        assert_true(value == ints[i].value);
        assert_code(json_get_int(object, "n", 1, 100, &value, NULL), e.code);
        cJSON_Delete(object);
    }
}

static void text_and_bool(void **state)
{
    cJSON *object =
        parsed("{\"t\":\"abc\",\"e\":\"\\u00e4\",\"c\":\"a\\nb\",\"d\":\"a\\u0085\",\"y\":true,"
               "\"n\":null,\"one\":1}");
    const char *text = "before";
    bool yes = false;

    (void)state;
    assert_ok(json_get_text(object, "absent", 3, &text));
    assert_ok(json_get_text(object, "n", 3, &text));
    assert_string_equal(text, "before");
    assert_ok(json_get_text(object, "t", 3, &text));
    assert_string_equal(text, "abc");
    assert_code(json_get_text(object, "t", 2, &text), ERROR_INVALID_REQUEST);
    assert_ok(json_get_text(object, "e", 2, &text));
    assert_code(json_get_text(object, "e", 1, &text), ERROR_INVALID_REQUEST);
    assert_code(json_get_text(object, "c", 9, &text), ERROR_INVALID_REQUEST);
    assert_code(json_get_text(object, "d", 9, &text), ERROR_INVALID_REQUEST);
    assert_code(json_get_text(object, "one", 9, &text), ERROR_INVALID_REQUEST);
    assert_string_equal(text, "\xC3\xA4");

    assert_ok(json_get_bool(object, "absent", &yes));
    assert_ok(json_get_bool(object, "n", &yes));
    assert_false(yes);
    assert_ok(json_get_bool(object, "y", &yes));
    assert_true(yes);
    assert_code(json_get_bool(object, "one", &yes), ERROR_INVALID_REQUEST);
    assert_code(json_get_bool(object, "t", &yes), ERROR_INVALID_REQUEST);
    assert_true(yes);
    cJSON_Delete(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(says_where),
        cmocka_unit_test(many_names_are_quick),
        cmocka_unit_test(comments_are_blanks),
        cmocka_unit_test(fields_are_known),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(text_and_bool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
