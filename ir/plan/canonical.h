/* Which kernels are equal: a text of a kernel's nodes that is the same wherever the same code serves (operators,
 * attributes, types, which operands it computes itself, what is stored). Codegen compiles, and reports count, each text
 * once. */
#ifndef VITC_IR_CANONICAL_H
#define VITC_IR_CANONICAL_H

#include "ir/plan/plan.h"

/* Values of other kernels are told by their number among Kernel.reads. */
const char *kernel_canonical(Arena *arena, const Func *func, const Kernel *kernel);

/* Kernels that differ in where they read their outside values, such as in which image's rows, can share code: each
 * call is then given pointers that far on. Whether a kernel may be one: it slices, and nothing in it but addresses
 * depends on where it does. */
bool kernel_slices(const Func *func, const Kernel *kernel);
/* As kernel_canonical, but for where slices start. */
const char *kernel_pattern(Arena *arena, const Func *func, const Kernel *kernel);
/* Of two such kernels of one pattern: how many bytes further on b reads each of its reads than a does, in `shift` by
 * their numbers. False: there is not one distance for all that is read of a value. */
bool kernel_shift(const Func *func_a, const Kernel *a, const Func *func_b, const Kernel *b, int64_t *shift);

#endif
