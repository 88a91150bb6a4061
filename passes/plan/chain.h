/* Pass `chain`, between `prologue` and `memory`: finds kernels each of which computes an image (or a row) from the same
 * image of the one before, and makes chains of them (Plan.chains), which run block by block so that the values between
 * them stay in the cache; see chain.c. */
#ifndef VITC_PASSES_CHAIN_H
#define VITC_PASSES_CHAIN_H

#include "ir/ir.h"

bool pass_chain(Module *module, Diags *diags);

/* The estimate by which a chain is made, in seconds of one thread. */
typedef struct {
    /* Bytes: the most that one of its kernels reads and writes of the chain's values in a block. */
    int64_t footprint;
    double saved, spent; /* saved: traffic to memory; spent: more calls, weights read again, uneven shares */
} ChainCost;
/* The estimates of func->plan's chains, in order, on the module's machine. The array is in `arena`. */
ChainCost *chain_costs(Arena *arena, const Func *func);

#endif
