#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the broker sends, packet by packet as its bytes come, looked at before the library takes it:
 * that keeps packets of up to 256 MB in memory whatever was announced to the broker, and messages of
 * QoS 2 for as long as the broker does not release them, and it loses the texts of a packet whose
 * properties it cannot read. Pure: no I/O.
 *
 * Refused is only what a broker that keeps to the standard never sends to us (QoS 1 at most, no AUTH,
 * nothing unsubscribed), and with 3.1.1 a packet as long as no command is: else whoever may send commands
 * cannot make a good broker send it. */

/* Far above the longest command. A packet of nothing but user properties costs the library 160 times its
 * length. */
enum {
    INTAKE_PACKET_MAX = 64 * 1024,
    /* A broker of 3.1.1 cannot be told of a limit, and what is retained comes with each connect. */
    INTAKE_PACKET_MAX_3 = 1024 * 1024,
};

enum intake_fault {
    INTAKE_GOOD = 0,
    /* A packet of more bytes than that, all counted, as MQTT 5's Maximum Packet Size. */
    INTAKE_TOO_LARGE,
    /* A kind of packet, or a QoS, that is not for us, or not now: the first is a CONNACK that lets us
     * in, and there is no other. */
    INTAKE_UNEXPECTED,
    /* Lengths that do not fit each other, unknown properties. */
    INTAKE_MALFORMED,
    INTAKE_NO_MEMORY,
};

/* Of one connection. */
struct intake {
    bool mqtt_5;
    /* The CONNACK has come. */
    bool greeted;
    /* The first fault; nothing is taken after it. */
    enum intake_fault fault;
    uint8_t head;
    /* Bytes of the fixed header that have come. */
    unsigned head_len;
    bool has_length;
    size_t length, len;
    uint8_t *body;
};

void intake_init(struct intake *in, bool mqtt_5);
void intake_done(struct intake *in);
/* The next bytes. False: there is a fault, and the connection is not to be read on. */
bool intake_take(struct intake *in, const void *data, size_t len);

/* For a person; NULL: good. */
const char *intake_fault_text(enum intake_fault fault);
