#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A file of lines that ends: once it is full it becomes `<path>.old`, and a new one begins. What it
 * holds is the file's owner's alone to read (0600). */

struct ring_file;

/* Goes on behind what is there. NULL: no memory, the path is too long, or the file cannot be written
 * (errno; EINVAL: it is none, but a pipe or a device). */
struct ring_file *ring_file_open(const char *path, size_t size_max);
void ring_file_close(struct ring_file *file);
/* `text` with its line feed; at most `size_max`. False: the file takes no more (errno); the next call
 * tries again. */
bool ring_file_append(struct ring_file *file, const char *text, size_t len);
