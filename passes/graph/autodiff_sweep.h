/* Backward sweeps over the nodes of a function, into another that is being built. */
#ifndef VITC_PASSES_GRAPH_AUTODIFF_SWEEP_H
#define VITC_PASSES_GRAPH_AUTODIFF_SWEEP_H

#include "passes/graph/autodiff_rules.h"

typedef struct {
    Rewrite rewrite;          /* of the old nodes; what the sweep needs of them is copied already */
    bool *leaf;               /* of each old value: its gradient is wanted */
    ValueId *sum;             /* of each old value: its gradient so far, in the new function; IR_NONE: none */
    struct SavedLoop **saved; /* of each old loop that gradients flow through (autodiff_loop.h) */
    const GradFn *rules;      /* by operator: GRAD_RULES */
    bool again;               /* what is made is to be differentiated too: loops keep by ordinary outputs */
    Diags *diags;
} Sweep;

/* The arrays, for the old nodes of the rewriting, without leaves and gradients. In the module's arena. */
Sweep sweep_start(Rewrite rewrite, const GradFn *rules, Diags *diags);
void sweep_clear(Sweep *sweep); /* forgets the gradients */
void sweep_add(Sweep *sweep, ValueId old, ValueId gradient);

/* Which of the old values up to `last` depend on a leaf through operators with gradients. In `arena`. */
bool *sweep_paths(const Sweep *sweep, ValueId last, Arena *arena);
/* From the gradients that are known, of `last` and values before it, to those of all values on these paths. False: an
 * error is in the diags. */
bool sweep_back(Sweep *sweep, ValueId last, const bool *paths);

#endif
