/* Pass `demand`: see demand.c. */
#ifndef VITC_PASSES_GRAPH_DEMAND_H
#define VITC_PASSES_GRAPH_DEMAND_H

#include "ir/ir.h"

bool pass_demand(Module *module, Diags *diags);

#endif
