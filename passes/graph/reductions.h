/* Pass `reductions`: every sum and amax as a reduction over trailing axes or over the middle of [outer, R,
 * inner]. */
#ifndef VITC_PASSES_GRAPH_REDUCTIONS_H
#define VITC_PASSES_GRAPH_REDUCTIONS_H

#include "ir/ir.h"

bool pass_reductions(Module *module, Diags *diags);

#endif
