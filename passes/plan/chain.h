/* Pass `chain`, between `remat` and `memory`: finds kernels that hand values to each other image by image, or row by row, and has
 * them run block by block, so that what one makes the next finds in the cache; see chain.c. */
#ifndef VITC_PASSES_CHAIN_H
#define VITC_PASSES_CHAIN_H

#include "ir/ir.h"

bool pass_chain(Module *module, Diags *diags);

/* What the costs of chains are reckoned with, of one thread. */
typedef struct {
    double compute; /* FLOPs a second */
    double memory;  /* bytes a second between its own cache and memory */
    double shared;  /* and from the cache that all share */
    double
        pack; /* elements of a product's second operand a second that it lays out for the product, once a block */
    double call; /* seconds */
} ChainRates;
void chain_module(Module *module, const ChainRates *rates); /* the pass, at other rates */

/* What a chain is thought to save and to cost, in seconds of one thread: it is made if that is worth it. */
typedef struct {
    int64_t footprint; /* bytes: the most that a kernel of it touches of what it hands on, in one block */
    double saved, spent;
} ChainCost;
/* Of the function's chains, in order, at the usual rates; in the arena. */
ChainCost *chain_costs(Arena *arena, const Func *func);

#endif
