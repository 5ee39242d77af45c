#include "agent/card/tlv.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"

/* Each object lies inside what was left, behind its own header, and the walk moves on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(data, size);

    for (;;) {
        const struct cursor before = c;
        struct tlv tlv = { .tag = 0xFFFFFFFF };

        if (!tlv_take(&c, &tlv)) {
            assert(c.at == before.at && c.left == before.left && tlv.tag == 0xFFFFFFFF);
            return 0;
        }
        assert(tlv.tag <= 0xFFFFFF);
        assert(c.left + tlv.value.left + 2 <= before.left);
        assert(tlv.value.at >= before.at + 2 && tlv.value.at + tlv.value.left == c.at);
        assert(c.at + c.left == data + size);
    }
}
