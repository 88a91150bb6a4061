/* The local rules of `simplify`, and what they are written with: nodes are made by simplify_make, so that whatever a
 * rule makes is simplified and merged with its equals in turn. */
#ifndef VITC_PASSES_GRAPH_ALGEBRA_H
#define VITC_PASSES_GRAPH_ALGEBRA_H

#include "passes/graph/simplifier.h"

#include <string.h>

/* What `node` (its operands values of s->func) can be replaced by, or IR_NONE. */
ValueId algebra_apply(Simplify *s, const Node *node);

/* A rule is asked for nodes of its operator; IR_NONE: it does not apply. Rules of one operator are tried in order,
 * those of algebra.c before those of other files. */
typedef struct {
    OpKind op;
    ValueId (*apply)(Simplify *s, const Node *node);
} AlgebraRule;
extern const AlgebraRule MASK_RULES[], MOVE_RULES[], PRODUCT_RULES[], ROW_RULES[];
extern const size_t MASK_RULE_COUNT, MOVE_RULE_COUNT, PRODUCT_RULE_COUNT, ROW_RULE_COUNT;

/* ---- what rules are written with --------------------------------------------------------------------------------- */

/* What a rule returns, with its words: "x + 0 = x". */
static inline ValueId by(Simplify *s, const char *rule, ValueId value) {
    s->rule = rule;
    return value;
}

static inline const Node *at(const Simplify *s, ValueId id) {
    return func_node(s->func, id);
}

static inline bool is_op(const Simplify *s, ValueId id, OpKind op) {
    return at(s, id)->op == op;
}

static inline ValueId X(const Simplify *s, ValueId id, int o) {
    return at(s, id)->operands[o];
}

static inline ValueId unary(Simplify *s, OpKind op, ValueId x) {
    return simplify_make(s, op, &x, 1, NULL);
}

static inline ValueId binary(Simplify *s, OpKind op, ValueId a, ValueId b) {
    return simplify_make(s, op, (ValueId[]){a, b}, 2, NULL);
}

static inline ValueId constant(Simplify *s, double value, DType dtype) {
    return simplify_make(s, OP_constant, NULL, 0, &(ConstantAttrs){.value = value, .dtype = dtype});
}

static inline Ints ints(int n, const int64_t *v) {
    Ints ints = {.n = n};
    if (n > 0) memcpy(ints.v, v, sizeof *v * (size_t)n);
    return ints;
}

static inline ValueId reshape_to(Simplify *s, ValueId x, int rank, const int64_t *dim) {
    return simplify_make(s, OP_reshape, &x, 1, &(ShapeAttrs){.shape = ints(rank, dim)});
}

static inline ValueId broadcast_to(Simplify *s, ValueId x, const Type *type) {
    return simplify_make(s, OP_broadcast, &x, 1, &(ShapeAttrs){.shape = ints(type->rank, type->dim)});
}

static inline ValueId filled(Simplify *s, double value, const Type *type) {
    return broadcast_to(s, constant(s, value, (DType)type->dtype), type);
}

/* Whether every element of a value is one constant. */
static inline bool is_filled(const Simplify *s, ValueId id, double *value) {
    if (is_op(s, id, OP_broadcast)) id = X(s, id, 0);
    if (!is_op(s, id, OP_constant)) return false;
    *value = constant_attrs(at(s, id))->value;
    return true;
}

static inline bool is_number(const Simplify *s, ValueId id, double number) {
    double value;
    return is_filled(s, id, &value) && value == number;
}

/* x in the type of the node it stands for. */
static inline ValueId in_type_of(Simplify *s, const Node *node, ValueId x) {
    return broadcast_to(s, x, &node->type);
}

/* What a value is broadcast from: by `broadcast`, or by a reshape that only puts axes of size 1 in front. */
static inline ValueId broadcast_base(const Simplify *s, ValueId x) {
    if (is_op(s, x, OP_broadcast)) return X(s, x, 0);
    if (!is_op(s, x, OP_reshape)) return x;
    const Type *type = func_type(s->func, x), *base = func_type(s->func, X(s, x, 0));
    int shift = type->rank - base->rank;
    bool in_front = shift >= 0 && memcmp(type->dim + shift, base->dim, sizeof *base->dim * base->rank) == 0;
    return in_front ? X(s, x, 0) : x; /* the sizes' product tells that what is in front is 1 */
}

#endif
