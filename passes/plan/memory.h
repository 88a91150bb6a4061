/* Pass `memory`: offsets into one arena for the values that kernels hand to each other, and into a thread's block
 * for those of chains. */
#ifndef VITC_PASSES_MEMORY_H
#define VITC_PASSES_MEMORY_H

#include "ir/ir.h"

bool pass_memory(Module *module, Diags *diags);

#endif
