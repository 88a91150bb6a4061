/* What threads did in a run, and when: a span for each share of a call that a thread has run. Only recorded for who
 * asks (vt_instance_profile); threads wait for each other where they do otherwise too, so that a profile shows the
 * step as it is. */
#ifndef VITC_RUNTIME_PROGRAM_SPANS_H
#define VITC_RUNTIME_PROGRAM_SPANS_H

#include "runtime/program.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double start, end; /* seconds of vt_now */
    int32_t call;      /* in VtFunction.calls */
    int32_t block;     /* of a chain; -1: the thread's whole share */
} VtSpan;

/* One thread's, in the order of time. */
typedef struct {
    VtSpan *spans;
    size_t n, room;
} VtTrack;

/* Spans of a run on `threads` threads: one track each, with room for all of it. */
typedef struct {
    VtTrack *tracks;
    int threads;
    int ran; /* threads of the last run: fewer where the system made no more, and the tracks are not whole then */
} VtSpans;

enum { VT_MOST_SPANS = 1 << 19 }; /* of a thread: 12 MiB */

/* The most spans that thread `thread` of `threads` makes in a run of the function; loops may end before. */
double vt_spans_needed(const VtFunction *function, int thread, int threads);
/* False: no memory. */
bool vt_spans_make(VtSpans *spans, const VtFunction *function, int threads);
void vt_spans_free(VtSpans *spans);

/* Seconds of the run that belong to each call, in `times` (VtFunction.n_calls of them). Each moment is divided equally
 * among the threads that are in a call at that moment: so a thread that waits counts for those it waits for, and the
 * sum is all the time in which any thread was in a call. False: no memory. */
bool vt_spans_times(const VtSpans *spans, int n_calls, double *times);

#endif
