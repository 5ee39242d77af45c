#include "agent/card/lpm.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/profile_oracle.h"

static void check_eid(const uint8_t *data, size_t size)
{
    struct eid eid = { "as before" };
    struct error e = lpm_eid_from_answer(data, size, &eid);

    if (e.code)
        assert(e.code == ERROR_CARD && e.message[0] && strcmp(eid.text, "as before") == 0);
    else
        assert(strspn(eid.text, "0123456789") == EID_TEXT_LEN && strlen(eid.text) == EID_TEXT_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct profile_list list;
    struct error e;

    list.count = PROFILES_MAX + 1;
    e = lpm_list_from_answer(data, size, &list);
    if (e.code)
        assert(e.code == ERROR_CARD && e.message[0] && list.count == PROFILES_MAX + 1);
    else
        profile_oracle_check(&list);
    check_eid(data, size);
    return 0;
}
