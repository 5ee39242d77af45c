#include "mqtt/twin.h"
#include "tests/test.h"

static struct connectivity home(void)
{
    return (struct connectivity){
        .at_ms = 1000,
        .registration = REGISTRATION_HOME,
        .technology = TECHNOLOGY_LTE,
        .plmn = "26201",
        .signal = { .rsrp_dbm = { true, -90 }, .rsrq_db = { true, -10 } },
        .attached_known = true,
        .attached = true,
        .address_count = 2,
        .addresses = { "10.0.0.1", "2001:db8::1" },
        .has_iccid = true,
        .iccid = { "8949001312170061988" },
    };
}

static void what_is_news(void **state)
{
    const struct connectivity told = home();
    struct connectivity now[] = { home(), home(), home(), home(), home(), home(), home(),
                                  home(), home(), home(), home(), home(), home(), home() };
    static const bool news[ARRAY_LEN(now)] = {
        [4] = true, [5] = true,  [6] = true,  [7] = true,  [8] = true,
        [9] = true, [10] = true, [11] = true, [12] = true, [13] = true
    };

    (void)state;
    /* No news: later, 5 dB, a level gone, the addresses' order. */
    now[0].at_ms = 99999;
    now[1].signal.rsrp_dbm.value = -95.5;
    now[2].signal.rsrq_db.known = false;
    memcpy(now[3].addresses[0], "2001:db8::1", 12);
    memcpy(now[3].addresses[1], "10.0.0.1", 9);
    /* News. */
    now[4].signal.rsrp_dbm.value = -96;
    now[5].signal.rsrp_dbm.value = -84;
    now[6].signal.sinr_db = (struct level){ true, 0 };
    now[7].registration = REGISTRATION_ROAMING;
    now[8].technology = TECHNOLOGY_3G;
    memcpy(now[9].plmn, "26202", 6);
    now[10].attached = false;
    now[11].address_count = 1;
    memcpy(now[12].addresses[0], "10.0.0.2", 9);
    memcpy(now[13].iccid.text, "89882110000001234568", 21);
    for (size_t i = 0; i < ARRAY_LEN(now); i++) {
        print_message("%zu\n", i);
        assert_int_equal(twin_is_news(&told, &now[i]), news[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_news) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
