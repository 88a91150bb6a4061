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

/* The lives of the arena's values, in the order of the plan. The kernels of a chain run interleaved: what one of them
 * stores or loads lives during the whole chain. All that is returned lies in `arena`. */
Lives func_lives(Arena *arena, const Func *func);
/* The lives of a chain's block values (PLACE_BLOCK): born and died count from the chain's first kernel, bytes are those
 * of one block. */
Lives chain_lives(Arena *arena, const Func *func, const Chain *chain);

/* Another order of a plan's kernels, for predictions: the plan is not changed. */
typedef struct {
    const uint32_t *at;  /* by kernel: its position; kernels of equal position count as merged into one */
    uint32_t n;          /* positions */
    const Chain *chains; /* of positions */
    size_t n_chains;
    const bool *in_blocks; /* by value: whether it would lie in blocks; NULL: none */
} KernelOrder;
/* The lives that values would have in that order: born and died are positions. */
Lives order_lives(Arena *arena, const Func *func, const KernelOrder *order);

#endif
