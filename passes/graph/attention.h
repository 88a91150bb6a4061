/* softmax(scale·q·kᵀ [+ bias])·v becomes one operator, before `autodiff`, which makes its gradient one too: the
 * probabilities are never stored. Not where a loss depends on the probabilities otherwise: then they are computed once
 * for all; or, where only some of their rows are read, as those of the first token, these rows by themselves. Nor where
 * there are so few queries that products and a softmax are faster. */
#ifndef VITC_PASSES_GRAPH_ATTENTION_H
#define VITC_PASSES_GRAPH_ATTENTION_H

#include "ir/ir.h"

bool pass_attention(Module *module, Diags *diags);

#endif
