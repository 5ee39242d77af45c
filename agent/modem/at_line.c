#include "agent/modem/at_line.h"

#include <string.h>
#include <strings.h>

void at_reader_init(struct at_reader *reader)
{
    reader->len = 0;
    reader->line[0] = '\0';
    reader->garbled = false;
    reader->overlong = 0;
    reader->unprintable = 0;
}

static bool end_line(struct at_reader *reader)
{
    size_t len = reader->len;
    bool garbled = reader->garbled;

    reader->len = 0;
    reader->garbled = false;
    if (len > AT_LINE_MAX) {
        reader->overlong++;
        return false;
    }
    if (garbled) {
        reader->unprintable++;
        return false;
    }
    while (len > 0 && reader->line[len - 1] == ' ')
        len--;
    reader->line[len] = '\0';
    return len > 0;
}

bool at_reader_take(struct at_reader *reader, uint8_t byte)
{
    if (byte == '\r' || byte == '\n')
        return end_line(reader);
    if (byte == '\t')
        byte = ' ';
    if (byte < 0x20 || byte > 0x7E)
        reader->garbled = true;
    if (byte == ' ' && reader->len == 0)
        return false;
    if (reader->len < AT_LINE_MAX)
        reader->line[reader->len++] = (char)byte;
    else
        reader->len = AT_LINE_MAX + 1;
    return false;
}

/* 27.007 9.2.1 to 9.2.3, without "(U)" before SIM. */
static const struct {
    int number;
    const char *text;
} cme_texts[] = {
    // clang-format off
    { 0, "phone failure" },
    { 1, "no connection to phone" },
    { 2, "phone-adaptor link reserved" },
    { 3, "operation not allowed" },
    { 4, "operation not supported" },
    { 5, "PH-SIM PIN required" },
    { 6, "PH-FSIM PIN required" },
    { 7, "PH-FSIM PUK required" },
    { 10, "SIM not inserted" },
    { 11, "SIM PIN required" },
    { 12, "SIM PUK required" },
    { 13, "SIM failure" },
    { 14, "SIM busy" },
    { 15, "SIM wrong" },
    { 16, "incorrect password" },
    { 17, "SIM PIN2 required" },
    { 18, "SIM PUK2 required" },
    { 20, "memory full" },
    { 21, "invalid index" },
    { 22, "not found" },
    { 23, "memory failure" },
    { 24, "text string too long" },
    { 25, "invalid characters in text string" },
    { 26, "dial string too long" },
    { 27, "invalid characters in dial string" },
    { 30, "no network service" },
    { 31, "network timeout" },
    { 32, "network not allowed - emergency calls only" },
    { 40, "network personalization PIN required" },
    { 41, "network personalization PUK required" },
    { 42, "network subset personalization PIN required" },
    { 43, "network subset personalization PUK required" },
    { 44, "service provider personalization PIN required" },
    { 45, "service provider personalization PUK required" },
    { 46, "corporate personalization PIN required" },
    { 47, "corporate personalization PUK required" },
    { 48, "hidden key required" },
    { 50, "incorrect parameters" },
    { 100, "unknown" },
    { 103, "illegal MS" },
    { 106, "illegal ME" },
    { 107, "GPRS services not allowed" },
    { 111, "PLMN not allowed" },
    { 112, "location area not allowed" },
    { 113, "roaming not allowed in this location area" },
    { 132, "service option not supported" },
    { 133, "requested service option not subscribed" },
    { 134, "service option temporarily out of order" },
    { 148, "unspecified GPRS error" },
    { 149, "PDP authentication failure" },
    { 150, "invalid mobile class" },
}; // clang-format on

static bool number_from_text(const char *text, int *ret)
{
    int value = 0;
    size_t n = strspn(text, "0123456789");

    if (n == 0 || n > 5 || text[n] != '\0')
        return false;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (text[i] - '0');
    *ret = value;
    return true;
}

static struct at_final cme_from_text(const char *text)
{
    int number = 0;

