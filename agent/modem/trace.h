#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The AT dialogue in a file, for whoever looks into trouble: time, direction, line. A ring of two:
 * when the file is full it becomes `<path>.old`. Identities are cut to their last four digits, and
 * lines that carry a secret, in either direction, to their name. */

enum { TRACE_SIZE_MAX = 512 * 1024, TRACE_LINE_MAX = 1200 };

struct trace;

/* NULL: no memory, or the file cannot be written (errno). */
struct trace *trace_new(const char *path);
void trace_free(struct trace *trace);
/* A file that takes no more is told by nothing: tracing never gets in the way. */
void trace_write(struct trace *trace, bool sent, const char *line);

/* Pure. What may be shown of a line, cut to fit. */
void trace_redact(const char *line, char *ret, size_t size);
