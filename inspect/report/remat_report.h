/* The kernels that run again, so that what they compute need not be kept (pass `remat`). */
#ifndef VITC_INSPECT_REPORT_REMAT_REPORT_H
#define VITC_INSPECT_REPORT_REMAT_REPORT_H

#include "ir/ir.h"

/* Kernels of one operator and result type. */
typedef struct {
    const char *name; /* "add f32[197x384]" */
    int count;
    int64_t bytes; /* of the values that are computed again instead of kept */
    double flops;
} RematKind;

typedef struct {
    int kernels;
    int64_t bytes;
    double flops, all_flops; /* theirs; of all kernels of the function, theirs included */
    RematKind *kinds;        /* most bytes first; in the arena */
    size_t n_kinds;
} RematReport;

RematReport remat_report(Arena *arena, const Func *func); /* of a function after all passes */
double remat_percent(const RematReport *report);          /* FLOPs that run again, of those that run once */

#endif
