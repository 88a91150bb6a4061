/* Pass `memory`: gives the values between kernels offsets in one arena, and those that chains keep in blocks offsets in
 * the threads' blocks (layout.h); sets arena_bytes, block_bytes and laid_out of the plan. */
#ifndef VITC_PASSES_MEMORY_H
#define VITC_PASSES_MEMORY_H

#include "ir/ir.h"

bool pass_memory(Module *module, Diags *diags);

#endif
