#include "timers.h"

#include "util.h"

enum { MAX_TIMERS = 128 };

static struct {
    timer_fn fn;
    int arg;
    int64_t due_us;
} timers[MAX_TIMERS];

void timer_set(timer_fn fn, int arg, int64_t delay_ms)
{
    timer_cancel(fn, arg);
    for (int i = 0; i < MAX_TIMERS; i++) {
        if (timers[i].fn)
            continue;
        timers[i].fn = fn;
        timers[i].arg = arg;
        timers[i].due_us = now_us() + delay_ms * 1000;
        return;
    }
    die("too many timers");
}

void timer_cancel(timer_fn fn, int arg)
{
    for (int i = 0; i < MAX_TIMERS; i++)
        if (timers[i].fn == fn && timers[i].arg == arg)
            timers[i].fn = 0;
}

bool timer_pending(timer_fn fn, int arg)
{
    for (int i = 0; i < MAX_TIMERS; i++)
        if (timers[i].fn == fn && timers[i].arg == arg)
            return true;
    return false;
}

static int next_timer(void)
{
    int best = -1;

    for (int i = 0; i < MAX_TIMERS; i++)
        if (timers[i].fn && (best < 0 || timers[i].due_us < timers[best].due_us))
            best = i;
    return best;
}

int timers_run(struct sim *sim)
{
    int64_t start = now_us();

    for (;;) {
        int i = next_timer();
        timer_fn fn;

        if (i < 0)
            return -1;
        if (timers[i].due_us > start) {
            int64_t left = timers[i].due_us - now_us();
            return left <= 0 ? 0 : (int)((left + 999) / 1000);
        }
        fn = timers[i].fn;
        timers[i].fn = 0;
        fn(sim, timers[i].arg);
    }
}
