/* Predicting how much memory a graph will take once it is planned; for passes before `fuse`. */
#ifndef VITC_PASSES_PREDICT_H
#define VITC_PASSES_PREDICT_H

#include "ir/ir.h"

/* Bytes of a function's arena, states, inputs and outputs after `fuse`, `precision` and `schedule`, without
 * rematerialisation. `copy` has no plan yet; the passes are run on it, so it must be a copy (module_clone). */
int64_t predict_bytes(Module *copy, const char *function);

#endif
