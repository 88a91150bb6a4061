/* Kernels that can run block by block: whether the work of a kernel can be cut into n equal units (images, rows) so
 * that unit i of a value is computed from unit i of what the kernel reads. Where that holds for several kernels in a
 * row, they form a chain (Plan.chains): all of them run for a few units, then for the next ones, and what they pass to
 * each other stays in the cache. The pass `chain` decides by it, codegen cuts the loops by it. */
#ifndef VITC_IR_BLOCKS_H
#define VITC_IR_BLOCKS_H

#include "ir/plan/kernel.h"

typedef struct {
    const Func *func;
    const Kernel *kernel;
    int64_t n;
    int last;    /* loops 0..last, counted through as one, are cut into units */
    int64_t per; /* iterations of these loops in a unit */
} Cut;

/* The last of the fewest outermost loops whose extents' product is a multiple of n; -1: there are none. */
int domain_cut(const Domain *domain, int64_t n);

/* Whether the kernel's work can be cut into n units by its outermost loops (a product's: by its rows or matrices). */
bool kernel_cut(const Func *func, const Kernel *kernel, int64_t n, Cut *cut);
/* Whether unit i touches only the i-th of n equal parts of the value: of a value of the kernel it computes that part,
 * of any other it reads no more. */
bool cut_is_local(const Cut *cut, ValueId value);

#endif
