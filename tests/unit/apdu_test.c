#include "agent/card/apdu.h"
#include "agent/base/hex.h"
#include "agent/card/es10c.h"
#include "agent/card/lpm.h"
#include "tests/test.h"
#include "tests/unit/vectors.h"

static const struct {
    enum apdu_class class;
    unsigned channel;
    uint8_t cla;
} classes[] = {
    // clang-format off
    { APDU_INTERINDUSTRY, 0, 0x00 }, { APDU_INTERINDUSTRY, 1, 0x01 }, { APDU_INTERINDUSTRY, 3, 0x03 },
    { APDU_INTERINDUSTRY, 4, 0x40 }, { APDU_INTERINDUSTRY, 5, 0x41 }, { APDU_INTERINDUSTRY, 19, 0x4F },
    { APDU_PROPRIETARY, 0, 0x80 }, { APDU_PROPRIETARY, 3, 0x83 }, { APDU_PROPRIETARY, 4, 0xC0 },
    { APDU_PROPRIETARY, 19, 0xCF },
}; // clang-format on

static void class_has_the_channel(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        assert_int_equal(apdu_cla(classes[i].class, classes[i].channel), classes[i].cla);
}

static struct apdu enable_lpm(const cJSON *row)
{
    const char *text = vectors_text(row, "aid");
    struct aid aid;

    assert_ok(aid_from_text(text, strlen(text), &aid));
    return lpm_enable(&aid);
}

static struct apdu enable_by_aid(const cJSON *row)
{
    const char *text = vectors_text(row, "aid");
    struct aid aid;

    assert_ok(aid_from_text(text, strlen(text), &aid));
    return es10c_enable_by_aid(&aid, true);
}

static struct apdu enable_by_iccid(const cJSON *row)
{
    const char *text = vectors_text(row, "iccid");
    struct iccid iccid;

    assert_ok(iccid_from_text(text, strlen(text), &iccid));
    return es10c_enable_by_iccid(&iccid, true);
}

static struct apdu open_channel(const cJSON *row)
{
    (void)row;
    return apdu_open_channel();
}

static unsigned channel_of(const cJSON *row)
{
    const cJSON *channel = cJSON_GetObjectItemCaseSensitive(row, "channel");

    return channel ? (unsigned)channel->valueint : 0;
}

static struct apdu close_channel(const cJSON *row)
{
    return apdu_close_channel(channel_of(row));
}

static struct apdu select_lpm(const cJSON *row)
{
    static const char text[] = "A000000815030040030902231003";
    struct aid aid;

    (void)row;
    assert_ok(aid_from_text(text, strlen(text), &aid));
    return apdu_select(&aid);
}

static struct apdu lpm_eid_of(const cJSON *row)
{
    (void)row;
    return lpm_get_eid();
}

static struct apdu lpm_list_of(const cJSON *row)
{
    (void)row;
    return lpm_list();
}

static struct apdu es10c_eid_of(const cJSON *row)
{
    (void)row;
    return es10c_get_eid();
}

static struct apdu es10c_short_list(const cJSON *row)
{
    (void)row;
    return es10c_list(false);
}

static struct apdu es10c_long_list(const cJSON *row)
{
    (void)row;
    return es10c_list(true);
}

static struct apdu get_response(const cJSON *row)
{
    return apdu_get_response(APDU_INTERINDUSTRY,
                             (unsigned)cJSON_GetObjectItemCaseSensitive(row, "le")->valueint);
}

static const struct {
    const char *name;
    /* MANAGE CHANNEL goes on channel 0, whatever channel it speaks of. */
    bool on_basic_channel;
    struct apdu (*make)(const cJSON *row);
} builders[] = {
    // clang-format off
    { "open", true, open_channel },
    { "close", true, close_channel },
    { "select LPM", false, select_lpm },
    { "LPM get EID", false, lpm_eid_of },
    { "LPM list", false, lpm_list_of },
    { "LPM enable", false, enable_lpm },
    { "ES10c get EID", false, es10c_eid_of },
    { "ES10c list", false, es10c_short_list },
    { "ES10c list with names", false, es10c_long_list },
    { "ES10c enable by ICCID", false, enable_by_iccid },
    { "ES10c enable by AID", false, enable_by_aid },
    { "GET RESPONSE", false, get_response },
}; // clang-format on

