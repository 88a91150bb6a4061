/* softmax(scale·q·kᵀ [+ bias])·v becomes one operator, before `autodiff`, which makes its gradient one too: the
 * probabilities are never stored. Only where q, k and v have one shape; probabilities that something else reads as well
 * are still made for it. */
#ifndef VITC_PASSES_GRAPH_ATTENTION_H
#define VITC_PASSES_GRAPH_ATTENTION_H

#include "ir/ir.h"

bool pass_attention(Module *module, Diags *diags);

#endif
