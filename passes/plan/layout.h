/* Laying values out in one arena: best fit over its free blocks, in the order of the kernels that store them, or,
 * where that takes less, the largest first. The pass `memory` does it; those before it ask what it will come to. */
#ifndef VITC_PASSES_LAYOUT_H
#define VITC_PASSES_LAYOUT_H

#include "passes/plan/live.h"

/* The bytes of an arena that holds the values while they live, and, unless `offsets` is NULL, where each lies in it. */
int64_t layout_in_order(Arena *arena, const Lives *lives, int64_t *offsets);
/* The same, of two ways the one that takes less: what `memory` does. Its time is the square of the values, but for
 * huge graphs. */
int64_t layout_least(Arena *arena, const Lives *lives, int64_t *offsets);

/* The arena that `memory` would make of the plan, or of its kernels in another order. */
int64_t layout_bytes(const Func *func, const KernelOrder *order);

#endif
