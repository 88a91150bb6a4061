/* Pass `schedule`, between `precision` and `remat`: orders the kernels so that values live for a short time; see
 * schedule.c. */
#ifndef VITC_PASSES_SCHEDULE_H
#define VITC_PASSES_SCHEDULE_H

#include "ir/ir.h"

bool pass_schedule(Module *module, Diags *diags);

#endif
