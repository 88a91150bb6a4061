/* Symmetry of values: see symmetry.h. Two values are compared operator by operator, each with what must be its
 * transpose; nothing is computed. */
#include "passes/graph/symmetry.h"

enum { MOST_STEPS = 256 }; /* pairs of values that are compared for one question */

typedef struct {
    const Func *func;
    int steps;
} Compare;

/* Whether y is x with its last two axes exchanged. A vector [N] counts as one row [1, N], a scalar as [1, 1]. */
static bool transposed(Compare *c, ValueId x, ValueId y);

/* The size of an axis, counted from the last. */
static int64_t size_from_back(const Type *type, int k) {
    return k < type->rank ? type->dim[type->rank - 1 - k] : 1;
}

static bool sizes_swap(const Type *x, const Type *y) {
    int rank = x->rank > y->rank ? x->rank : y->rank;
    if (x->dtype != y->dtype || size_from_back(x, 0) != size_from_back(y, 1) ||
        size_from_back(x, 1) != size_from_back(y, 0))
        return false;
    for (int k = 2; k < rank; k++)
        if (size_from_back(x, k) != size_from_back(y, k)) return false;
    return true;
}

static bool is_vector(const Type *type) {
    return size_from_back(type, 0) == 1 || size_from_back(type, 1) == 1;
}

/* What has the same elements in the same order. */
static ValueId without_reshapes(const Func *func, ValueId x) {
    while (func_node(func, x)->op == OP_reshape) x = func_node(func, x)->operands[0];
    return x;
}

/* Row and column: the same elements in the same order. A sum that keeps its axes has those of one that does not. */
static bool same_elements(const Func *func, ValueId x, ValueId y) {
    x = without_reshapes(func, x);
    y = without_reshapes(func, y);
    const Node *a = func_node(func, x), *b = func_node(func, y);
    if (x == y) return true;
    if (a->op != b->op || !op_is_reduce(a->op) || a->operands[0] != b->operands[0]) return false;
    return attr_equal(ATTR_INTS, &reduce_attrs(a)->axes_slot, &reduce_attrs(b)->axes_slot);
}

static bool swaps_last_axes(const Node *node) {
    int n = node->type.rank;
    if (node->op != OP_transpose || n < 2) return false;
    for (int k = 0; k < n - 2; k++)
        if (transpose_attrs(node)->perm.v[k] != k) return false;
    return transpose_attrs(node)->perm.v[n - 1] == n - 2;
}

static bool same_attrs(const Node *a, const Node *b) {
    const OpInfo *info = op_info((OpKind)a->op);
    for (int i = 0; i < info->n_attrs; i++)
        if (!attr_equal(info->attrs[i].kind, &a->attrs[i], &b->attrs[i])) return false;
    return true;
}

static bool operands_transposed(Compare *c, const Node *a, const Node *b) {
    bool all = true;
    if (!same_attrs(a, b) || a->n_operands != b->n_operands) return false;
    for (int o = 0; all && o < a->n_operands; o++) all = transposed(c, a->operands[o], b->operands[o]);
    if (all || !op_has((OpKind)a->op, TRAIT_COMMUTES)) return all;
    return transposed(c, a->operands[0], b->operands[1]) && transposed(c, a->operands[1], b->operands[0]);
}

/* (a·b)ᵀ = bᵀ·aᵀ */
static bool products_transposed(const Node *a, const Node *b) {
    const MatmulAttrs *x = matmul_attrs(a), *y = matmul_attrs(b);
    return !x->panel && !y->panel && x->precision == y->precision && a->operands[0] == b->operands[1] &&
           a->operands[1] == b->operands[0] && x->ta != y->tb && x->tb != y->ta;
}

/* Indices along a leading axis, or along the last axis of one and the last but one of the other. */
static bool indices_transposed(const Node *a, const Node *b) {
    int x = a->type.rank - axis_from_front(iota_attrs(a)->axis, a->type.rank),
        y = b->type.rank - axis_from_front(iota_attrs(b)->axis, b->type.rank);
    return x > 2 ? x == y : x + y == 3;
}

static bool transposed(Compare *c, ValueId x, ValueId y) {
    const Func *func = c->func;
    const Node *a = func_node(func, x), *b = func_node(func, y);
    if (c->steps++ > MOST_STEPS || !sizes_swap(&a->type, &b->type)) return false;
    if (is_vector(&a->type) && same_elements(func, x, y)) return true;
    if (swaps_last_axes(a) && a->operands[0] == y) return true;
    if (swaps_last_axes(b) && b->operands[0] == x) return true;
    if (a->op != b->op) return false;
    if (op_info((OpKind)a->op)->loop == LOOP_ELEMENTWISE && op_is_pure((OpKind)a->op))
        return operands_transposed(c, a, b);
    switch ((OpKind)a->op) {
    case OP_constant: return constant_attrs(a)->value == constant_attrs(b)->value;
    case OP_iota: return indices_transposed(a, b);
    case OP_broadcast: return transposed(c, a->operands[0], b->operands[0]);
    case OP_matmul: return products_transposed(a, b);
    default: return false;
    }
}

bool is_symmetric(const Func *func, ValueId x) {
    return func_type(func, x)->rank >= 2 && transposed(&(Compare){.func = func}, x, x);
}
