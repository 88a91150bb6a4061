/* How many threads a function's next run gets.
 *
 * All of them, as long as they hardly wait for each other. Where they do, because another process has one of the cores
 * or because the work between two meetings is short, fewer threads may be faster: half as many are tried for a short
 * while, and kept if the runs then follow each other faster. Results do not depend on it. */
#ifndef VITC_RUNTIME_THREADS_PACE_H
#define VITC_RUNTIME_THREADS_PACE_H

#include <stdbool.h>

typedef struct {
    int threads, all;   /* in use; the most there are (0: nothing is known yet) */
    int trial;          /* threads on trial in this window; 0: none */
    double begun;       /* end of the run before the window's first; 0: no window */
    double waited, ran; /* in this window: thread-seconds in meetings, and seconds of runs */
    int runs;
    double usual;       /* seconds from run to run with `threads`, of the window before a trial */
    int rest, patience; /* windows until the next trial; how many after one that was lost */
    bool up;            /* the next trial is of more threads */
} Pace;

int pace_threads(Pace *pace, int all);
/* A run from `start` to `end` (seconds of a clock), in which the threads waited for each other for `waited` seconds in
 * all. `follows`: nothing but it has happened since the run before. */
void pace_note(Pace *pace, double start, double end, double waited, bool follows);

#endif
