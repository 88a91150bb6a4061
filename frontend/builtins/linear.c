/* Builtins of matrices, which lie along the last two axes: factorisations and what is solved by them. */
#include "frontend/builtins/builtins.h"

FUNCTION(b_eye) {
    UNUSED;
    int64_t size[2];
    if (!int_of(e, at->loc, &args[0], "a size", &size[0]) ||
        !int_of(e, at->loc, args[1].kind == V_NONE ? &args[0] : &args[1], "a size", &size[1]))
        return (Value){0};
    Type type = type_make(DT_F32, 2, size);
    if (size[0] < 1 || size[1] < 1)
        return eval_error(e, at->loc, "eye of %lld x %lld", (long long)size[0], (long long)size[1]);
    if (!check_type(e, at->loc, &type)) return (Value){0};
    ValueId row = ir_iota(e->func, 2, size, 0, DT_I32), column = ir_iota(e->func, 2, size, 1, DT_I32);
    return value_tensor(e, at->loc, ir_cast(e->func, ir_binary(e->func, OP_eq, row, column), DT_F32));
}

bool reals_of(Evaluator *e, Loc loc, const Value *v, ValueId *id, Type *type) {
    if (!tensor_with_type(e, loc, v, DT_F32, id, type)) return false;
    if (!dtype_is_float(type->dtype)) *id = ir_cast(e->func, *id, DT_F32);
    *type = *func_type(e->func, *id);
    e->func->error[0] = '\0';
    return true;
}

/* A factorisation of x: the operator tells what is wrong with its type. */
static ValueId factor(Evaluator *e, const Expr *at, const Value *v, OpKind op, Type *type) {
    ValueId x;
    return reals_of(e, at->loc, v, &x, type) ? ir_unary(e->func, op, x) : IR_NONE;
}

FUNCTION(b_cholesky) {
    UNUSED;
    Type type;
    return value_tensor(e, at->loc, factor(e, at, &args[0], OP_cholesky, &type));
}

