/* Loops of whose results not all are read: what is carried or stacked for nobody goes, with what computes it. */
#ifndef VITC_PASSES_GRAPH_DEMAND_LOOP_H
#define VITC_PASSES_GRAPH_DEMAND_LOOP_H

#include "passes/graph/selection.h"

/* Whether results of the loop can be left out. */
bool demand_loop_fits(const Node *loop);
/* Its words of which `want` needs some: whole parts, those too that are carried into what makes them. needs[o]:
 * SELECTION_NOTHING where an operand is not read then, else all. */
const Selection *demand_loop_needs(Arena *arena, const Func *func, const Node *loop, const Selection *want,
                                   const Selection **needs);
/* A loop of the parts `want`, with a body of its own, which replaces that of the loop unless another loop of the module
 * runs that; operands that are not read are IR_NONE. nodes[0..n_nodes): of the function as it was. */
ValueId demand_loop_emit(Simplify *simplify, const Node *nodes, size_t n_nodes, const Node *loop,
                         const Selection *want, const ValueId *operands);

#endif
