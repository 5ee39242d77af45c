#include "agent/operation/letter.h"

#include <stdlib.h>
#include <string.h>

struct letter *letters_add(struct letters *letters, int class, char *topic, char *payload)
{
    struct letter *letter;

    if (!topic || !payload || letters->count == LETTERS_MAX) {
        free(topic);
        free(payload);
        return NULL;
    }
    letter = &letters->items[letters->count++];
    *letter = (struct letter){ .class = class, .topic = topic, .payload = payload };
    return letter;
}

void letters_copy_kept(const struct letters *from, struct letters *ret)
{
    *ret = (struct letters){ 0 };
    for (size_t i = 0; i < from->count; i++) {
        const struct letter *letter = &from->items[i];
        struct letter *copy;

        if (!letter->kept)
            continue;
        copy = letters_add(ret, letter->class, strdup(letter->topic), strdup(letter->payload));
        if (!copy)
            continue;
        memcpy(copy->operation, letter->operation, sizeof copy->operation);
        copy->rev = letter->rev;
        copy->kept = true;
    }
}

void letters_done(struct letters *letters)
{
    for (size_t i = 0; i < letters->count; i++) {
        free(letters->items[i].topic);
        free(letters->items[i].payload);
    }
    *letters = (struct letters){ 0 };
}
