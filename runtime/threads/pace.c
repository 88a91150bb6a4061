/* How many threads a function's next run gets: see pace.h. */
#include "runtime/threads/pace.h"

enum { LEAST_RUNS = 2, LONGEST_REST = 64 };
#define WINDOW 0.1  /* seconds that a window lasts at least */
#define WAITING 0.2 /* share of the threads' time in meetings from which fewer threads are tried */
#define WORTH 0.97  /* a trial is won below this share of the usual time */

int pace_threads(Pace *p, int all) {
    if (p->all != all) *p = (Pace){.threads = all, .all = all, .patience = 1};
    return p->trial ? p->trial : p->threads;
}

static void open_window(Pace *p, double at) {
    p->begun = at;
    p->waited = p->ran = 0;
    p->runs = 0;
}

static void end_trial(Pace *p, double interval) {
    if (interval < WORTH * p->usual) {
        p->threads = p->trial;
        p->patience = 1;
    } else if (p->patience < LONGEST_REST)
        p->patience *= 2;
    p->rest = p->patience;
    p->trial = 0;
}

/* Fewer threads where they wait, more where there were once more: the load may be gone. */
static void begin_trial(Pace *p, double interval, double waiting) {
    bool fewer = p->threads > 1 && waiting > WAITING, more = p->threads < p->all;
    p->usual = interval;
    if (p->rest > 0 && p->rest--) return;
    if (!fewer && !more) return;
    p->up = more && (!fewer || !p->up); /* in turn, where both may help */
    p->trial = p->up ? p->threads * 2 : p->threads / 2;
    if (p->trial > p->all) p->trial = p->all;
}

void pace_note(Pace *p, double start, double end, double waited, bool follows) {
    if (p->all < 2) return;
    if (!follows || p->begun == 0) {
        open_window(p, end);
        return;
    }
    p->runs++;
    p->waited += waited;
    p->ran += end - start;
    if (p->runs < LEAST_RUNS || end - p->begun < WINDOW) return;
    double interval = (end - p->begun) / p->runs;
    int threads = p->trial ? p->trial : p->threads;
    double waiting = p->waited / (p->ran * threads);
    if (p->trial)
        end_trial(p, interval);
    else
        begin_trial(p, interval, waiting);
    open_window(p, end);
}
