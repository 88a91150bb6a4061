/* What a graph will come to once it is planned: for passes before `fuse` that weigh memory. */
#ifndef VITC_PASSES_PREDICT_H
#define VITC_PASSES_PREDICT_H

#include "ir/ir.h"

/* Bytes that a function takes, its arena with states, inputs and outputs, if its kernels are as `fuse`, `precision` and
 * `schedule` make them and nothing is computed again. The module, without kernels, gets them: it is a copy. */
int64_t predict_bytes(Module *copy, const char *function);

#endif
