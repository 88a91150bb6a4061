/* Gradients of loops. A loop's gradient is a loop that runs backwards: its body is made by a backward sweep over the
 * body, from the values that were carried into each iteration. These are stacked by the loop itself. A long one is cut
 * into segments, a loop of loops: what the outer carries is stacked, what the inner carries only while the gradient of
 * its segment is made, from which its values are then computed again. So about 2·√n values are kept of n iterations. */
#ifndef VITC_PASSES_GRAPH_AUTODIFF_LOOP_H
#define VITC_PASSES_GRAPH_AUTODIFF_LOOP_H

#include "passes/graph/autodiff_sweep.h"

/* What one loop keeps. */
typedef struct {
    const Func *body;
    int64_t count;
    bool reverse, when;
    bool again; /* as of the sweep that keeps it */
    int n_carried, n_sliced, n_captured, n_outputs;
    /* Of the new function, in the order of the operands: what is carried into the loop, … */
    const ValueId *operands;
    ValueId *history; /* and into each iteration, stacked; NULL: there is but one */
} SavedPiece;

/* A loop of the old function, in the new: one, or the segments and then the iterations that are left. */
typedef struct SavedLoop {
    SavedPiece pieces[2];
    int n;
} SavedLoop;

/* Copies an old loop, through which gradients flow, into the new function so that it keeps what they need. */
ValueId autodiff_copy_loop(Sweep *sweep, ValueId old);

#endif
