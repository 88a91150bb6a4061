/* Pass `autodiff`: reverse mode over the graph; see autodiff.c. */
#ifndef VITC_PASSES_GRAPH_AUTODIFF_H
#define VITC_PASSES_GRAPH_AUTODIFF_H

#include "ir/ir.h"

/* Whether a gradient flows from `loss` to `leaf`: on some path between them every value is real and every operator has
 * a gradient. */
bool autodiff_reaches(const Func *func, ValueId loss, ValueId leaf);

bool pass_autodiff(Module *module, Diags *diags);

#endif
