/* Reductions in the two forms that kernels know: over trailing axes (a row each), or over one middle axis of
 * [outer, R, inner]. Others become chains of these. A long reduction with few results is cut into chunks
 * first, so that threads share it; how it is cut depends on shapes alone, hence so does the order of
 * summation. */
#include "ir/ir.h"
#include "ir/remarks.h"
#include "passes/graph/reductions.h"

enum { LONG_REDUCTION = 1024, MIN_CHUNK = 32, MAX_CHUNKS = 64, ENOUGH_RESULTS = 64, MAX_WALK = 64 };

/* The number of chunks for R elements: its largest divisor up to MAX_CHUNKS that leaves chunks long enough.
 */
static int64_t chunks_of(int64_t r) {
    if (r < LONG_REDUCTION) return 1;
    for (int64_t n = MAX_CHUNKS; n > 1; n--)
        if (r % n == 0 && r / n >= MIN_CHUNK) return n;
    return 1;
}

static ValueId reduce_axis(Func *func, OpKind op, ValueId x, int64_t axis) {
    return ir_reduce(func, op, x, 1, &axis, false);
}

/* Sum (or largest) over the middle of x seen as [outer, r, inner]. */
static ValueId reduce_middle(Func *func, OpKind op, ValueId x, int64_t outer, int64_t r, int64_t inner) {
    int64_t n = (inner > 1 || outer < ENOUGH_RESULTS) ? chunks_of(r) : 1;
    if (n > 1) {
        remark(func, RULE_reductions_chunks, func->origin, IR_NONE, (double)n, (double)r, NULL);
        x = ir_reshape(func, x, 4, (int64_t[]){outer, n, r / n, inner});
        if (inner == 1) x = ir_reshape(func, x, 3, (int64_t[]){outer, n, r / n});
        x = reduce_axis(func, op, x, 2);
        r = n;
    }
    if (inner == 1) return reduce_axis(func, op, ir_reshape(func, x, 2, (int64_t[]){outer, r}), 1);
    return reduce_axis(func, op, ir_reshape(func, x, 3, (int64_t[]){outer, r, inner}), 1);
}

/* Whether the axes are trailing, and the work needs no chunks: the form a row kernel takes as it is. */
static bool is_plain_row(const Type *x, const bool *reduced) {
    int64_t outer = 1, r = 1;
    bool seen = false;
    for (int k = 0; k < x->rank; k++) {
        if (reduced[k]) {
            seen = seen || x->dim[k] > 1;
            r *= x->dim[k];
        } else {
            if (seen && x->dim[k] > 1) return false;
            outer *= x->dim[k];
        }
    }
    return outer >= ENOUGH_RESULTS || chunks_of(r) == 1;
}

/* Whether x, of rows along its last axis, follows element by element from what was summed along rows of that length: a
 * kernel that sums each row of x can then make those sums too, and reads what both are made of once. */
static bool follows_from_rows(const Func *func, ValueId x) {
    const Type *type = func_type(func, x);
    int64_t row = type->dim[type->rank - 1];
    ValueId open[MAX_WALK] = {x};
    int n = 1;
    for (int i = 0; i < n; i++) {
        const Node *node = func_node(func, open[i]);
        const Type *of = node->n_operands ? func_type(func, node->operands[0]) : NULL;
        if (op_is_reduce(node->op) && type_elements(of) == type_elements(type) &&
            of->dim[of->rank - 1] == row && type_elements(of) == row * type_elements(&node->type))
            return true;
        bool goes_on = op_info(node->op)->loop == LOOP_ELEMENTWISE || node->op == OP_reshape;
        for (int o = 0; goes_on && o < node->n_operands && n < MAX_WALK; o++) {
            bool seen = false;
            for (int j = 0; j < n && !seen; j++) seen = open[j] == node->operands[o];
            if (!seen) open[n++] = node->operands[o];
        }
    }
    return false;
}

/* A sum of all elements of such a value: of each row first. */
static ValueId reduce_rows_first(Func *func, const Node *node, ValueId x) {
    const Type type = *func_type(func, x);
    int64_t rows = type_elements(&type) / (type.rank ? type.dim[type.rank - 1] : 1);
    if (type.rank < 2 || type_elements(&node->type) != 1 || rows < ENOUGH_RESULTS ||
        !follows_from_rows(func, x))
        return x;
    remark(func, RULE_reductions_rows, node->number, IR_NONE, (double)rows, 0, NULL);
    return reduce_axis(func, node->op, x, type.rank - 1);
}

static ValueId split_reduction(Rewrite *rewrite, const Node *node) {
    Func *func = rewrite->func;
    ValueId x = rewrite->map[node->operands[0]];
    const Type result = node->type;
    Type type = *func_type(func, x);
    bool reduced[IR_MAX_RANK] = {false};
    for (int i = 0; i < reduce_attrs(node)->axes.n; i++) reduced[reduce_attrs(node)->axes.v[i]] = true;
    if (type.rank > 0 && reduced[type.rank - 1]) {
        x = reduce_rows_first(func, node, x);
        type = *func_type(func, x);
    }
    if (is_plain_row(&type, reduced)) {
        bool trailing = true; /* with the reduced axes last and dropped: what access_reduced expects */
        for (int k = 0; k < type.rank; k++)
            if (reduced[k])
                for (int j = k + 1; j < type.rank; j++) trailing = trailing && reduced[j];
        if (trailing) {
            int64_t axes[IR_MAX_RANK];
            int n = 0;
            for (int k = 0; k < type.rank; k++)
                if (reduced[k]) axes[n++] = k;
            return ir_reshape(func, ir_reduce(func, node->op, x, n, axes, false), result.rank, result.dim);
        }
    }
    int64_t dim[IR_MAX_RANK]; /* what is left of x; reduced axes become 1 */
    for (int k = 0; k < type.rank; k++) dim[k] = type.dim[k];
    for (;;) { /* a group of neighbouring reduced axes at a time, the last first */
        int64_t inner = 1, r = 1, outer = 1;
        int end = type.rank;
        while (end > 0 && !reduced[end - 1]) inner *= dim[--end];
        int begin = end;
        while (begin > 0 && reduced[begin - 1]) r *= dim[--begin];
        if (begin == end) break;
        for (int k = 0; k < begin; k++) outer *= dim[k];
        if (r > 1) x = reduce_middle(func, node->op, x, outer, r, inner);
        for (int k = begin; k < end; k++) {
            reduced[k] = false;
            dim[k] = 1;
        }
    }
    return ir_reshape(func, x, result.rank, result.dim);
}

/* Tells where a reduction became several, which are among the nodes from `first` on. */
static void tell_parts(const Func *func, const Node *node, ValueId first) {
    int parts = 0;
    for (ValueId id = first; id < func->count; id++) parts += op_is_reduce(func_node(func, id)->op);
    if (parts > 1) remark(func, RULE_reductions_parts, node->number, IR_NONE, parts, 0, NULL);
}

bool pass_reductions(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Rewrite rewrite = rewrite_begin(module->funcs[f]);
        for (ValueId id = 0; id < rewrite.n_old; id++) {
            const Node *node = &rewrite.old[id];
            if (!op_is_reduce(node->op)) {
                rewrite_copy(&rewrite, id);
                continue;
            }
            ValueId first = (ValueId)rewrite.func->count;
            func_made_for(rewrite.func, node);
            rewrite.map[id] = split_reduction(&rewrite, node);
            tell_parts(rewrite.func, node, first);
        }
        rewrite_end(&rewrite);
    }
    return true;
}
