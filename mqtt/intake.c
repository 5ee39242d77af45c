#include "mqtt/intake.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/cursor.h"

enum {
    CONNACK = 2,
    PUBLISH = 3,
    PUBACK = 4,
    SUBACK = 9,
    PINGRESP = 13,
    DISCONNECT = 14,
    HEAD_MAX = 5,
};

/* --- one packet --- */

static bool take_u16(struct cursor *c, size_t *ret)
{
    const uint8_t *bytes;

    if (!cursor_take_bytes(c, 2, &bytes))
        return false;
    *ret = (size_t)bytes[0] << 8 | bytes[1];
    return true;
}

static bool skip(struct cursor *c, size_t len)
{
    const uint8_t *ignored;

    return cursor_take_bytes(c, len, &ignored);
}

/* A text, or binary data, behind its length. */
static bool skip_text(struct cursor *c)
{
    size_t len;

    return take_u16(c, &len) && skip(c, len);
}

static bool skip_pair(struct cursor *c)
{
    bool has_name = skip_text(c);

    return has_name && skip_text(c);
}

/* Variable byte integer: four bytes at most. */
static bool take_varint(struct cursor *c, size_t *ret)
{
    size_t value = 0;
    uint8_t byte;

    for (unsigned shift = 0; shift < 28; shift += 7) {
        if (!cursor_take_u8(c, &byte))
            return false;
        value |= (size_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* MQTT 5, 2.2.2.2. Which belong into which packet is left to the library: it ignores the others. */
static bool skip_property(struct cursor *c)
{
    size_t ignored;
    uint8_t id;

    if (!cursor_take_u8(c, &id))
        return false;
    switch (id) {
    case 0x01: /* Payload Format Indicator */
    case 0x17: /* Request Problem Information */
    case 0x19: /* Request Response Information */
    case 0x24: /* Maximum QoS */
    case 0x25: /* Retain Available */
    case 0x28: /* Wildcard Subscription Available */
    case 0x29: /* Subscription Identifier Available */
    case 0x2A: /* Shared Subscription Available */
        return skip(c, 1);
    case 0x13: /* Server Keep Alive */
    case 0x21: /* Receive Maximum */
    case 0x22: /* Topic Alias Maximum */
    case 0x23: /* Topic Alias */
        return skip(c, 2);
    case 0x02: /* Message Expiry Interval */
    case 0x11: /* Session Expiry Interval */
    case 0x18: /* Will Delay Interval */
    case 0x27: /* Maximum Packet Size */
        return skip(c, 4);
    case 0x0B: /* Subscription Identifier */
        return take_varint(c, &ignored);
    case 0x03: /* Content Type */
    case 0x08: /* Response Topic */
    case 0x09: /* Correlation Data */
    case 0x12: /* Assigned Client Identifier */
    case 0x15: /* Authentication Method */
    case 0x16: /* Authentication Data */
    case 0x1A: /* Response Information */
    case 0x1C: /* Server Reference */
    case 0x1F: /* Reason String */
        return skip_text(c);
    case 0x26: /* User Property */
        return skip_pair(c);
    default:
        return false;
    }
}

static bool skip_properties(struct cursor *c)
{
    struct cursor properties;
    size_t len;

    if (!take_varint(c, &len) || !cursor_take_cursor(c, len, &properties))
        return false;
    while (properties.left > 0)
        if (!skip_property(&properties))
            return false;
    return true;
}

/* A broker that speaks only 3.1.1 answers as that does. */
static bool take_connack(struct intake *in, struct cursor *c)
{
    const uint8_t *head; /* flags, reason */

    if (!cursor_take_bytes(c, 2, &head) || (in->mqtt_5 && c->left > 0 && !skip_properties(c)))
        return false;
    in->greeted = head[1] == 0;
    return true;
}

/* False: it is malformed. */
static bool take_packet(struct intake *in)
{
    struct cursor c = cursor_of(in->body, in->length);
    unsigned qos = in->head >> 1 & 3;

    switch (in->head >> 4) {
    case CONNACK:
        return take_connack(in, &c);
    case PUBLISH:
        return skip_text(&c) && (qos == 0 || skip(&c, 2)) && (!in->mqtt_5 || skip_properties(&c));
    case PUBACK:
        return skip(&c, 2) && (!in->mqtt_5 || c.left == 0 ||
                               (skip(&c, 1) && (c.left == 0 || skip_properties(&c))));
    case SUBACK:
        return skip(&c, 2) && (!in->mqtt_5 || skip_properties(&c)) && c.left > 0;
    case DISCONNECT:
        return c.left == 0 || (skip(&c, 1) && (c.left == 0 || skip_properties(&c)));
    default:
        return true;
    }
}

static bool is_for_us(const struct intake *in)
{
    switch (in->head >> 4) {
    case CONNACK:
        return !in->greeted;
    case PUBACK:
    case SUBACK:
    case PINGRESP:
        return in->greeted;
    case PUBLISH:
        return in->greeted && (in->head >> 1 & 3) <= 1;
    case DISCONNECT:
        return in->mqtt_5;
    default:
        return false;
    }
}

/* --- the stream --- */

void intake_init(struct intake *in, bool mqtt_5)
{
    *in = (struct intake){ .mqtt_5 = mqtt_5 };
}

void intake_done(struct intake *in)
{
    free(in->body);
    in->body = NULL;
}

static enum intake_fault begin_body(struct intake *in)
{
    in->has_length = true;
    in->len = 0;
    if (in->head_len + in->length > (in->mqtt_5 ? INTAKE_PACKET_MAX : INTAKE_PACKET_MAX_3))
        return INTAKE_TOO_LARGE;
    if (!is_for_us(in))
        return INTAKE_UNEXPECTED;
    in->body = in->length > 0 ? malloc(in->length) : NULL;
    return in->length > 0 && !in->body ? INTAKE_NO_MEMORY : INTAKE_GOOD;
}

/* Type and flags, then the Remaining Length: a variable byte integer of four bytes at most. */
static enum intake_fault take_head(struct intake *in, uint8_t byte)
{
    if (in->head_len == 0) {
        in->head = byte;
        in->head_len = 1;
        in->length = 0;
        return INTAKE_GOOD;
    }
    in->length |= (size_t)(byte & 0x7F) << (7 * (in->head_len - 1));
    in->head_len++;
    if (!(byte & 0x80))
        return begin_body(in);
    return in->head_len == HEAD_MAX ? INTAKE_MALFORMED : INTAKE_GOOD;
}

static enum intake_fault end_packet(struct intake *in)
{
    enum intake_fault fault = take_packet(in) ? INTAKE_GOOD : INTAKE_MALFORMED;

    intake_done(in);
    in->has_length = false;
    in->head_len = 0;
    return fault;
}

static size_t take_body(struct intake *in, const uint8_t *data, size_t len)
{
    size_t wanted = in->length - in->len;
    size_t part = len < wanted ? len : wanted;

    if (part > 0)
        memcpy(in->body + in->len, data, part);
    in->len += part;
    return part;
}

bool intake_take(struct intake *in, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    size_t at = 0;

    while (at < len && !in->fault) {
        if (in->has_length)
            at += take_body(in, bytes + at, len - at);
        else
            in->fault = take_head(in, bytes[at++]);
        if (!in->fault && in->has_length && in->len == in->length)
            in->fault = end_packet(in);
    }
    return !in->fault;
}

const char *intake_fault_text(enum intake_fault fault)
{
    switch (fault) {
    case INTAKE_GOOD:
        return NULL;
    case INTAKE_TOO_LARGE:
        return "the broker sent a packet of more than 64 KiB";
    case INTAKE_UNEXPECTED:
        return "the broker sent a packet that is not for us";
    case INTAKE_MALFORMED:
        return "the broker sent a malformed packet";
    case INTAKE_NO_MEMORY:
        break;
    }
    return "no memory for what the broker sent";
}
