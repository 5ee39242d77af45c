#include "mqtt/twin.h"
#include "tests/test.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

static struct connectivity home(void)
{
    return (struct connectivity){
        .at_ms = 1000,
        .registration = REGISTRATION_HOME,
        .reject_cause = -1,
        .technology = TECHNOLOGY_LTE,
        .plmn = "26201",
        .signal = { .rsrp_dbm = { true, -90 }, .rsrq_db = { true, -10 } },
        .attached_known = true,
        .attached = true,
        .address_count = 2,
        .addresses = { "10.0.0.1", "2001:db8::1" },
        .has_iccid = true,
        .iccid = { "8949001312170061988" },
        .imsi_hash = "0123456789abcdef",
    };
}

/* Each changes what is `now`. */
static void later(struct connectivity *c)
{
    c->at_ms = 99999;
}
static void five_db(struct connectivity *c)
{
    c->signal.rsrp_dbm.value = -95.5;
}
static void level_gone(struct connectivity *c)
{
    c->signal.rsrq_db.known = false;
}
static void order_of_addresses(struct connectivity *c)
{
    memcpy(c->addresses[0], "2001:db8::1", 12);
    memcpy(c->addresses[1], "10.0.0.1", 9);
}
static void six_db_down(struct connectivity *c)
{
    c->signal.rsrp_dbm.value = -96;
}
static void six_db_up(struct connectivity *c)
{
    c->signal.rsrp_dbm.value = -84;
}
static void level_comes(struct connectivity *c)
{
    c->signal.sinr_db = (struct level){ true, 0 };
}
static void roaming(struct connectivity *c)
{
    c->registration = REGISTRATION_ROAMING;
}
static void cause_without_denial(struct connectivity *c)
{
    c->reject_cause = 11;
}
static void technology(struct connectivity *c)
{
    c->technology = TECHNOLOGY_3G;
}
static void operator(struct connectivity *c)
{
    memcpy(c->plmn, "26202", 6);
}
static void detached(struct connectivity *c)
{
    c->attached = false;
}
static void one_address(struct connectivity *c)
{
    c->address_count = 1;
}
static void other_address(struct connectivity *c)
{
    memcpy(c->addresses[0], "10.0.0.2", 9);
}
static void other_iccid(struct connectivity *c)
{
    memcpy(c->iccid.text, "89882110000001234568", 21);
}
static void other_imsi(struct connectivity *c)
{
    c->imsi_hash[3] = 'f';
}
static void no_loss(struct connectivity *c)
{
    c->quality.loss_pct = (struct level){ true, 0 };
}
static void little_loss(struct connectivity *c)
{
    c->quality.loss_pct = (struct level){ true, 19.9 };
}
static void much_loss(struct connectivity *c)
{
    c->quality.loss_pct = (struct level){ true, 20 };
}
static void nearly_all_lost(struct connectivity *c)
{
    c->quality.loss_pct = (struct level){ true, 99 };
}
static void all_lost(struct connectivity *c)
{
    c->quality.loss_pct = (struct level){ true, 100 };
}
static void slow(struct connectivity *c)
{
    c->quality.rtt_ms = (struct level){ true, 30000 };
    c->quality.traffic_known = true;
    c->quality.rx_bytes = 1 << 20;
}
static void denied(struct connectivity *c)
{
    c->registration = REGISTRATION_DENIED;
    c->reject_cause = 15;
}
static void denied_by_another(struct connectivity *c)
{
    denied(c);
    c->reject_cause = 11;
}
static void all_at_once(struct connectivity *c)
{
    roaming(c);
    six_db_up(c);
    all_lost(c);
}

static const struct {
    const char *what;
    void (*told)(struct connectivity *c); /* NULL: at home */
    void (*now)(struct connectivity *c);
    unsigned news;
} rows[] = {
    // clang-format off
    { "the same", NULL, NULL, TWIN_NOTHING },
    { "later", NULL, later, TWIN_NOTHING },
    { "5 dB", NULL, five_db, TWIN_NOTHING },
    { "a level gone", NULL, level_gone, TWIN_NOTHING },
    { "the addresses' order", NULL, order_of_addresses, TWIN_NOTHING },
    { "a cause that counts for nothing", NULL, cause_without_denial, TWIN_NOTHING },
    { "6 dB down", NULL, six_db_down, TWIN_LEVELS },
    { "6 dB up", NULL, six_db_up, TWIN_LEVELS },
    { "a level that was not known", NULL, level_comes, TWIN_LEVELS },
    { "registration", NULL, roaming, TWIN_STATE },
    { "technology", NULL, technology, TWIN_STATE },
    { "operator", NULL, operator, TWIN_STATE },
    { "attachment", NULL, detached, TWIN_STATE },
    { "fewer addresses", NULL, one_address, TWIN_STATE },
    { "another address", NULL, other_address, TWIN_STATE },
    { "ICCID", NULL, other_iccid, TWIN_STATE },
    { "IMSI", NULL, other_imsi, TWIN_STATE },
    { "denied", NULL, denied, TWIN_STATE },
    { "denied for another cause", denied, denied_by_another, TWIN_STATE },
    { "denied as before", denied, denied, TWIN_NOTHING },
    { "nothing lost, for the first time", NULL, no_loss, TWIN_NOTHING },
    { "little lost", no_loss, little_loss, TWIN_NOTHING },
    { "20 % lost", little_loss, much_loss, TWIN_LOSS },
    { "20 % lost, for the first time", NULL, much_loss, TWIN_LOSS },
    { "more lost", much_loss, nearly_all_lost, TWIN_NOTHING },
    { "all lost", nearly_all_lost, all_lost, TWIN_LOSS },
    { "not all any more", all_lost, much_loss, TWIN_LOSS },
    { "little again", much_loss, little_loss, TWIN_LOSS },
    { "nothing was tried since", all_lost, NULL, TWIN_NOTHING },
    { "slow, and traffic", NULL, slow, TWIN_NOTHING },
    { "all at once", NULL, all_at_once, TWIN_STATE | TWIN_LEVELS | TWIN_LOSS },
}; // clang-format on

