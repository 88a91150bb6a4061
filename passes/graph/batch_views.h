/* Pass `batch-views`: a network applied to several inputs becomes one application; see batch_views.c. */
#ifndef VITC_PASSES_GRAPH_BATCH_VIEWS_H
#define VITC_PASSES_GRAPH_BATCH_VIEWS_H

#include "ir/ir.h"

bool pass_batch_views(Module *module, Diags *diags);

#endif
