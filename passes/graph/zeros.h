/* Pass `zeros`, behind autodiff: gradients of slices and gathers are zero but for a part; what is computed of them is
 * computed of that part alone (zeros.c). */
#ifndef VITC_PASSES_GRAPH_ZEROS_H
#define VITC_PASSES_GRAPH_ZEROS_H

#include "ir/ir.h"

bool pass_zeros(Module *module, Diags *diags);

#endif
