/* When the values of a function's arena live: from the kernel that stores each to the last that loads it. The pass
 * `memory` lays them out by this; passes that order kernels predict with it what the arena will take; reports show
 * it. */
#ifndef VITC_PASSES_LIVE_H
#define VITC_PASSES_LIVE_H

#include "ir/plan/plan.h"

enum { ARENA_ALIGN = 64 }; /* of values in the function's arena */

typedef struct {
    ValueId value;
    uint32_t born, died; /* first and last kernel; outputs and updates live to the last one */
    int64_t bytes;       /* a multiple of ARENA_ALIGN */
} Life;

typedef struct {
    Life *of; /* in order of birth */
    size_t count;
    size_t n_kernels;
    int64_t *live; /* bytes live while each kernel runs: no layout takes less than the most */
} Lives;

/* Kernels of a chain all run until the last block is done: what one of them stores or loads lives as long as the
 * chain. */
Lives func_lives(Arena *arena, const Func *func);
/* The block values of a chain, in one block: kernels are counted from the chain's first, bytes are a block's. */
Lives chain_lives(Arena *arena, const Func *func, const Chain *chain);

/* An order that the kernels of a plan may be brought into; nothing is rewritten yet. */
typedef struct {
    const uint32_t
        *at;    /* of each kernel: its turn; kernels of one turn would become one, in the order of the plan */
    uint32_t n; /* turns */
    const Chain *chains; /* of turns */
    size_t n_chains;
    const bool *in_blocks; /* of values: to be block values of their chain; NULL: none */
} KernelOrder;
/* The lives that values would have: born and died are turns. */
Lives order_lives(Arena *arena, const Func *func, const KernelOrder *order);

#endif
