#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/base/error.h"
#include "agent/base/macros.h"

/* What every fuzz target has: the entry that libFuzzer calls and fuzz_main.c calls too. A target
 * holds its decoder to one oracle: a value or an error, never both, never neither; and ends the
 * process by assert() or a sanitizer where that is broken. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
