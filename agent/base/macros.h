#pragma once

/* The few compiler extensions we use, in one place. */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The caller has to look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* printf-like: `format` and `first` are the positions of the format and of its first value. */
#define PRINTF_LIKE(format, first) __attribute__((format(printf, format, first)))

/* A switch's case that goes on into the next. */
#define FALLTHROUGH __attribute__((fallthrough))
