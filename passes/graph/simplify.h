/* Pass `simplify`: see simplify.c. */
#ifndef VITC_PASSES_GRAPH_SIMPLIFY_H
#define VITC_PASSES_GRAPH_SIMPLIFY_H

#include "ir/ir.h"

bool pass_simplify(Module *module, Diags *diags);
/* Of each value the uses by nodes, outputs and updates that are themselves used, one more of what must not be dropped;
 * 0: not needed. In the arena. */
uint32_t *count_uses(const Func *func, Arena *arena);
/* Nodes that no output or update needs go. */
void drop_unused(Func *func);

#endif
