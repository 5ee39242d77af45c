#include "mqtt/intake.h"

#include <stdlib.h>

#include "tests/test.h"

#define BYTES(text) (text), sizeof(text) - 1

/* What comes behind a CONNACK that lets us in, unless it is one itself. */
static const struct {
    const char *what;
    bool mqtt_5;
    enum intake_fault fault;
    const char *bytes;
    size_t len;
} rows[] = {
    // clang-format off
    { "CONNACK", true, INTAKE_GOOD, BYTES("\x20\x03\x00\x00\x00") },
    { "CONNACK of 3.1.1", false, INTAKE_GOOD, BYTES("\x20\x02\x00\x00") },
    { "CONNACK of 3.1.1 to a CONNECT of 5", true, INTAKE_GOOD, BYTES("\x20\x02\x00\x01") },
    { "CONNACK, Receive Maximum", true, INTAKE_GOOD, BYTES("\x20\x06\x00\x00\x03\x21\x00\x10") },
    { "CONNACK, a property cut short", true, INTAKE_MALFORMED, BYTES("\x20\x05\x00\x00\x02\x21\x00") },
    { "CONNACK, properties run over", true, INTAKE_MALFORMED, BYTES("\x20\x03\x00\x00\x7f") },
    { "CONNACK, unknown property", true, INTAKE_MALFORMED, BYTES("\x20\x05\x00\x00\x02\x7e\x00") },
    { "CONNACK, empty", true, INTAKE_MALFORMED, BYTES("\x20\x00") },
    { "CONNACK that refuses, and more", true, INTAKE_UNEXPECTED, BYTES("\x20\x03\x00\x87\x00\xd0\x00") },
    { "CONNACK twice", true, INTAKE_UNEXPECTED, BYTES("\x20\x03\x00\x00\x00\x20\x03\x00\x00\x00") },
    { "CONNACK, a byte", false, INTAKE_MALFORMED, BYTES("\x20\x01\x00") },

    { "PUBLISH, QoS 0", true, INTAKE_GOOD, BYTES("\x30\x05\x00\x01t\x00x") },
    { "PUBLISH, QoS 1", true, INTAKE_GOOD, BYTES("\x32\x06\x00\x01t\x00\x07\x00") },
    { "PUBLISH, DUP and RETAIN", true, INTAKE_GOOD, BYTES("\x3b\x06\x00\x01t\x00\x07\x00") },
    { "PUBLISH of 3.1.1", false, INTAKE_GOOD, BYTES("\x32\x06\x00\x01t\x00\x07x") },
    { "PUBLISH, QoS 2", true, INTAKE_UNEXPECTED, BYTES("\x34\x06\x00\x01t\x00\x07\x00") },
    { "PUBLISH, QoS 3", true, INTAKE_UNEXPECTED, BYTES("\x36\x06\x00\x01t\x00\x07\x00") },
    { "PUBLISH, topic runs over", true, INTAKE_MALFORMED, BYTES("\x30\x04\xff\xff\x61\x00") },
    { "PUBLISH, no id", true, INTAKE_MALFORMED, BYTES("\x32\x03\x00\x01t") },
    { "PUBLISH, no properties", true, INTAKE_MALFORMED, BYTES("\x32\x05\x00\x01t\x00\x07") },
    { "PUBLISH, expiry", true, INTAKE_GOOD, BYTES("\x30\x09\x00\x01t\x05\x02\x00\x00\x00\x01") },
    { "PUBLISH, expiry cut short", true, INTAKE_MALFORMED, BYTES("\x30\x08\x00\x01t\x04\x02\x00\x00\x00") },
    { "PUBLISH, all kinds of property", true, INTAKE_GOOD, BYTES("\x30\x1d\x00\x01t\x19\x01\x01\x23\x00\x01\x02\x00\x00\x00\x09\x0b\xff\x7f\x08\x00\x01r\x09\x00\x00\x26\x00\x00\x00\x00") },
    { "PUBLISH, response topic runs over", true, INTAKE_MALFORMED, BYTES("\x30\x08\x00\x01t\x04\x08\xff\xffr") },
    { "PUBLISH, user property without a value", true, INTAKE_MALFORMED, BYTES("\x30\x08\x00\x01t\x04\x26\x00\x01k") },
    { "PUBLISH, a text that leaves the properties", true, INTAKE_MALFORMED, BYTES("\x30\x08\x00\x01t\x03\x08\x00\x01r") },
    { "PUBLISH, properties without an end", true, INTAKE_MALFORMED, BYTES("\x30\x08\x00\x01t\xff\xff\xff\xff\x01") },
    { "PUBLISH, unknown property", true, INTAKE_MALFORMED, BYTES("\x30\x06\x00\x01t\x02\x04\x00") },

    { "PUBACK", true, INTAKE_GOOD, BYTES("\x40\x02\x00\x01") },
    { "PUBACK with its reason", true, INTAKE_GOOD, BYTES("\x40\x03\x00\x01\x97") },
    { "PUBACK with properties", true, INTAKE_GOOD, BYTES("\x40\x08\x00\x01\x97\x04\x1f\x00\x01w") },
    { "PUBACK, properties run over", true, INTAKE_MALFORMED, BYTES("\x40\x05\x00\x01\x97\x7f\x1f") },
    { "PUBACK, empty", true, INTAKE_MALFORMED, BYTES("\x40\x00") },
    { "PUBACK of 3.1.1, a byte", false, INTAKE_MALFORMED, BYTES("\x40\x01\x00") },
    { "SUBACK", true, INTAKE_GOOD, BYTES("\x90\x04\x00\x01\x00\x01") },
    { "SUBACK of 3.1.1", false, INTAKE_GOOD, BYTES("\x90\x05\x00\x01\x01\x01\x80") },
    { "SUBACK, no code", true, INTAKE_MALFORMED, BYTES("\x90\x03\x00\x01\x00") },
    { "SUBACK of 3.1.1, no code", false, INTAKE_MALFORMED, BYTES("\x90\x02\x00\x01") },
    { "SUBACK, empty", true, INTAKE_MALFORMED, BYTES("\x90\x00") },
    { "PINGRESP", true, INTAKE_GOOD, BYTES("\xd0\x00") },
    { "DISCONNECT", true, INTAKE_GOOD, BYTES("\xe0\x00") },
    { "DISCONNECT with its reason", true, INTAKE_GOOD, BYTES("\xe0\x01\x8b") },
    { "DISCONNECT, Server Reference", true, INTAKE_GOOD, BYTES("\xe0\x06\x9c\x04\x1c\x00\x01h") },
    { "DISCONNECT, properties run over", true, INTAKE_MALFORMED, BYTES("\xe0\x03\x9c\x7f\x1c") },
    { "DISCONNECT of 3.1.1", false, INTAKE_UNEXPECTED, BYTES("\xe0\x00") },

    { "type 0", true, INTAKE_UNEXPECTED, BYTES("\x00\x00") },
    { "CONNECT", true, INTAKE_UNEXPECTED, BYTES("\x10\x00") },
    { "PUBREC", true, INTAKE_UNEXPECTED, BYTES("\x50\x02\x00\x01") },
    { "PUBREL", true, INTAKE_UNEXPECTED, BYTES("\x62\x02\x00\x01") },
    { "PUBCOMP", true, INTAKE_UNEXPECTED, BYTES("\x70\x02\x00\x01") },
    { "SUBSCRIBE", true, INTAKE_UNEXPECTED, BYTES("\x82\x00") },
    { "UNSUBACK", true, INTAKE_UNEXPECTED, BYTES("\xb0\x03\x00\x01\x00") },
    { "AUTH", true, INTAKE_UNEXPECTED, BYTES("\xf0\x02\x18\x00") },

    { "a length of five bytes", true, INTAKE_MALFORMED, BYTES("\x30\xff\xff\xff\xff\x01") },
    { "a length of 256 MB", true, INTAKE_TOO_LARGE, BYTES("\x30\xff\xff\xff\x7f") },
    { "64 KiB", true, INTAKE_GOOD, BYTES("\x30\xfc\xff\x03") },
    { "64 KiB and a byte", true, INTAKE_TOO_LARGE, BYTES("\x30\xfd\xff\x03") },
    { "too large for a kind that is not for us", true, INTAKE_TOO_LARGE, BYTES("\x34\xff\xff\xff\x7f") },
    { "two, the second bad", true, INTAKE_UNEXPECTED, BYTES("\xd0\x00\x10\x00") },
}; // clang-format on

