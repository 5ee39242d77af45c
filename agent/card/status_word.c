#include "agent/card/status_word.h"

#include "agent/base/macros.h"

/* The first row whose bits are the status word's. */
static const struct {
    uint16_t mask, sw;
    enum status_word_class class;
    const char *text;
} rows[] = {
    // clang-format off
    { 0xFFFF, 0x9000, STATUS_WORD_DONE, "done" },
    { 0xFF00, 0x9100, STATUS_WORD_DONE, "done, a proactive command waits" },
    { 0xFF00, 0x9200, STATUS_WORD_DONE, "done" },
    { 0xFFFF, 0x9300, STATUS_WORD_BUSY, "the SIM toolkit is busy" },
    { 0xFF00, 0x6100, STATUS_WORD_MORE, "more data waits" },
    { 0xFF00, 0x6400, STATUS_WORD_FAILED, "it failed, the state may be as before" },
    { 0xFF00, 0x6500, STATUS_WORD_FAILED, "it failed, the state may have changed" },
    { 0xFFFF, 0x6700, STATUS_WORD_WRONG_LENGTH, "wrong length" },
    { 0xFFFF, 0x6881, STATUS_WORD_CHANNEL_GONE, "the channel is not open" },
    { 0xFFFF, 0x6882, STATUS_WORD_CHECKED, "secure messaging is not supported" },
    { 0xFFFF, 0x6982, STATUS_WORD_CHECKED, "security status not satisfied" },
    { 0xFFFF, 0x6985, STATUS_WORD_CONDITIONS, "conditions of use not satisfied" },
    { 0xFFFF, 0x69E1, STATUS_WORD_POLICY, "the policy of the profile in use forbids it" },
    { 0xFFFF, 0x6A80, STATUS_WORD_NO_PROFILE, "incorrect data" },
    { 0xFFFF, 0x6A81, STATUS_WORD_NO_CHANNEL, "no channel is free" },
    { 0xFFFF, 0x6A82, STATUS_WORD_ABSENT, "the application is not on the card" },
    { 0xFFFF, 0x6A86, STATUS_WORD_CHECKED, "incorrect P1 or P2" },
    { 0xFFFF, 0x6A88, STATUS_WORD_NO_PROFILE, "referenced data not found" },
    { 0xFFFF, 0x6B00, STATUS_WORD_CHECKED, "wrong P1 or P2" },
    { 0xFF00, 0x6C00, STATUS_WORD_WRONG_LE, "wrong Le" },
    { 0xFFFF, 0x6D00, STATUS_WORD_NOT_UNDERSTOOD, "the instruction is not known" },
    { 0xFFFF, 0x6E00, STATUS_WORD_NOT_UNDERSTOOD, "the class is not known" },
    { 0xFF00, 0x6F00, STATUS_WORD_FAILED, "it failed for no stated reason" },
    { 0xFF00, 0x6700, STATUS_WORD_CHECKED, "wrong length" },
    { 0xFF00, 0x6800, STATUS_WORD_CHECKED, "a function of the class is not supported" },
    { 0xFF00, 0x6900, STATUS_WORD_CHECKED, "not allowed" },
    { 0xFF00, 0x6A00, STATUS_WORD_CHECKED, "wrong parameters" },
    { 0xFF00, 0x6B00, STATUS_WORD_CHECKED, "wrong P1 or P2" },
    { 0xFF00, 0x6D00, STATUS_WORD_CHECKED, "the instruction is not supported" },
    { 0xFF00, 0x6E00, STATUS_WORD_CHECKED, "the class is not supported" },
    { 0x0000, 0x0000, STATUS_WORD_OTHER, "a status of no known meaning" },
}; // clang-format on

static size_t row_of(uint16_t sw)
{
    size_t i = 0;

    while ((sw & rows[i].mask) != rows[i].sw)
        i++;
    return i;
}

enum status_word_class status_word_class(uint16_t sw)
{
    return rows[row_of(sw)].class;
}

const char *status_word_text(uint16_t sw)
{
    return rows[row_of(sw)].text;
}

struct error status_word_error(uint16_t sw, enum error_code code, const char *what)
{
    return error_make(ERROR_IN_CARD, code, sw, "%s: status %04X, %s", what, sw,
                      status_word_text(sw));
}
