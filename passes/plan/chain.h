/* Pass `chain`, between `remat` and `memory`: finds kernels that hand values to each other image by image, or row by
 * row, and has them run block by block, so that what one makes the next finds in the cache; see chain.c. */
#ifndef VITC_PASSES_CHAIN_H
#define VITC_PASSES_CHAIN_H

#include "ir/ir.h"

bool pass_chain(Module *module, Diags *diags);

/* What a chain is thought to save and to cost, in seconds of one thread: it is made if that is worth it. */
typedef struct {
    int64_t footprint; /* bytes: the most that a kernel of it touches of what it hands on, in one block */
    double saved, spent;
} ChainCost;
/* Of the function's chains, in order, on the module's machine; in the arena. */
ChainCost *chain_costs(Arena *arena, const Func *func);

#endif