static enum intake_fault feed(size_t row, size_t step)
{
    struct intake in;
    enum intake_fault fault;
    bool taken = true;

    intake_init(&in, rows[row].mqtt_5);
    in.greeted = rows[row].bytes[0] != 0x20;
    for (size_t at = 0; at < rows[row].len; at += step) {
        size_t left = rows[row].len - at;

        taken = intake_take(&in, rows[row].bytes + at, left < step ? left : step);
    }
    assert_int_equal(taken, in.fault == INTAKE_GOOD);
    fault = in.fault;
    intake_done(&in);
    return fault;
}

/* Whole, and in pieces of each size. */
static void what_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 1; step <= rows[i].len; step++) {
            enum intake_fault fault = feed(i, step);

            if (fault != rows[i].fault)
                print_message("%s, %zu at a time: %d\n", rows[i].what, step, (int)fault);
            assert_int_equal(fault, rows[i].fault);
        }
}

/* Nothing, not even a command, before we are let in. */
static void the_first_is_a_connack(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct intake in;
        unsigned kind = (unsigned char)rows[i].bytes[0] >> 4;

        intake_init(&in, rows[i].mqtt_5);
        if (rows[i].fault == INTAKE_GOOD && kind != 2 && kind != 14)
            assert_false(intake_take(&in, rows[i].bytes, rows[i].len));
        intake_done(&in);
    }
}

