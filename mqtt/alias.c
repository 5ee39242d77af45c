#include "mqtt/alias.h"

#include <stdio.h>
#include <string.h>

void alias_begin(struct alias_table *table, unsigned max)
{
    table->count = 0;
    table->max = max < ALIAS_MAX ? max : ALIAS_MAX;
}

static unsigned find(const struct alias_table *table, const char *topic)
{
    for (unsigned i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].topic, topic) == 0)
            return i + 1;
    return 0;
}

unsigned alias_of(struct alias_table *table, const char *topic, bool *ret_known)
{
    unsigned alias = find(table, topic);
    struct alias_row *row;

    *ret_known = alias && table->rows[alias - 1].known;
    if (alias || table->count == table->max || strlen(topic) >= TOPICS_MAX)
        return alias;
    row = &table->rows[table->count++];
    (void)snprintf(row->topic, sizeof row->topic, "%s", topic);
    row->known = false;
    return table->count;
}

void alias_learned(struct alias_table *table, unsigned alias)
{
    if (alias > 0 && alias <= table->count)
        table->rows[alias - 1].known = true;
}
