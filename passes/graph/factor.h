/* Pass `factor`, before `autodiff`, whose gradients are then factored too: sums of sums of products of few values,
 * Σ c_ij · <p_i, q_j>, as objectives over pairs of views have them, with fewer products; see factor.c. */
#ifndef VITC_PASSES_GRAPH_FACTOR_H
#define VITC_PASSES_GRAPH_FACTOR_H

#include "ir/ir.h"

bool pass_factor(Module *module, Diags *diags);

#endif
