/* Pass `remat`, between `schedule` and `prologue`: rematerialisation. It brings states, inputs, outputs and arena of
 * @step below Module.memory_limit bytes by computing values again before they are next read, instead of keeping them.
 * Without a limit it does so only with values that are nearly free to compute again; see remat.c. */
#ifndef VITC_PASSES_REMAT_H
#define VITC_PASSES_REMAT_H

#include "ir/ir.h"

bool pass_remat(Module *module, Diags *diags);

/* Bytes of all states and of the function's inputs and outputs: what a limit counts besides the arena. */
int64_t resident_bytes(const Func *func);

#endif
