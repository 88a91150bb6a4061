/* Pass `autodiff`: reverse mode over the graph; see autodiff.c. */
#ifndef VITC_PASSES_GRAPH_AUTODIFF_H
#define VITC_PASSES_GRAPH_AUTODIFF_H

#include "ir/ir.h"

bool pass_autodiff(Module *module, Diags *diags);

/* The gradients of the real scalar `loss` at n real values of the same function, as nodes behind its last: ordinary
 * operators, which have gradients themselves. out[i]: IR_NONE where the loss does not depend on x[i]. A loop that they
 * flow through is run once more, to keep what they need of it. False: an error is in the diags. */
bool autodiff_append(Func *func, ValueId loss, const ValueId *x, size_t n, ValueId *out, Diags *diags);

#endif
