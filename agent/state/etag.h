#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/profile.h"
#include "agent/state/snapshot.h"

/* The profile list's entity tag (RFC 9110 8.8): strong, over the rows and over how often the list
 * was dropped since the agent started, so that the tag of a list from before a switch never fits the
 * one after it, not even when the switch led back. */

void etag_of_list(const struct profile_list *list, uint64_t generation,
                  char ret[SNAPSHOT_ETAG_MAX + 1]);

enum { ETAG_REFINED_MAX = SNAPSHOT_ETAG_MAX + 9 };

/* The tag of a text that holds the list and more: `etag` and a hash of the text behind a dot. For whoever
 * compares texts each has its own; for If-Match they all stand for the list. */
void etag_refine(const char *etag, const char *text, char ret[ETAG_REFINED_MAX + 1]);

enum etag_comparison { ETAG_STRONG, ETAG_WEAK };

/* Whether the value of an If-Match (strong) or If-None-Match (weak) header names `etag` ("" fits
 * nothing but "*"); the strong comparison also takes what etag_refine() made of it. A value that does not
 * parse fits nothing. */
bool etag_fits(const char *header, const char *etag, enum etag_comparison comparison);
