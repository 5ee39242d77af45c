#pragma once

/* The few compiler extensions we use, in one place. */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The caller has to look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* printf-like: the positions of the format and of its first value, counted from 1. */
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

/* A switch's case that goes on into the next. */
#define FALLTHROUGH __attribute__((fallthrough))
