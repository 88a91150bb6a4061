/* What it takes to compute values again, where they are read, instead of storing them: for pass `fuse`. */
#ifndef VITC_PASSES_RECOMPUTE_H
#define VITC_PASSES_RECOMPUTE_H

#include "ir/ir.h"

enum { FROM_MAX = 4 };

/* What recomputing a value takes: how many large values in memory are read (0, 1, or 2 for more; `leaf` is the one),
 * and FLOPs per element. */
typedef struct {
    int leaves;
    ValueId leaf;
    double cost;
    const char *dear; /* why it is not cheap */
    /* The large values that it follows from element by element, however many of them are in between: n_from of them
     * (FROM_MAX + 1: more), at from_cost. */
    int n_from;
    ValueId from[FROM_MAX];
    double from_cost;
} Recompute;

/* Of each value of the function, which has no plan yet; the array is in `arena`. */
const Recompute *recompute_estimate(Arena *arena, const Func *func);

#endif
