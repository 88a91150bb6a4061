/* Where the operands of products lie in memory: see kernel_operand in kernel.h. */
#include "ir/plan/kernel.h"

#include <string.h>

/* ---- strides ----------------------------------------------------------------------------------------------------- */

/* end: how far to go at most; IR_NONE: as far as it is good. */
static Strided find_strides(const Func *func, ValueId operand, ValueId end, ValueId *views, int *n_views) {
    const Type *type = func_type(func, operand);
    Domain domain = domain_of(type);
    Access access = access_identity(type);
    Strided found = {.base = operand};
    int r = domain.rank, depth = 0;
    int64_t coef[DOMAIN_MAX];
    access_linear(type, &access, &domain, &found.offset, coef);
    memcpy(found.stride, coef, sizeof found.stride);
    *n_views = 0;
    for (ValueId base = operand;
         depth < KERNEL_VIEWS && base != end && op_is_view(func_node(func, base)->op);) {
        const Node *node = func_node(func, base);
        DomainSplit split;
        Access next;
        int64_t offset;
        AccessResult result = access_operand(func, node, 0, &domain, &access, &next, &split);
        /* A reshape leaves elements where they are, also one whose operand's dimensions these loops do not run along
         * one by one: as far as it goes. */
        bool last = result == ACCESS_SPLIT && node->op == OP_reshape;
        if (result != ACCESS_OK && !last) break;
        if (last) access_linear(&node->type, &access, &domain, &offset, coef);
        views[depth++] = base;
        base = node->operands[0];
        access = next;
        if (!last) access_linear(func_type(func, base), &access, &domain, &offset, coef);
        bool contiguous =
            coef[r - 1] == 1 || coef[r - 2] == 1 || domain.extent[r - 1] == 1 || domain.extent[r - 2] == 1;
        if (contiguous || base == end) { /* else a further view may make it so */
            found.base = base;
            found.offset = offset;
            for (int k = 0; k < r; k++) found.stride[k] = coef[k];
            *n_views = depth;
        }
        if (last) break;
    }
    return found;
}

/* ---- nests ------------------------------------------------------------------------------------------------------- */

/* The loops of a nest while its views are followed. */
typedef struct {
    const Func *func;
    Domain domain;
    Access access;
    int dim[DOMAIN_MAX]; /* of each loop: that of the operand which it is part of */
} Nest;

/* Through a view to its operand, with as many loops as that takes. */
static bool follow(Nest *nest, const Node *view) {
    for (;;) {
        DomainSplit split;
        Access next;
        AccessResult result =
            access_operand(nest->func, view, 0, &nest->domain, &nest->access, &next, &split);
        if (result == ACCESS_OK) nest->access = next;
        if (result != ACCESS_SPLIT) return result == ACCESS_OK;
        if (nest->domain.rank == DOMAIN_MAX) return false;
        access_split(&nest->access, &nest->domain, &split);
        for (int i = nest->domain.rank; i > split.dim; i--) nest->dim[i] = nest->dim[i - 1];
        domain_split(&nest->domain, &split);
    }
}

/* The loops at `base`, of which those that act as one are one. */
static Strided strided_at(const Nest *nest, ValueId base) {
    Strided s = {.base = base};
    int64_t coef[DOMAIN_MAX];
    access_linear(func_type(nest->func, base), &nest->access, &nest->domain, &s.offset, coef);
    for (int i = 0; i < nest->domain.rank; i++) {
        StridedLoop *before = s.n_loops ? &s.loops[s.n_loops - 1] : NULL;
        int64_t extent = nest->domain.extent[i];
        if (extent == 1) continue;
        if (before && before->dim == nest->dim[i] && before->stride == coef[i] * extent) {
            before->extent *= extent;
            before->stride = coef[i];
        } else
            s.loops[s.n_loops++] = (StridedLoop){nest->dim[i], extent, coef[i]};
    }
    for (int i = 0; i < s.n_loops; i++) s.stride[s.loops[i].dim] = s.loops[i].stride;
    return s;
}

/* Of the loops of a dimension: how many they are, and the stride of the last. */
static int loops_of(const Strided *s, int dim, int64_t *last) {
    int n = 0;
    for (int i = 0; i < s->n_loops; i++)
        if (s->loops[i].dim == dim) {
            *last = s->loops[i].stride;
            n++;
        }
    return n;
}

/* Whether a product can read it so: matrices lie a stride apart, and elements side by side along rows or columns. */
static bool is_readable(const Strided *s, int rank) {
    int64_t last = 0;
    bool contiguous = false;
    for (int k = 0; k < rank; k++) {
        int n = loops_of(s, k, &last);
        if (k < rank - 2 ? n > 1 : n == 0) return false;
        contiguous = contiguous || (k >= rank - 2 && last == 1);
    }
    return contiguous;
}

/* The farthest value through windows at which the operand is a readable nest; n_loops 0: there is none. */
static Strided find_nest(const Func *func, ValueId operand, ValueId end, ValueId *views, int *n_views) {
    const Type *type = func_type(func, operand);
    Nest nest = {.func = func, .domain = domain_of(type), .access = access_identity(type)};
    Strided found = {.base = operand};
    bool windows = false;
    int depth = 0;
    for (int k = 0; k < type->rank; k++) nest.dim[k] = k;
    for (ValueId base = operand;
         depth < KERNEL_VIEWS && base != end && op_is_view(func_node(func, base)->op);) {
        const Node *node = func_node(func, base);
        if (!follow(&nest, node)) break;
        views[depth++] = base;
        base = node->operands[0];
        windows = windows || node->op == OP_windows;
        Strided s = strided_at(&nest, base);
        if (windows && is_readable(&s, type->rank)) {
            found = s;
            *n_views = depth;
        }
    }
    return found;
}

static bool has_windows(const Func *func, ValueId operand) {
    for (int depth = 0; depth < KERNEL_VIEWS && op_is_view(func_node(func, operand)->op); depth++) {
        if (func_node(func, operand)->op == OP_windows) return true;
        operand = func_node(func, operand)->operands[0];
    }
    return false;
}

static Strided find_operand(const Func *func, const Node *product, int operand, ValueId end, ValueId *views,
                            int *n_views) {
    ValueId x = product->operands[operand];
    if (product->op == OP_matmul && has_windows(func, x)) {
        Strided nest = find_nest(func, x, end, views, n_views);
        int64_t last;
        int rank = func_type(func, x)->rank;
        bool plain = loops_of(&nest, rank - 1, &last) == 1 && loops_of(&nest, rank - 2, &last) == 1;
        if (plain) nest.n_loops = 0;
        if (nest.base != x) return nest;
    }
    return find_strides(func, x, end, views, n_views);
}

Strided kernel_operand(const Func *func, const Node *product, int operand, ValueId *views, int *n_views) {
    ValueId others[KERNEL_VIEWS], x = product->operands[operand];
    Strided found = find_operand(func, product, operand, IR_NONE, views, n_views);
    for (int v = 0; v < *n_views;
         v++) /* a value on the way that is there for another operand is where this one lies */
        for (int o = 0; o < product->n_operands; o++) {
            int n_others;
            if (product->operands[o] == x || found.base == x) continue;
            ValueId there = find_operand(func, product, o, IR_NONE, others, &n_others).base;
            if (there == views[v]) return find_operand(func, product, operand, there, views, n_views);
        }
    return found;
}
