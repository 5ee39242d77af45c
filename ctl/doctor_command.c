#include "ctl/commands.h"

#include "ctl/ask.h"
#include "ctl/doctor.h"

enum outcome command_doctor(struct context *ctl)
{
    static struct doctor_report report;

    doctor_examine(ctl, &doctor_usual_places, &report);
    if (!ctl->options->json) {
        doctor_print(&report, ctl->out, ctl->colour);
    } else if (!doctor_print_json(&report, ctl->out)) {
        ask_complain("out of memory");
        return OUTCOME_LOCAL;
    }
    return doctor_has_failures(&report) ? OUTCOME_FAILED : OUTCOME_OK;
}
