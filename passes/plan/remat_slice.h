/* What of a kernel runs again to make one of its values, so that the value has the same bits. */
#ifndef VITC_PASSES_REMAT_SLICE_H
#define VITC_PASSES_REMAT_SLICE_H

#include "passes/plan/remat_runs.h"

/* Where the part of a run ends: at a value of the same kernel that is in memory, itself or rounded. */
typedef struct {
    ValueId at, stored; /* `stored` is `at`, or a cast of it */
} Stop;

typedef struct {
    bool *part;
    ValueId *outside; /* values of other kernels, states and inputs; each once */
    size_t n_outside, outside_capacity;
    Stop *stops;
    size_t n_stops, stops_capacity;
} Slice;

/* Of kernel number s. */
const Nature *remat_nature(Remat *r, uint32_t s);
/* The nodes of its kernel that `value` needs, when what else the kernel stored and still lives is loaded. */
Slice remat_slice(const Remat *r, Arena *arena, ValueId value, uint32_t before);
void remat_add_outside(Arena *arena, Slice *slice, ValueId value);
/* Whether the slice is elementwise, and keeps its bits apart from the rest of its kernel. */
bool remat_is_separable(Remat *r, const Slice *slice, ValueId value);

#endif
