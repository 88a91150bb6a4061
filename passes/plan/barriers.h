/* Pass `barriers`, after `memory`: where threads wait, and for what (`barrier` and `after` of Kernel and PlaceCopy),
 * and which kernels and copies one thread runs alone (`single`, `lane`). */
#ifndef VITC_PASSES_BARRIERS_H
#define VITC_PASSES_BARRIERS_H

#include "ir/ir.h"

bool pass_barriers(Module *module, Diags *diags);

#endif
