/* Pass `remat`, between `schedule` and `memory`: keeps @step within Module.memory_limit bytes of states, inputs,
 * outputs and arena by computing values again where they are next read, instead of keeping them. Without a limit it
 * does so with what is nearly free to compute again, if the arena is not small; see remat.c. */
#ifndef VITC_PASSES_REMAT_H
#define VITC_PASSES_REMAT_H

#include "ir/ir.h"

bool pass_remat(Module *module, Diags *diags);

/* Bytes of the states, and of the function's inputs and outputs: what a limit covers besides the arena. */
int64_t resident_bytes(const Func *func);

#endif
