/* Pass `pack-weights`, before `fuse`: weights that products read are kept packed as these read them (Machine.panel), in
 * states derived from them, across steps; see pack_weights.c. Without a panel it does nothing. */
#ifndef VITC_PASSES_GRAPH_PACK_WEIGHTS_H
#define VITC_PASSES_GRAPH_PACK_WEIGHTS_H

#include "ir/ir.h"

/* Rows of products whose weights are packed. */
typedef struct {
    int64_t least_rows, most_rows;
    /* where a single product of the step reads the weight so, and the step changes it */
    int64_t least_rows_of_one;
    /* such a weight is packed as it is read first, not once more turned: that saves least for its memory */
    bool one_way;
} PackLimits;

bool pack_weights(Module *module, const PackLimits *limits, Diags *diags);
bool pass_pack_weights(Module *module, Diags *diags);

#endif
