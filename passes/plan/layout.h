/* Laying values out in one arena: best fit over its free blocks, in the order of the kernels that store them, or,
 * where that takes less, the largest first. The pass `memory` does it; passes before it call layout_bytes to
 * predict the size. */
#ifndef VITC_PASSES_LAYOUT_H
#define VITC_PASSES_LAYOUT_H

#include "passes/plan/live.h"

/* Best fit in order of birth. Returns the bytes of the arena; offsets[i], unless NULL, becomes the offset of
 * lives->of[i]. `arena` is for temporary memory. */
int64_t layout_in_order(Arena *arena, const Lives *lives, int64_t *offsets);
/* The better of that and "largest first"; what `memory` does. Largest first takes time quadratic in the number of
 * values and is not tried for very many. */
int64_t layout_least(Arena *arena, const Lives *lives, int64_t *offsets);

/* Bytes of the arena that `memory` would make of the plan, or, unless NULL, of its kernels in another order. */
int64_t layout_bytes(const Func *func, const KernelOrder *order);

/* The bytes behind the arena that the loop takes with the most: what it carries, and its body (plan_room). */
int64_t layout_loops(const Func *func);

#endif
