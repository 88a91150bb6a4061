/* What the reverse sweep (autodiff.c) hands to the rules of operators (autodiff_rules.c). */
#ifndef VITC_PASSES_AUTODIFF_H
#define VITC_PASSES_AUTODIFF_H

#include "ir/ir.h"

/* One node on the way back. A rule emits dx[o] for the operands it differentiates, each of the type of its operand,
 * and leaves IR_NONE elsewhere; those that are not wanted are dropped again by `simplify`, save where making one is
 * needless work (wants). */
typedef struct {
    Func *func;
    Node node;     /* a copy: emission may move the function's nodes */
    ValueId value; /* what the node computed */
    ValueId dy;    /* the gradient of the loss with respect to it */
    const bool *wants;
    ValueId *dx;
} Backward;

/* Whether any gradient flows through the operator. */
bool op_has_gradient(OpKind op);
/* Applies the operator's rule. */
void backward_node(Backward *backward);
/* A value of the given type whose elements are all `value`. */
ValueId emit_filled(Func *func, double value, const Type *type);

#endif
