#include "agent/state/bus.h"
#include "tests/test.h"

struct heard {
    char who;
    char *order;
    enum bus_event event;
    const void *data;
    unsigned times;
};

static void hear(void *ctx, enum bus_event event, const void *data)
{
    struct heard *heard = ctx;

    heard->event = event;
    heard->data = data;
    heard->times++;
    strncat(heard->order, &heard->who, 1);
}

static void everyone_hears_in_order(void **state)
{
    const struct bus_profiles said = { .by = "external" };
    char order[32] = "";
    struct heard heard[8];
    struct bus *bus = bus_new();

    (void)state;
    assert_non_null(bus);
    for (size_t i = 0; i < ARRAY_LEN(heard); i++) {
        heard[i] = (struct heard){ .who = (char)('a' + i), .order = order };
        bus_listen(bus, hear, &heard[i]);
    }
    bus_publish(bus, BUS_PROFILES, &said);
    for (size_t i = 0; i < ARRAY_LEN(heard); i++) {
        assert_int_equal(heard[i].times, 1);
        assert_int_equal(heard[i].event, BUS_PROFILES);
        assert_ptr_equal(heard[i].data, &said);
    }
    bus_publish(bus, BUS_SIM, NULL);
    assert_int_equal(heard[7].event, BUS_SIM);
    assert_null(heard[7].data);
    assert_string_equal(order, "abcdefghabcdefgh");
    bus_free(bus);
}

static void nobody_listens(void **state)
{
    struct bus *bus = bus_new();

    (void)state;
    bus_publish(bus, BUS_MODEM, NULL);
    bus_free(bus);
    bus_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_hears_in_order),
        cmocka_unit_test(nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
