/* Which kernels are equal: a text of a kernel's nodes that is the same wherever the same code serves (operators, attributes,
 * types, which operands are local, what is stored). Codegen compiles, and reports count, each text once. */
#ifndef VITC_IR_CANONICAL_H
#define VITC_IR_CANONICAL_H

#include "ir/place.h"

/* The kernel's outside values in order of first use. */
typedef struct {
    ValueId *values;
    size_t count, capacity;
} Outside;

/* The number of a value, which becomes one of them if it is not. */
uint32_t outside_number(Arena *arena, Outside *outside, ValueId value);

/* `outside` starts empty. */
const char *kernel_canonical(Arena *arena, const Func *func, const Placement *placement,
                             const ClusterSpan *span, Outside *outside);

#endif
