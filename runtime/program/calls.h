/* Walking the calls of a function, on every thread of the team: chains block by block, loops iteration by iteration. */
#ifndef VITC_RUNTIME_PROGRAM_CALLS_H
#define VITC_RUNTIME_PROGRAM_CALLS_H

#include "runtime/program/spans.h"

/* One run of a function. */
typedef struct {
    const VtFunction *function;
    void *const *pointers; /* of each argument; what a thread has of its own is filled in at the call */
    VtSpans *spans;        /* made for this function, and as many threads; NULL: not wanted */
    char *own;             /* each thread's own memory, own_stride bytes after that of the thread before … */
    size_t own_stride;
    size_t own_blocks; /* … of which so many hold the blocks of chains; then comes scratch */
} VtRun;

/* For vt_parallel: `run` is a VtRun. */
void vt_run_calls(void *run, int thread, int threads);

#endif
