/* Which kernels are equal: a text of a kernel's nodes that is the same wherever the same code serves (operators, attributes,
 * types, which operands are local, what is stored). Codegen compiles, and reports count, each text once. */
#ifndef VITC_IR_CANONICAL_H
#define VITC_IR_CANONICAL_H

#include "ir/plan/place.h"

/* What a kernel is called with: its outside values in order of first use, and its literals in order. */
typedef struct {
    ValueId *values;
    size_t count, capacity;
    float *literals;
    size_t n_literals, literals_capacity;
} Outside;

/* A constant that equal kernels may differ in (the rates of drop path, by depth): an argument of the code. Whole numbers
 * and powers of two, which code can profit from, are part of it. */
bool node_is_literal(const Node *node);

/* The number of a value, which becomes one of them if it is not. */
uint32_t outside_number(Arena *arena, Outside *outside, ValueId value);

/* `outside` starts empty. */
const char *kernel_canonical(Arena *arena, const Func *func, const Placement *placement,
                             const ClusterSpan *span, Outside *outside);

/* Kernels that differ in where they read their outside values, such as in which image's rows, can share code: each call is then given
 * pointers that far on. Whether a span may be one: it slices, and nothing in it but addresses depends on where it does. */
bool span_slices(const Func *func, const ClusterSpan *span);
/* As kernel_canonical, but for where slices start. */
const char *kernel_pattern(Arena *arena, const Func *func, const Placement *placement,
                           const ClusterSpan *span, Outside *outside);
/* Of two such spans of one pattern: how many bytes further on b reads each of its outside values than a does, in `shift` by their
 * numbers. False: there is not one distance for all that is read of a value. */
bool kernel_shift(Arena *arena, const Func *func_a, const ClusterSpan *a, const Func *func_b,
                  const ClusterSpan *b, Outside *outside_b, int64_t *shift);

#endif
