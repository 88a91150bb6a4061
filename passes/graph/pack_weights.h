/* Pass `pack-weights`, before `fuse`: weights that products read are kept packed as these read them (Machine.panel), in
 * states derived from them, across steps; see pack_weights.c. Without a panel it does nothing. */
#ifndef VITC_PASSES_GRAPH_PACK_WEIGHTS_H
#define VITC_PASSES_GRAPH_PACK_WEIGHTS_H

#include "ir/ir.h"

/* Which weights are packed, by the rows M of the products [M, N] that read them. */
typedef struct {
    int64_t least_rows, most_rows;
    /* Instead of least_rows for a weight that the step changes and a single product reads in this orientation. */
    int64_t least_rows_of_one;
    /* Such a weight is packed only in the orientation that is read first, not transposed too. */
    bool one_way;
} PackLimits;

bool pack_weights(Module *module, const PackLimits *limits, Diags *diags);
bool pass_pack_weights(Module *module, Diags *diags);

#endif
