/* What a timed run of steps showed, as data: how fast the step is and, where its calls were timed, what each kernel
 * reaches of what limits it. profile_text.h shows it. */
#ifndef VITC_INSPECT_REPORT_PROFILE_REPORT_H
#define VITC_INSPECT_REPORT_PROFILE_REPORT_H

#include "inspect/report/roofline.h"
#include "ir/base/arena.h"
#include "runtime/program.h"

typedef struct {
    const char *recipe, *target; /* target: the caller sets it */
    int steps, threads;
    double best, median; /* seconds of a step */
    double images;       /* a second, at best */
    double flops;        /* of matrix products and attention, a second, at best */
} BenchReport;

/* `seconds`: of n > 0 timed runs of the function; they are sorted. */
BenchReport bench_report(const VtProgram *program, const VtFunction *step, double *seconds, int n,
                         int threads);

/* The calls of one kernel: twelve equal blocks are one. Those of a C function (copies, gathers) are one too. */
typedef struct {
    const char *name; /* of its first call */
    int calls;
    double seconds, flops, bytes;
} ProfileKernel;

typedef enum {
    ROOF_GIVEN,
    ROOF_MEASURED, /* the most that a kernel of this very step reaches */
    ROOF_UNKNOWN   /* no kernel tells: infinite */
} RoofSource;

typedef struct {
    Roofline roofline;
    RoofSource peak, bandwidth;         /* where the two are from */
    const char *peak_of, *bandwidth_of; /* MEASURED: the kernel that reaches it */
    double seconds;                     /* of all kernels */
    ProfileKernel *kernels;             /* the slowest first; in the arena */
    int n_kernels;
} ProfileReport;

/* `times`: seconds of each call of the function's last run. `given`: what is known of the machine, else 0.
 * `cache_bytes`: of a core's own cache; calls that touch less say nothing of memory. */
ProfileReport profile_report(Arena *arena, const VtFunction *step, const double *times, Roofline given,
                             double cache_bytes);

#endif
