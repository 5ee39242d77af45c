#pragma once

/* What every unit test includes behind the header of its module. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/error.h"
#include "agent/base/macros.h"

/* An expected success: prints what went wrong instead of a bare number. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct error assert_ok_e = (call);                                                         \
        if (assert_ok_e.code)                                                                      \
            fail_msg("%s: %s: %s", #call, error_code_name(assert_ok_e.code), assert_ok_e.message); \
    } while (0)

/* An expected failure with this code. */
#define assert_code(call, expected)                                                                \
    do {                                                                                           \
        struct error assert_code_e = (call);                                                       \
        if (assert_code_e.code != (expected))                                                      \
            fail_msg("%s: '%s' (%s), not '%s'", #call, error_code_name(assert_code_e.code),        \
                     assert_code_e.message, error_code_name(expected));                            \
    } while (0)