static void what_is_news(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct connectivity told = home(), now = home();

        print_message("%s\n", rows[i].what);
        if (rows[i].told)
            rows[i].told(&told);
        if (rows[i].now)
            rows[i].now(&now);
        assert_int_equal(twin_news_of(&told, &now), rows[i].news);
    }
}

/* A reading each `each_ms` for `for_ms`, with such news each time: how many are told, of them in the
 * first hour, and when the second is. */
static const struct {
    const char *what;
    unsigned news;
    int64_t each_ms, for_ms;
    int told, in_an_hour;
    int64_t second_ms;
} storms[] = {
    // clang-format off
    { "nothing new", TWIN_NOTHING, MINUTE_MS, DAY_MS, 0, 0, 0 },
    { "a level that swings", TWIN_LEVELS, MINUTE_MS, DAY_MS, 6, 3, 5 * MINUTE_MS },
    { "a level that moves each six hours", TWIN_LEVELS, 6 * HOUR_MS, DAY_MS, 4, 1, 6 * HOUR_MS },
    { "loss that comes and goes", TWIN_LOSS, MINUTE_MS, DAY_MS, 26, 3, 5 * MINUTE_MS },
    { "both", TWIN_LOSS | TWIN_LEVELS, MINUTE_MS, DAY_MS, 32, 6, MINUTE_MS },
    { "changes at once", TWIN_STATE, 1000, 30 * 1000, 30, 30, 1000 },
    { "a storm of changes", TWIN_STATE, 1000, DAY_MS, 173, 35, 1000 },
    { "a change each ten minutes", TWIN_STATE, 10 * MINUTE_MS, DAY_MS, 144, 6, 10 * MINUTE_MS },
}; // clang-format on

static void storms_are_told_in_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(storms); i++) {
        const int64_t start_ms = 5000000;
        struct twin_pace pace = { 0 };
        int told = 0, in_an_hour = 0;
        int64_t second_ms = 0;

        for (int64_t ms = 0; ms < storms[i].for_ms; ms += storms[i].each_ms)
            if (twin_may_tell(&pace, storms[i].news, start_ms + ms)) {
                told++;
                in_an_hour += ms < HOUR_MS;
                second_ms = told == 2 ? ms : second_ms;
            }
        print_message("%s: %d, %d\n", storms[i].what, told, in_an_hour);
        assert_int_equal(told, storms[i].told);
        assert_int_equal(in_an_hour, storms[i].in_an_hour);
        assert_int_equal(second_ms, storms[i].second_ms);
    }
}

/* One kind takes nothing from another, and a calm time gives back what a storm took. */
static void kinds_do_not_disturb_each_other(void **state)
{
    struct twin_pace pace = { 0 };
    int64_t now_ms = 0;

    (void)state;
    for (; now_ms <= HOUR_MS; now_ms += MINUTE_MS)
        (void)twin_may_tell(&pace, TWIN_LEVELS, now_ms);
    assert_false(twin_may_tell(&pace, TWIN_LEVELS, now_ms));
    assert_true(twin_may_tell(&pace, TWIN_LEVELS | TWIN_LOSS, now_ms));
    for (int i = 0; i < 30; i++)
        assert_true(twin_may_tell(&pace, TWIN_LEVELS | TWIN_STATE, now_ms));
    assert_false(twin_may_tell(&pace, TWIN_LEVELS | TWIN_STATE, now_ms));
    now_ms += 18 * HOUR_MS;
    for (int i = 0; i < 3; i++, now_ms += 5 * MINUTE_MS)
        assert_true(twin_may_tell(&pace, TWIN_LEVELS, now_ms));
    assert_false(twin_may_tell(&pace, TWIN_LEVELS, now_ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_news),
        cmocka_unit_test(storms_are_told_in_part),
        cmocka_unit_test(kinds_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
