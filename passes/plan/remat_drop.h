/* Dropping an instance that lives across the peak: planning what must run so that the value is there again before it is
 * next read, what that costs, and doing it. */
#ifndef VITC_PASSES_REMAT_DROP_H
#define VITC_PASSES_REMAT_DROP_H

#include "passes/plan/remat_slice.h"

enum { MOST_RUNS = 24 }; /* actions for one drop */

/* One step by which a value becomes available. */
typedef struct {
    enum {
        RUN_PART,  /* run some nodes of its kernel again */
        RUN_WHOLE, /* run its kernel again */
        MOVE,      /* move a later repeated run that computes it to here */
        EXTEND     /* keep an instance longer */
    } kind;
    ValueId value;
    uint32_t index; /* MOVE: the run; EXTEND: the instance */
    Slice slice;    /* RUN_…: the nodes and what they read */
} Action;

/* The plan for one instance: actions, in order, all before run `before`, which reads the value. */
typedef struct {
    Arena *arena;
    uint32_t before;
    Action actions[MOST_RUNS];
    int n;
    double seconds;    /* of the repeated runs */
    double gain;       /* bytes freed, weighted by what they are worth (Remat.worth) */
    int64_t freed;     /* bytes that do not live across the peak any more */
    int64_t temporary; /* bytes of further values that are computed or kept for it */
    const char *why;   /* it is not planned, though the value lives across the peak */
    uint32_t blocked;  /* the first run that overwrites a state which an action reads; IR_NONE: none */
} Drop;

/* Seconds of a kernel with these FLOPs and bytes, by the roofline of the machine. */
double remat_seconds(const Remat *r, double flops, double bytes);
/* Plans to drop an instance; false: it cannot be dropped (drop->why), or does not live across the peak. The value is
 * computed again before its next use past the peak, or earlier if a state that it is computed from is overwritten by
 * then. */
bool remat_plan_drop(Remat *r, Drop *drop, uint32_t instance);
/* Changes the list of runs as planned. */
void remat_carry_out(Remat *r, const Drop *drop);

#endif
