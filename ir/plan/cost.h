/* What kernels cost, estimated from their nodes: nothing is timed. */
#ifndef VITC_IR_COST_H
#define VITC_IR_COST_H

#include "ir/plan/plan.h"

typedef struct {
    double flops;
    double bytes;  /* moved to and from memory: each value stored, and each loaded, counted once */
    ValueId named; /* the node it is named after: its product or reduction, else its last */
} KernelCost;

KernelCost kernel_cost(const Func *func, const Kernel *kernel);

/* "matmul f32[520x768] blocks.0.mlp.fc1"; without a scope, the place in the recipe. */
const char *kernel_name(Arena *arena, const Func *func, ValueId named);
/* Where a node comes from: its scope, else "(optimizers.yaml:9)", else "". */
const char *node_origin(Arena *arena, const Func *func, ValueId id);

#endif
