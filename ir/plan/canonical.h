/* Which kernels are equal: a text of a kernel's nodes that is the same wherever the same code serves (operators,
 * attributes, types, which operands it computes itself, what is stored). Codegen compiles, and reports count, each text
 * once. */
#ifndef VITC_IR_CANONICAL_H
#define VITC_IR_CANONICAL_H

#include "ir/plan/plan.h"

/* Of one kernel, in the arena. Operands from other kernels are named by their position in Kernel.reads. */
const char *kernel_canonical(Arena *arena, const Func *func, const Kernel *kernel);

/* Kernels that differ only in the start of slices of what they read (the rows of one image or of another) can share
 * code too: a call then passes pointers moved by the difference. Whether a kernel may be one of these: it has slices,
 * and their starts matter to nothing but addresses. */
bool kernel_slices(const Func *func, const Kernel *kernel);
/* As kernel_canonical, without the starts of slices. */
const char *kernel_pattern(Arena *arena, const Func *func, const Kernel *kernel);
/* For two such kernels with equal patterns: shift[i] becomes the number of bytes by which b reads its reads[i] further
 * on than a reads its own. False: some value is read at several places, with different distances. */
bool kernel_shift(const Func *func_a, const Kernel *a, const Func *func_b, const Kernel *b, int64_t *shift);

#endif
