#include "agent/modem/sinr.h"

#include <string.h>

#include "agent/modem/at_fields.h"

static bool fits(const struct sinr_form *form, const struct at_fields *fields)
{
    char text[16];

    for (size_t i = 0; i < SINR_WORDS && form->words[i].is; i++)
        if (!at_fields_text(fields, form->words[i].at, text, sizeof text) ||
            strcmp(text, form->words[i].is) != 0)
            return false;
    return true;
}

static bool parse_line(const struct sinr_source *source, const struct sinr_form *form,
                       const char *line, double *ret_db)
{
    struct at_fields fields;
    double number = 0;

    if (!at_fields_split(line, source->prefix, &fields) || !fits(form, &fields) ||
        !at_fields_decimal(&fields, form->at, &number) || number < form->min || number > form->max)
        return false;
    *ret_db = form->first + number * form->step;
    return true;
}

bool sinr_parse(const struct sinr_source *source, const char *const *lines, size_t count,
                double *ret_db)
{
    for (size_t i = 0; i < SINR_FORMS && source->forms[i].step != 0; i++)
        for (size_t k = 0; k < count; k++)
            if (parse_line(source, &source->forms[i], lines[k], ret_db))
                return true;
    return false;
}
