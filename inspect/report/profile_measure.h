/* Making a profile (profile_file.h) of runs that were recorded (runtime/program/spans.h), and keeping their spans for a
 * trace (trace_events.h). */
#ifndef VITC_INSPECT_REPORT_PROFILE_MEASURE_H
#define VITC_INSPECT_REPORT_PROFILE_MEASURE_H

#include "codegen/codegen.h"
#include "inspect/report/profile_file.h"
#include "runtime/program/spans.h"

/* Which kernel a call is: its place in the inspected module. */
typedef struct {
    const Func *func;
    const Kernel *kernel; /* NULL: a copy */
    ValueId named;        /* the node that it is named after; IR_NONE: a copy */
} ProfileKernelOf;

/* A run that is kept: its spans by thread. */
typedef struct {
    double start, end;
    VtSpans spans;
} ProfileStep;

typedef struct {
    const Inspection *inspection;
    ProfileFile file;
    ProfileKernelOf *kernels; /* by call */
    ProfileStep *steps;       /* `file.steps` of them, of which the first n_kept have spans */
    int n_added, n_kept;
    size_t n_spans, most_spans; /* kept so far, and at most; the first step always is */
} ProfileMeasure;

/* For `steps` runs of the inspected function on `threads` threads. `step`: what was compiled of it, `origins` its calls
 * (compiled_origins); version: of vitc; processor: its name, or "". In the inspection's arena. */
ProfileMeasure *profile_begin(const Inspection *inspection, const VtFunction *step, const CallOrigin *origins,
                              int threads, int steps, const char *version, const char *processor);
/* A run from `start` to `end` (seconds of vt_now). times: what vt_spans_times says of it. */
void profile_add(ProfileMeasure *measure, const VtSpans *spans, const double *times, double start,
                 double end);

#endif
