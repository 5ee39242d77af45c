#include "agent/state/bus.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

enum { LISTENERS_MAX = 8 };

struct bus {
    size_t count;
    struct {
        bus_listener listener;
        void *ctx;
    } listeners[LISTENERS_MAX];
};

struct bus *bus_new(void)
{
    return calloc(1, sizeof(struct bus));
}

void bus_free(struct bus *bus)
{
    free(bus);
}

void bus_listen(struct bus *bus, bus_listener listener, void *ctx)
{
    assert(bus->count < LISTENERS_MAX);
    bus->listeners[bus->count].listener = listener;
    bus->listeners[bus->count].ctx = ctx;
    bus->count++;
}

void bus_publish(struct bus *bus, enum bus_event event, const void *data)
{
    for (size_t i = 0; i < bus->count; i++)
        bus->listeners[i].listener(bus->listeners[i].ctx, event, data);
}
