/* Which nodes of a kernel must run again to compute one of its values, and whether the value then has the same bits. */
#ifndef VITC_PASSES_REMAT_SLICE_H
#define VITC_PASSES_REMAT_SLICE_H

#include "passes/plan/remat_runs.h"

/* A value of the same kernel that is loaded instead of computed, since it is still in memory, itself or as bf16. */
typedef struct {
    ValueId at, stored; /* `stored` is `at`, or a cast of it */
} Stop;

typedef struct {
    bool *part;       /* by node of the kernel, from its first: whether it runs */
    ValueId *outside; /* what these read of other kernels, states and inputs; each once */
    size_t n_outside, outside_capacity;
    Stop *stops;
    size_t n_stops, stops_capacity;
} Slice;

/* What running a kernel again depends on. */
const Nature *remat_nature(Remat *r, uint32_t kernel_number);
/* The nodes of its kernel that `value` needs before run `before`, where other values that the kernel stored and that
 * are live then are loaded. In the arena. */
Slice remat_slice(const Remat *r, Arena *arena, ValueId value, uint32_t before);
void remat_add_outside(Arena *arena, Slice *slice, ValueId value);
/* Whether the slice is elementwise, and gives the same bits without the rest of its kernel. */
bool remat_is_separable(Remat *r, const Slice *slice, ValueId value);

#endif
