/* Kernels that run block by block: whether a kernel's work consists of n equal units so that unit i touches nothing
 * but the i-th of n equal parts of a value. Kernels for which this holds along a chain (Plan.chains) can be run one
 * after another for a block of images or rows, while what they hand on is in the cache. The pass `chain` decides by
 * it, codegen cuts by it. */
#ifndef VITC_IR_BLOCKS_H
#define VITC_IR_BLOCKS_H

#include "ir/plan/kernel.h"

typedef struct {
    const Func *func;
    const Kernel *kernel;
    int64_t n;
    int last;    /* the loops 0..last, run through in order, are what is cut */
    int64_t per; /* of their rounds in each unit */
} Cut;

/* The last of the leading loops that are to be cut into n units; -1: they cannot be. */
int domain_cut(const Domain *domain, int64_t n);

/* Whether the kernel's work can be cut into n units by its outermost loops (a product's: by its rows or matrices). */
bool kernel_cut(const Func *func, const Kernel *kernel, int64_t n, Cut *cut);
/* Whether unit i reads, and if the kernel computes it writes, only the i-th part of the value's elements. */
bool cut_keeps(const Cut *cut, ValueId value);

#endif
