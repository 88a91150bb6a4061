/* Gradient rules: for a node of the function being built, the gradients of its operands from that of its result. */
#ifndef VITC_PASSES_GRAPH_AUTODIFF_RULES_H
#define VITC_PASSES_GRAPH_AUTODIFF_RULES_H

#include "ir/ir.h"

typedef struct GradRule GradRule;
typedef void (*GradFn)(GradRule *rule);

struct GradRule {
    Func *func;
    const Node *node;
    ValueId y;        /* the node's value */
    const ValueId *x; /* its operands */
    ValueId dy;
    const bool *wanted;            /* of each operand: whether its gradient is needed */
    const struct SavedLoop *saved; /* of a loop: what it keeps for its gradient (autodiff_loop.h) */
    ValueId *dx;                   /* out: IR_NONE where there is none */
    Diags *diags;
    const GradFn *rules; /* of all operators: for the bodies of loops */
    bool failed;         /* out: an error is in the diags */
};

extern const GradFn GRAD_RULES[OP_COUNT]; /* NULL where no gradient flows */

/* autodiff_factor.c */
void grad_cholesky(GradRule *r);
void grad_solve(GradRule *r);
void grad_triangular_solve(GradRule *r);
void grad_eigh(GradRule *r);
void grad_svd(GradRule *r);

/* Short forms that rules are written with. Where several operands of a call would make nodes, all but one are named
 * before it: C leaves open which comes first, and numbers of nodes would depend on the compiler of this compiler. */
static inline const Type *type_of(const GradRule *r, ValueId id) {
    return func_type(r->func, id);
}
static inline ValueId number(const GradRule *r, double value) { /* of the result's type */
    return ir_constant(r->func, value, (DType)type_of(r, r->y)->dtype);
}
static inline ValueId add(const GradRule *r, ValueId a, ValueId b) {
    return ir_binary(r->func, OP_add, a, b);
}
static inline ValueId sub(const GradRule *r, ValueId a, ValueId b) {
    return ir_binary(r->func, OP_sub, a, b);
}
static inline ValueId mul(const GradRule *r, ValueId a, ValueId b) {
    return ir_binary(r->func, OP_mul, a, b);
}
static inline ValueId quotient(const GradRule *r, ValueId a, ValueId b) {
    return ir_binary(r->func, OP_div, a, b);
}
static inline ValueId scaled(const GradRule *r, ValueId a, double by) {
    return mul(r, a, number(r, by));
}
static inline ValueId shifted(const GradRule *r, ValueId a, double by) {
    return add(r, number(r, by), a);
}
static inline ValueId neg(const GradRule *r, ValueId a) {
    return ir_unary(r->func, OP_neg, a);
}

/* The rule of loops, autodiff_loop.c. */
void grad_loop(GradRule *rule);

#endif
