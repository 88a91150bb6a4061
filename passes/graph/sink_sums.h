/* Pass `sink-sums`, before autodiff: a sum over rows of a product is the product of a sum of rows; see sink_sums.c. */
#ifndef VITC_PASSES_GRAPH_SINK_SUMS_H
#define VITC_PASSES_GRAPH_SINK_SUMS_H

#include "ir/ir.h"

bool pass_sink_sums(Module *module, Diags *diags);

#endif