/* The rest of what was refused is not looked at. */
static void nothing_is_taken_after_a_fault(void **state)
{
    struct intake in;

    (void)state;
    intake_init(&in, true);
    in.greeted = true;
    assert_false(intake_take(&in, "\x10", 1) && intake_take(&in, "\x00", 1));
    assert_false(intake_take(&in, "\xd0\x00", 2));
    assert_int_equal(in.fault, INTAKE_UNEXPECTED);
    intake_done(&in);
}

/* Of the largest packet, and the byte after it is the next one's. */
static void the_largest(void **state)
{
    size_t body = INTAKE_PACKET_MAX - 4;
    uint8_t *bytes = calloc(1, INTAKE_PACKET_MAX + 2);
    struct intake in;

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, "\x30\xfc\xff\x03\x00\x01t\x00", 8);
    assert_int_equal(4 + body, INTAKE_PACKET_MAX);
    memcpy(bytes + INTAKE_PACKET_MAX, "\xd0\x00", 2);
    intake_init(&in, true);
    in.greeted = true;
    assert_true(intake_take(&in, bytes, INTAKE_PACKET_MAX + 2));
    assert_int_equal(in.head_len, 0);
    intake_done(&in);
    free(bytes);
}

static void a_head_that_is_too_long(void **state)
{
    static const struct {
        bool mqtt_5;
        size_t packet_len;
        enum intake_fault fault;
    } lengths[] = {
        { true, INTAKE_PACKET_MAX, INTAKE_GOOD },
        { true, INTAKE_PACKET_MAX + 1, INTAKE_TOO_LARGE },
        { false, INTAKE_PACKET_MAX_3, INTAKE_GOOD },
        { false, INTAKE_PACKET_MAX_3 + 1, INTAKE_TOO_LARGE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        const size_t len = lengths[i].packet_len - 4;
        const uint8_t head[] = { 0x30, (uint8_t)(len | 0x80), (uint8_t)(len >> 7 | 0x80),
                                 (uint8_t)(len >> 14) };
        struct intake in;

        intake_init(&in, lengths[i].mqtt_5);
        in.greeted = true;
        assert_int_equal(intake_take(&in, head, sizeof head), lengths[i].fault == INTAKE_GOOD);
        assert_int_equal(in.fault, lengths[i].fault);
        intake_done(&in);
    }
}

static void faults_have_words(void **state)
{
    (void)state;
    assert_null(intake_fault_text(INTAKE_GOOD));
    for (int fault = INTAKE_TOO_LARGE; fault <= INTAKE_NO_MEMORY; fault++)
        assert_non_null(intake_fault_text((enum intake_fault)fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(the_first_is_a_connack),
        cmocka_unit_test(nothing_is_taken_after_a_fault),
        cmocka_unit_test(the_largest),
        cmocka_unit_test(a_head_that_is_too_long),
        cmocka_unit_test(faults_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
