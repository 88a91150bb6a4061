/* Pass `barriers`, after `memory`: where the team of threads meets (Kernel.barrier, PlaceCopy.barrier), and which
 * calls are of one thread. */
#ifndef VITC_PASSES_BARRIERS_H
#define VITC_PASSES_BARRIERS_H

#include "ir/ir.h"

bool pass_barriers(Module *module, Diags *diags);

#endif
