#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the kernel counts on a network interface (/sys/class/net/<name>/statistics). */

struct counters {
    int64_t rx_bytes, tx_bytes;
};

/* False: there is no such interface now. */
bool counters_read(const char *interface, struct counters *ret);
