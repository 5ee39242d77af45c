#include "ctl/bundle.h"

#include "ctl/interrupt.h"

enum outcome command_bundle(struct context *ctl)
{
    interrupt_catch();
    return bundle_make(ctl, ctl->options->argument);
}