    while (*text == ' ')
        text++;
    if (number_from_text(text, &number))
        return (struct at_final){ AT_FINAL_CME, number };
    if (strncasecmp(text, "(U)", 3) == 0)
        text += 3;
    for (size_t i = 0; i < ARRAY_LEN(cme_texts); i++)
        if (strcasecmp(text, cme_texts[i].text) == 0)
            return (struct at_final){ AT_FINAL_CME, cme_texts[i].number };
    return (struct at_final){ AT_FINAL_ERROR, 0 };
}

static struct at_final cms_from_text(const char *text)
{
    int number = 0;

    while (*text == ' ')
        text++;
    if (!number_from_text(text, &number))
        number = 500; /* 27.005 3.2.5: unknown error */
    return (struct at_final){ AT_FINAL_CMS, number };
}

struct at_final at_final_from_line(const char *line)
{
    static const struct {
        const char *text;
        enum at_final_kind kind;
    } words[] = {
        { "OK", AT_FINAL_OK },
        { "ERROR", AT_FINAL_ERROR },
        { "NO CARRIER", AT_FINAL_NO_CARRIER },
        { "ABORTED", AT_FINAL_ABORTED },
        { "BUSY", AT_FINAL_BUSY },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(line, words[i].text) == 0)
            return (struct at_final){ words[i].kind, 0 };
    if (strncmp(line, "+CME ERROR:", 11) == 0)
        return cme_from_text(line + 11);
    if (strncmp(line, "+CMS ERROR:", 11) == 0)
        return cms_from_text(line + 11);
    return (struct at_final){ AT_FINAL_NOT, 0 };
}

static struct error cme_error(int number, const char *command)
{
    enum error_code code = ERROR_CARD;

    if (number == 10)
        code = ERROR_CARD_ABSENT;
    else if (number == 11 || number == 12 || (number >= 5 && number <= 7) ||
             (number >= 40 && number <= 48))
        code = ERROR_SIM_LOCKED;
    else if (number == 13 || number == 14 || number == 0 || number == 100)
        code = ERROR_CARD_BUSY;
    for (size_t i = 0; i < ARRAY_LEN(cme_texts); i++)
        if (cme_texts[i].number == number)
            return error_make(ERROR_IN_MODEM, code, number, "the modem answers %s with %d, %s",
                              command, number, cme_texts[i].text);
    return error_make(ERROR_IN_MODEM, code, number, "the modem answers %s with +CME ERROR: %d",
                      command, number);
}

struct error at_final_error(struct at_final final, const char *command)
{
    static const struct {
        int detail;
        const char *text;
    } words[] = {
        [AT_FINAL_ERROR] = { ERROR_FINAL_ERROR, "ERROR" },
        [AT_FINAL_NO_CARRIER] = { ERROR_FINAL_NO_CARRIER, "NO CARRIER" },
        [AT_FINAL_ABORTED] = { ERROR_FINAL_ABORTED, "ABORTED" },
        [AT_FINAL_BUSY] = { ERROR_FINAL_BUSY, "BUSY" },
    };

    switch (final.kind) {
    case AT_FINAL_OK:
        return ERROR_OK;
    case AT_FINAL_CME:
        return cme_error(final.number, command);
    case AT_FINAL_CMS:
        return error_make(ERROR_IN_MODEM, ERROR_CARD, ERROR_FINAL_CMS - final.number,
                          "the modem answers %s with +CMS ERROR: %d", command, final.number);
    case AT_FINAL_NOT:
        return error_make(ERROR_IN_MODEM, ERROR_MODEM_TIMEOUT, ERROR_FINAL_NONE, "no answer to %s",
                          command);
    default:
        return error_make(ERROR_IN_MODEM, ERROR_CARD, words[final.kind].detail,
                          "the modem answers %s with %s", command, words[final.kind].text);
    }
}

bool at_is_refusal(const struct error *e)
{
    return e->domain == ERROR_IN_MODEM && e->code != ERROR_NONE &&
           (e->detail == ERROR_FINAL_ERROR || e->detail == 3 || e->detail == 4);
}
