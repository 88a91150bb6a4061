/* Pass `symmetric`, after `split-rows`, whose pieces are not square: of products whose result is symmetric (z·zᵀ), half
 * is computed, and mirrored, where that is large enough to be faster; see symmetric.c. */
#ifndef VITC_PASSES_GRAPH_SYMMETRIC_H
#define VITC_PASSES_GRAPH_SYMMETRIC_H

#include "ir/ir.h"

bool pass_symmetric(Module *module, Diags *diags);

#endif
