/* When the values of a function's arena live: from the kernel that stores each to the last that loads it. The pass `memory`
 * lays them out by this; reports show it. */
#ifndef VITC_PASSES_LIVE_H
#define VITC_PASSES_LIVE_H

#include "ir/plan/place.h"

enum { ARENA_ALIGN = 64 }; /* of values in the function's arena */

typedef struct {
    ValueId value;
    uint32_t born,
        died; /* first and last kernel: spans of the placement; outputs and updates live to the last one */
    int64_t bytes; /* a multiple of ARENA_ALIGN */
} Life;

typedef struct {
    Life *of; /* in order of birth */
    size_t count;
    size_t n_kernels;
    int64_t *live; /* bytes live while each kernel runs: no plan takes less than the most */
} Lives;

/* Kernels of a chain all run until the last block is done: what one of them stores or loads lives as long as the chain. */
Lives func_lives(Arena *arena, const Func *func, const Placement *placement);
/* The local values of a chain, in one block: kernels are counted from the chain's first, bytes are a block's. */
Lives chain_lives(Arena *arena, const Func *func, const Placement *placement, const Chain *chain);

#endif
