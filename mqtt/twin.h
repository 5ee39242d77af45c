#pragma once

#include <stdbool.h>

#include "agent/base/connectivity.h"

/* Which readings of the network are worth their bytes. Pure. */

/* `now` differs from what was told last in registration, technology, operator, attachment,
 * addresses or ICCID, or a level that was told has moved by 6 dB or was not known before. */
bool twin_is_news(const struct connectivity *told, const struct connectivity *now);
