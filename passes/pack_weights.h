/* Pass `pack-weights`, before `fuse`: weights that products read are kept packed as these read them (Module.panel), in states derived
 * from them, across steps; see pack_weights.c. Without a panel it does nothing. */
#ifndef VITC_PASSES_PACK_WEIGHTS_H
#define VITC_PASSES_PACK_WEIGHTS_H

#include "ir/ir.h"

bool pass_pack_weights(Module *module, Diags *diags);

#endif
