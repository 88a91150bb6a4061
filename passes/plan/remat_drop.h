/* Dropping a value that lives across the peak: all that happens so that it is there again where it is read next,
 * what that costs, and carrying it out. */
#ifndef VITC_PASSES_REMAT_DROP_H
#define VITC_PASSES_REMAT_DROP_H

#include "passes/plan/remat_slice.h"

enum { MOST_RUNS = 24 }; /* for one value */

typedef struct {
    enum { RUN_PART, RUN_WHOLE, MOVE, EXTEND } kind;
    ValueId value;
    uint32_t index; /* MOVE: the run; EXTEND: the instance */
    Slice slice;
} Action;

/* All that happens before one run so that it finds a value. */
typedef struct {
    Arena *arena;
    uint32_t before;
    Action actions[MOST_RUNS];
    int n;
    double seconds, gain;
    int64_t freed;     /* bytes not kept past the peak */
    int64_t temporary; /* bytes made besides the value */
    uint32_t blocked;  /* the first run that writes over a state that is read for it; IR_NONE: none does */
} Drop;

/* Seconds of a kernel, by the roofline of the machine. */
double remat_seconds(const Remat *r, double flops, double bytes);
/* The plan to drop an instance; false: there is none. It comes back before its next use past the peak, or, if what
 * it is made from is written over by then, before that. */
bool remat_plan_drop(Remat *r, Drop *drop, uint32_t instance);
/* Does what it says. What a run is held for by EXTEND lives on because the run reads it. */
void remat_carry_out(Remat *r, const Drop *drop);

#endif
