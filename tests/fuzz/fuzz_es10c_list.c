#include "agent/card/es10c.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/profile_oracle.h"

static void check_eid(const uint8_t *data, size_t size)
{
    struct eid eid = { "as before" };
    struct error e = es10c_eid_from_answer(data, size, &eid);

    if (e.code)
        assert(e.code == ERROR_CARD && e.message[0] && strcmp(eid.text, "as before") == 0);
    else
        assert(strspn(eid.text, "0123456789") == EID_TEXT_LEN && strlen(eid.text) == EID_TEXT_LEN);
}

static void check_result(const uint8_t *data, size_t size)
{
    unsigned result = 1000;
    struct error e = es10c_result_from_answer(data, size, &result);

    assert(e.code ? e.code == ERROR_CARD && e.message[0] && result == 1000 : result <= 0xFF);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct profile_list list;
    struct error e;

    list.count = PROFILES_MAX + 1;
    e = es10c_list_from_answer(data, size, &list);
    if (e.code)
        assert(e.code == ERROR_CARD && e.message[0] && list.count == PROFILES_MAX + 1);
    else
        profile_oracle_check(&list);
    check_eid(data, size);
    check_result(data, size);
    return 0;
}