static void commands_of_the_vectors(void **state)
{
    cJSON *file = vectors_load("card.json");
    const cJSON *row;

    (void)state;
    cJSON_ArrayForEach (row, vectors_array(file, "commands")) {
        const char *name = vectors_text(row, "name");
        uint8_t bytes[TRANSPORT_COMMAND_MAX];
        char hex[2 * TRANSPORT_COMMAND_MAX + 1] = "no builder";

        for (size_t i = 0; i < ARRAY_LEN(builders); i++)
            if (strcmp(builders[i].name, name) == 0) {
                struct apdu apdu = builders[i].make(row);
                unsigned channel = builders[i].on_basic_channel ? 0 : channel_of(row);

                hex_from_bytes(bytes, apdu_to_bytes(&apdu, channel, bytes), hex);
            }
        print_message("%s on channel %u\n", name, channel_of(row));
        assert_string_equal(hex, vectors_text(row, "apdu"));
    }
    cJSON_Delete(file);
}

static void without_the_refresh_flag(void **state)
{
    struct iccid iccid = { "890126012345678901" };
    struct apdu apdu = es10c_enable_by_iccid(&iccid, false);
    char hex[2 * APDU_DATA_MAX + 1];

    (void)state;
    hex_from_bytes(apdu.data, apdu.data_len, hex);
    assert_string_equal(hex, "BF3111A00C5A0A981062103254769810FF810100");
}

/* The shortest and the longest AID. */
static void lengths_follow_the_aid(void **state)
{
    (void)state;
    for (uint8_t len = AID_MIN; len <= AID_MAX; len++) {
        struct aid aid = { .len = len };
        struct apdu apdu = es10c_enable_by_aid(&aid, true);

        assert_int_equal(apdu.data_len, len + 10);
        assert_int_equal(apdu.data[2], len + 7);
        assert_int_equal(apdu.data[4], len + 2);
        assert_int_equal(apdu.data[6], len);
        assert_int_equal(apdu.data[len + 9], 0xFF);
        assert_int_equal(apdu_select(&aid).data_len, len);
        assert_int_equal(lpm_enable(&aid).data_len, len);
    }
}

/* Every length of data, with and without Le. */
static void every_length(void **state)
{
    (void)state;
    for (unsigned len = 0; len <= APDU_DATA_MAX; len++)
        for (unsigned le = 0; le <= APDU_LE_MAX; le += 64) {
            struct apdu apdu = { .ins = 0xE2, .data_len = (uint8_t)len, .le = le };
            uint8_t bytes[TRANSPORT_COMMAND_MAX];
            size_t n = apdu_to_bytes(&apdu, 0, bytes);

            assert_int_equal(n, 4 + (len ? 1 + len : 0) + (le ? 1 : 0));
            if (len)
                assert_int_equal(bytes[4], len);
            if (le)
                assert_int_equal(bytes[n - 1], le == APDU_LE_MAX ? 0 : le);
        }
    assert_int_equal(apdu_le_of(0), 256);
    assert_int_equal(apdu_le_of(0x15), 21);
}

static void the_channel_that_was_opened(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte <= 0xFF; byte++) {
        uint8_t data = (uint8_t)byte;
        unsigned channel = 99;
        bool ok = byte >= 1 && byte <= APDU_CHANNEL_MAX;

        assert_code(apdu_opened_channel(&data, 1, &channel), ok ? ERROR_NONE : ERROR_CARD);
        assert_int_equal(channel, ok ? byte : 99);
    }
    for (size_t len = 0; len <= 3; len++) {
        static const uint8_t data[] = { 1, 1, 1 };
        unsigned channel = 99;

        assert_code(apdu_opened_channel(data, len, &channel), len == 1 ? ERROR_NONE : ERROR_CARD);
        assert_int_equal(channel, len == 1 ? 1 : 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_has_the_channel),
        cmocka_unit_test(commands_of_the_vectors),
        cmocka_unit_test(without_the_refresh_flag),
        cmocka_unit_test(lengths_follow_the_aid),
        cmocka_unit_test(every_length),
        cmocka_unit_test(the_channel_that_was_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
