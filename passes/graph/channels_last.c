/* Images in the order [B, H, W, C]: twins of values [B, C, H, W]; see windows.h. What is computed element by element
 * from a value with a twin is computed from the twin, and transposed: so the transposition goes on to its readers,
 * where it meets that of the next convolution. */
#include "passes/graph/windows_parts.h"

#include <string.h>

const int64_t TO_LAST[4] = {0, 2, 3, 1}, TO_FIRST[4] = {0, 3, 1, 2};

static ValueId twin_of(const Windows *w, ValueId x) {
    return x < w->n_twins ? w->twins[x] : IR_NONE;
}

ValueId with_twin(Windows *w, ValueId twin) {
    ValueId x = ir_transpose(w->func, twin, TO_FIRST);
    while (w->n_twins <= x) ARENA_PUSH(w->arena, w->twins, w->n_twins, w->twins_capacity, IR_NONE);
    w->twins[x] = twin;
    w->any = true;
    return x;
}

static bool transposes(const Node *node, const int64_t *perm, int n) {
    return node->op == OP_transpose && node->type.rank == n &&
           memcmp(transpose_attrs(node)->perm.v, perm, sizeof *perm * (size_t)n) == 0;
}

ValueId channels_last(Windows *w, ValueId x) {
    const Node *node = func_node(w->func, x);
    ValueId twin = twin_of(w, x);
    if (twin != IR_NONE) return twin;
    if (transposes(node, TO_FIRST, 4)) return node->operands[0];
    if (node->op == OP_reshape) { /* of tokens [B, N, C], turned to [B, C, N] */
        const Node *turned = func_node(w->func, node->operands[0]);
        const int64_t *dim = node->type.dim;
        if (transposes(turned, (int64_t[]){0, 2, 1}, 3) && turned->type.dim[0] == dim[0] &&
            turned->type.dim[1] == dim[1])
            return ir_reshape(w->func, turned->operands[0], 4, (int64_t[]){dim[0], dim[2], dim[3], dim[1]});
    }
    return ir_transpose(w->func, x, TO_LAST);
}

bool lies_channels_first(const Windows *w, ValueId x) {
    return twin_of(w, x) == IR_NONE && !transposes(func_node(w->func, x), TO_FIRST, 4);
}

/* ---- values computed from those with twins ----------------------------------------------------------------------- */

/* An operand that broadcasts to [B, C, H, W], in the order of the twin. IR_NONE: it has too many axes. */
static ValueId operand_last(Windows *w, ValueId x) {
    const Type type = *func_type(w->func, x);
    int64_t shape[] = {1, 1, 1, 1};
    if (type.rank > 4) return IR_NONE;
    if (type_elements(&type) == 1) return x;
    for (int k = 0; k < type.rank; k++) shape[4 - type.rank + k] = type.dim[k];
    return channels_last(w, ir_reshape(w->func, x, 4, shape));
}

static ValueId elementwise_last(Windows *w, const Node *node, const ValueId *x) {
    ValueId twins[ELEMENTWISE_MAX];
    bool any = false;
    if (node->type.rank != 4) return IR_NONE;
    for (int o = 0; o < node->n_operands; o++)
        any = any || (twin_of(w, x[o]) != IR_NONE && type_elements(func_type(w->func, x[o])) > 1);
    if (!any) return IR_NONE;
    for (int o = 0; o < node->n_operands; o++)
        if ((twins[o] = operand_last(w, x[o])) == IR_NONE) return IR_NONE;
    ValueId y = func_emit(w->func, (OpKind)node->op, twins, node->n_operands, node->attrs);
    return func_type(w->func, y)->rank == 4 ? with_twin(w, y) : IR_NONE;
}

/* Over axes of [B, C, H, W]: the result keeps the order of those that are left, unless channels are left beside rows or
 * columns. */
static ValueId reduce_last(Windows *w, const Node *node, const ValueId *x) {
    static const int64_t PLACES[] = {0, 3, 1, 2}; /* of each axis in the twin */
    ReduceAttrs attrs = *reduce_attrs(node);
    ValueId twin = twin_of(w, x[0]);
    bool left[] = {true, true, true, true};
    if (twin == IR_NONE) return IR_NONE;
    for (int i = 0; i < attrs.axes.n; i++) {
        left[attrs.axes.v[i]] = false;
        attrs.axes.v[i] = PLACES[attrs.axes.v[i]];
    }
    if (!attrs.keep && left[1] && (left[2] || left[3])) return IR_NONE;
    ValueId y = func_emit(w->func, (OpKind)node->op, &twin, 1, &attrs);
    return attrs.keep ? with_twin(w, y) : y;
}

ValueId in_twins(Windows *w, const Node *node, const ValueId *x) {
    if (!w->any) return IR_NONE;
    if (op_info((OpKind)node->op)->loop == LOOP_ELEMENTWISE) return elementwise_last(w, node, x);
    return op_is_reduce((OpKind)node->op) ? reduce_last(w, node, x) : IR_NONE;
}
