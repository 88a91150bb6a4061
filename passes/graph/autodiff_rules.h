/* Gradient rules: for a node of the function being built, the gradients of its operands from that of its result. */
#ifndef VITC_PASSES_GRAPH_AUTODIFF_RULES_H
#define VITC_PASSES_GRAPH_AUTODIFF_RULES_H

#include "ir/ir.h"

typedef struct {
    Func *func;
    const Node *node;
    ValueId y;        /* the node's value */
    const ValueId *x; /* its operands */
    ValueId dy;
    const bool *wanted; /* of each operand: whether its gradient is needed */
    ValueId *dx;        /* out: IR_NONE where there is none */
} GradRule;

typedef void (*GradFn)(GradRule *rule);
extern const GradFn GRAD_RULES[OP_COUNT]; /* NULL where no gradient flows */

#endif
