/* Pass `schedule`, between `precision` and `memory`: orders the kernels so that values live short. */
#ifndef VITC_PASSES_SCHEDULE_H
#define VITC_PASSES_SCHEDULE_H

#include "ir/ir.h"

bool pass_schedule(Module *module, Diags *diags);

#endif