/* Rows [first, last) of a matrix; one row without its axis. */
static ValueId rows_of(Evaluator *e, ValueId x, int64_t first, int64_t last, bool one) {
    Type limit = *func_type(e->func, x);
    int64_t start[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
    int n = limit.rank;
    for (int k = 0; k < n; k++) step[k] = 1;
    start[n - 2] = first;
    limit.dim[n - 2] = last;
    x = ir_slice(e->func, x, start, limit.dim, step);
    limit.dim[n - 2] = limit.dim[n - 1];
    return one ? ir_reshape(e->func, x, n - 1, limit.dim) : x;
}

FUNCTION(b_eigh) {
    UNUSED;
    Type type;
    ValueId all = factor(e, at, &args[0], OP_eigh, &type);
    if (all == IR_NONE) return value_tensor(e, at->loc, all);
    ValueId parts[] = {rows_of(e, all, 0, 1, true), rows_of(e, all, 1, 1 + type.dim[type.rank - 1], false)};
    return record_of(e, at->loc, 2, (const char *const[]){"values", "vectors"}, parts);
}

FUNCTION(b_svd) {
    UNUSED;
    Type type;
    ValueId all = factor(e, at, &args[0], OP_svd, &type);
    if (all == IR_NONE) return value_tensor(e, at->loc, all);
    int64_t height = type.dim[type.rank - 2], width = type.dim[type.rank - 1];
    ValueId parts[] = {rows_of(e, all, 0, height, false), rows_of(e, all, height, height + 1, true),
                       rows_of(e, all, height + 1, height + 1 + width, false)};
    return record_of(e, at->loc, 3, (const char *const[]){"u", "s", "v"}, parts);
}

/* ---- solving ----------------------------------------------------------------------------------------------------- */

/* a, b as an operator that solves wants them: of one type, with equal leading axes. */
typedef struct {
    ValueId a, b;
    Type right;  /* of the right sides as they were given */
    bool vector; /* they were [B…, N] */
    bool turned; /* they were [C…, N, M] for one a, and are [N, C…·M] */
} System;

static bool refuse_system(Evaluator *e, const Expr *at, const char *name, const Type *a, const Type *b) {
    eval_error(
        e, at->loc,
        "%s wants matrices [..., n, n] and right sides [..., n, m], or [..., n] of one axis less, not %s and "
        "%s",
        name, type_text(e->arena, a), type_text(e->arena, b));
    return false;
}

/* [C…, N, M] as [N, C…·M]: one factorisation serves all of them. */
static ValueId turn(Evaluator *e, ValueId x, const Type *type) {
    int64_t perm[IR_MAX_RANK], n = type->dim[type->rank - 2];
    for (int k = 1; k < type->rank; k++) perm[k] = k < type->rank - 1 ? k - 1 : k;
    perm[0] = type->rank - 2;
    return ir_reshape(e->func, ir_transpose(e->func, x, perm), 2, (int64_t[]){n, type_elements(type) / n});
}

static ValueId turn_back(Evaluator *e, ValueId x, const Type *type) {
    int64_t perm[IR_MAX_RANK], shape[IR_MAX_RANK];
    shape[0] = type->dim[type->rank - 2];
    for (int k = 1; k < type->rank; k++) shape[k] = type->dim[k < type->rank - 1 ? k - 1 : k];
    for (int k = 0; k < type->rank; k++) perm[k] = k < type->rank - 2 ? k + 1 : k == type->rank - 1 ? k : 0;
    return ir_transpose(e->func, ir_reshape(e->func, x, type->rank, shape), perm);
}

/* Leading axes of a and b, which may differ in number, broadcast to common ones; false where they do not. */
static bool spread_leading(Evaluator *e, System *s) {
    Type a = *func_type(e->func, s->a), b = *func_type(e->func, s->b), all = a;
    all.rank = a.rank > b.rank ? a.rank : b.rank;
    for (int k = 1; k <= all.rank - 2; k++) {
        int64_t m = k <= a.rank - 2 ? a.dim[a.rank - 2 - k] : 1,
                n = k <= b.rank - 2 ? b.dim[b.rank - 2 - k] : 1;
        if (m != n && m != 1 && n != 1) return false;
        all.dim[all.rank - 2 - k] = m > n ? m : n;
    }
    for (int which = 0; which < 2; which++) {
        const Type *own = which ? &b : &a;
        for (int k = 1; k <= 2; k++) all.dim[all.rank - k] = own->dim[own->rank - k];
        all.dtype = own->dtype;
        ValueId *x = which ? &s->b : &s->a;
        if (!type_equal(&all, own)) *x = ir_broadcast(e->func, *x, all.rank, all.dim);
    }
    return true;
}

static bool system_of(Evaluator *e, const Expr *at, const char *name, const Value *args, System *s) {
    Type a, b;
    if (!reals_of(e, at->loc, &args[0], &s->a, &a) || !reals_of(e, at->loc, &args[1], &s->b, &b))
        return false;
    if (a.rank < 2 || b.rank < 1 || a.dim[a.rank - 1] != a.dim[a.rank - 2])
        return refuse_system(e, at, name, &a, &b);
    s->right = b;
    s->vector = b.rank == a.rank - 1;
    if (a.dtype != b.dtype) { /* f32, unless both are f64 */
        s->a = ir_cast(e->func, s->a, DT_F32);
        s->b = ir_cast(e->func, s->b, DT_F32);
    }
    if (s->vector) {
        for (int k = 0; k < b.rank; k++)
            if (b.dim[k] != a.dim[k]) return refuse_system(e, at, name, &a, &b);
        b.dim[b.rank++] = 1;
        s->b = ir_reshape(e->func, s->b, b.rank, b.dim);
        return true;
    }
    if (b.rank < 2 || b.dim[b.rank - 2] != a.dim[a.rank - 1]) return refuse_system(e, at, name, &a, &b);
    s->turned = a.rank == 2 && b.rank > 2;
    if (s->turned)
        s->b = turn(e, s->b, &b);
    else if (!spread_leading(e, s))
        return refuse_system(e, at, name, &a, &b);
    return true;
}

static Value solution(Evaluator *e, const Expr *at, const System *s, ValueId x) {
    if (x != IR_NONE && s->vector) x = ir_reshape(e->func, x, s->right.rank, s->right.dim);
    if (x != IR_NONE && s->turned) x = turn_back(e, x, &s->right);
    return value_tensor(e, at->loc, x);
}

FUNCTION(b_solve) {
    UNUSED;
    System s = {.turned = false};
    if (!system_of(e, at, "solve", args, &s)) return (Value){0};
    return solution(e, at, &s, ir_binary(e->func, OP_solve, s.a, s.b));
}

FUNCTION(b_solve_triangular) {
    UNUSED;
    System s = {.turned = false};
    bool lower, transposed;
    if (!bool_of(e, at->loc, &args[2], "lower", &lower) ||
        !bool_of(e, at->loc, &args[3], "transpose", &transposed) ||
        !system_of(e, at, "solve_triangular", args, &s))
        return (Value){0};
    TriangleAttrs attrs = {.ta = transposed, .lower = lower};
    ValueId x = func_emit(e->func, OP_triangular_solve, (ValueId[]){s.a, s.b}, 2, &attrs);
    return solution(e, at, &s, x);
}
