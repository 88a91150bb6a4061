/* Pass `simplify`: see simplify.c. */
#ifndef VITC_PASSES_GRAPH_SIMPLIFY_H
#define VITC_PASSES_GRAPH_SIMPLIFY_H

#include "ir/ir.h"

bool pass_simplify(Module *module, Diags *diags);
/* Nodes that no output or update needs go. */
void drop_unused(Func *func);

#endif
