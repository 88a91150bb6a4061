/* Pass `expand`: ROW operators as elementwise ones and reductions, windows of images (convolutions, pools) as products
 * and elementwise operators. */
#ifndef VITC_PASSES_GRAPH_EXPAND_H
#define VITC_PASSES_GRAPH_EXPAND_H

#include "ir/ir.h"

bool pass_expand(Module *module, Diags *diags);

#endif
