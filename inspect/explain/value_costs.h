/* What the values of a planned function cost: each its share of its kernel, which is that of its FLOPs. What a
 * kernel that computes nothing takes is that of the value it is named after. Seconds are estimates by the roofline
 * model, as in inspect/report/cost_report.h, or of a profile if the inspection has one. */
#ifndef VITC_INSPECT_EXPLAIN_VALUE_COSTS_H
#define VITC_INSPECT_EXPLAIN_VALUE_COSTS_H

#include "inspect/inspect.h"
#include "ir/plan/cost.h"

typedef struct {
    Roofline roofline;     /* nothing of it is 0 */
    double seconds, flops; /* of the function: of all kernels and copies */
    KernelCost *kernels;   /* by number of a kernel, from 0 */
    double *kernel_seconds;
    double *value_seconds; /* by value of the function; 0: an input or state */
} ValueCosts;

/* Of inspection->func, after all passes; in inspection->arena. */
const ValueCosts *value_costs(const Inspection *inspection);

#endif
