/* Pass `autodiff`: reverse mode over the graph; see autodiff.c. */
#ifndef VITC_PASSES_GRAPH_AUTODIFF_H
#define VITC_PASSES_GRAPH_AUTODIFF_H

#include "ir/ir.h"

bool pass_autodiff(Module *module, Diags *diags);

#endif
