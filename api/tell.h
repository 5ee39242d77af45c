#pragma once

#include <stdbool.h>

/* Turns what is new into events for those who listen. Only the API's thread. */

struct events;
struct news;
struct routes;

/* Takes all news, and adds an event for each. True: at least one operation was among them. */
bool tell_news(struct news *news, const struct routes *routes, struct events *events);
