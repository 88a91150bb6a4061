/* Builtins that move and lay out: shapes, slices, indices, constants. */
#include "frontend/builtins/builtins.h"

#include <math.h>
#include <string.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Sizes from numbers, or from a single list of them. */
bool sizes_of(Evaluator *e, Loc loc, const Value *list, Ints *out, bool allow_minus) {
    const Value *items = list->items;
    size_t n = list->count;
    if (n == 1 && is_list(&items[0])) {
        n = items[0].count;
        items = items[0].items;
    }
    *out = (Ints){0};
    if (n > IR_MAX_RANK) {
        eval_error(e, loc, "more than %d axes", IR_MAX_RANK);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t size;
        if (!int_of(e, loc, &items[i], "a size", &size)) return false;
        if (size < 1 && !(allow_minus && size >= -1)) {
            eval_error(e, loc, "a size of %lld", (long long)size);
            return false;
        }
        out->v[out->n++] = size;
    }
    if (allow_minus) return true;
    Type type = type_make(DT_F32, out->n, out->v);
    return check_type(e, loc, &type);
}

FUNCTION(b_reshape) {
    UNUSED;
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    Ints shape;
    if (x == IR_NONE || !sizes_of(e, at->loc, &args[1], &shape, true)) return (Value){0};
    int64_t known = 1, all = type_elements(func_type(e->func, x));
    int open = -1;
    for (int k = 0; k < shape.n; k++) {
        if (shape.v[k] < 0 && open >= 0) return eval_error(e, at->loc, "only one size may be -1");
        if (shape.v[k] < 0)
            open = k;
        else if (__builtin_mul_overflow(known, shape.v[k], &known))
            return eval_error(e, at->loc, "reshape to more than 2^63 elements");
    }
    if (open >= 0) shape.v[open] = known > 0 && all % known == 0 ? all / known : 0;
    if (open >= 0 && shape.v[open] == 0)
        return eval_error(e, at->loc,
                          "reshape: the %lld elements of %s do not divide by the other sizes, %lld",
                          (long long)all, type_text(e->arena, func_type(e->func, x)), (long long)known);
    return value_tensor(e, at->loc, ir_reshape(e->func, x, shape.n, shape.v));
}

FUNCTION(b_transpose) {
    UNUSED;
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    Ints perm = {0};
    if (x == IR_NONE) return (Value){0};
    int rank = func_type(e->func, x)->rank;
    if (args[1].count == 0) {
        if (rank < 2) return eval_error(e, at->loc, "transpose of %s", show_value(e, &args[0]));
        for (int k = 0; k < rank; k++) perm.v[perm.n++] = k;
        perm.v[rank - 1] = rank - 2;
        perm.v[rank - 2] = rank - 1;
    } else if (!sizes_of(e, at->loc, &args[1], &perm, true)) {
        return (Value){0};
    }
    if (perm.n != rank)
        return eval_error(e, at->loc, "transpose wants each of the %d axes of %s, not %d", rank,
                          show_value(e, &args[0]), perm.n);
    return value_tensor(e, at->loc, ir_transpose(e->func, x, perm.v));
}

FUNCTION(b_broadcast) {
    UNUSED;
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    Ints shape;
    if (x == IR_NONE || !sizes_of(e, at->loc, &args[1], &shape, false)) return (Value){0};
    return value_tensor(e, at->loc, ir_broadcast(e->func, x, shape.n, shape.v));
}

enum { MAX_JOINED = 2000 };
static bool tensors_of(Evaluator *e, Loc loc, const Value *list, ValueId **out) {
    if (!is_list(list) || list->count == 0 || list->count > MAX_JOINED) {
        eval_error(e, loc, "a list of 1 to %d tensors was expected, not %s", MAX_JOINED, show_value(e, list));
        return false;
    }
    *out = ARENA_ARRAY(e->arena, ValueId, list->count);
    for (size_t i = 0; i < list->count; i++)
        if (((*out)[i] = tensor_of(e, loc, &list->items[i], DT_F32)) == IR_NONE) return false;
    return true;
}

FUNCTION(b_concat) {
    UNUSED;
    ValueId *x;
    int axis;
    if (!tensors_of(e, at->loc, &args[0], &x) ||
        !axis_of(e, at->loc, &args[1], func_type(e->func, x[0])->rank, &axis))
        return (Value){0};
    return value_tensor(e, at->loc,
                        args[0].count == 1 ? x[0] : ir_concat(e->func, (int)args[0].count, x, axis));
}

FUNCTION(b_stack) {
    UNUSED;
    ValueId *x;
    int axis = 0;
    if (!tensors_of(e, at->loc, &args[0], &x)) return (Value){0};
    for (size_t i = 1; i < args[0].count; i++) {
        const Type *a = func_type(e->func, x[0]), *b = func_type(e->func, x[i]);
        bool same = a->rank == b->rank && memcmp(a->dim, b->dim, sizeof *a->dim * (size_t)a->rank) == 0;
        if (!same)
            return value_error(e, at->loc, &args[0], "stack joins tensors of one shape, not %s and %s",
                               type_text(e->arena, a), type_text(e->arena, b));
    }
    for (size_t i = 0; i < args[0].count; i++) {
        Type type = *func_type(e->func, x[i]);
        if (type.rank == IR_MAX_RANK)
            return eval_error(e, at->loc, "%s has no room for another axis", type_text(e->arena, &type));
        if (!axis_of(e, at->loc, &args[1], type.rank + 1, &axis)) return (Value){0};
        for (int k = type.rank; k > axis; k--) type.dim[k] = type.dim[k - 1];
        type.dim[axis] = 1;
        x[i] = ir_reshape(e->func, x[i], type.rank + 1, type.dim);
    }
    return value_tensor(e, at->loc, ir_concat(e->func, (int)args[0].count, x, axis));
}

FUNCTION(b_split) {
    UNUSED;
    ValueId x;
    Type type;
    int axis;
    int64_t parts, start[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
    if (!tensor_with_type(e, at->loc, &args[0], DT_F32, &x, &type) ||
        !int_of(e, at->loc, &args[1], "the number of parts", &parts) ||
        !axis_of(e, at->loc, &args[2], type.rank, &axis))
        return (Value){0};
    if (parts < 1 || type.dim[axis] % parts)
        return eval_error(e, at->loc, "%s does not split into %lld parts along axis %d",
                          type_text(e->arena, &type), (long long)parts, axis);
    for (int k = 0; k < type.rank; k++) step[k] = 1;
    Value list = value_list(e, at->loc, V_LIST, (size_t)parts);
    int64_t size = type.dim[axis] / parts;
    for (size_t i = 0; i < list.count; i++) {
        start[axis] = (int64_t)i * size;
        type.dim[axis] = (int64_t)(i + 1) * size;
        list.items[i] = value_tensor(e, at->loc, ir_slice(e->func, x, start, type.dim, step));
    }
    return close_list(e, at->loc, list);
}

FUNCTION(b_pad) {
    UNUSED;
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    double value;
    if (x == IR_NONE || !real_of(e, at->loc, &args[2], "value", &value)) return (Value){0};
    int rank = func_type(e->func, x)->rank;
    int64_t low[IR_MAX_RANK], high[IR_MAX_RANK];
    if (!is_list(&args[1]) || (int)args[1].count != rank)
        return eval_error(e, at->loc, "pad wants (low, high) for each axis of %s", show_value(e, &args[0]));
    for (int k = 0; k < rank; k++) {
        const Value *pair = &args[1].items[k];
        if (!is_list(pair) || pair->count != 2)
            return eval_error(e, at->loc, "pad wants (low, high) for each axis");
        if (!int_of(e, at->loc, &pair->items[0], "padding", &low[k]) ||
            !int_of(e, at->loc, &pair->items[1], "padding", &high[k]))
            return (Value){0};
    }
    if (!check_number(e, at->loc, value, (DType)func_type(e->func, x)->dtype)) return (Value){0};
    return value_tensor(e, at->loc, ir_pad(e->func, x, low, high, value));
}

static Value indexed(Evaluator *e, const Expr *at, Value *args, OpKind op, int n) {
    ValueId x[3];
    int64_t batch;
    for (int i = 0; i < n; i++)
        if ((x[i] = tensor_of(e, at->loc, &args[i], i == 1 ? DT_I32 : DT_F32)) == IR_NONE) return (Value){0};
    if (!int_of(e, at->loc, &args[n], "batch", &batch)) return (Value){0};
    if (batch < 0 || batch >= IR_MAX_RANK)
        return eval_error(e, at->loc, "batch = %lld: a number of axes was expected", (long long)batch);
    if (dtype_is_float(func_type(e->func, x[1])->dtype)) x[1] = ir_cast(e->func, x[1], DT_I32);
    const Type *rows = func_type(e->func, x[0]);
    if (batch == 0 && rows->rank) bound_input(e, x[1], rows->dim[0]);
    return value_tensor(e, at->loc, func_emit(e->func, op, x, n, &(IndexedAttrs){.batch = batch}));
}

FUNCTION(b_gather) {
    UNUSED;
    return indexed(e, at, args, OP_gather, 2);
}
FUNCTION(b_scatter) {
    UNUSED;
    return indexed(e, at, args, OP_scatter, 3);
}
FUNCTION(b_scatter_add) {
    UNUSED;
    return indexed(e, at, args, OP_scatter_add, 3);
}

static Value filled(Evaluator *e, const Expr *at, const Value *sizes, double value, InitKind init) {
    Ints shape;
    if (sizes->count == 0) return (Value){.kind = V_INIT, .init = init, .a = value};
    if (!sizes_of(e, at->loc, sizes, &shape, false) || !check_number(e, at->loc, value, DT_F32))
        return (Value){0};
    return value_tensor(e, at->loc,
                        ir_broadcast(e->func, ir_constant(e->func, value, DT_F32), shape.n, shape.v));
}

FUNCTION(b_zeros) {
    UNUSED;
    return filled(e, at, &args[0], 0, INIT_CONSTANT);
}
FUNCTION(b_ones) {
    UNUSED;
    return filled(e, at, &args[0], 1, INIT_CONSTANT);
}

FUNCTION(b_full) {
    UNUSED;
    double value;
    Value wrapped = {.kind = V_LIST, .items = &args[0], .count = 1};
    return real_of(e, at->loc, &args[1], "value", &value) ? filled(e, at, &wrapped, value, INIT_CONSTANT)
                                                          : (Value){0};
}

/* Numbers 0, 1 … along an axis, which are f32: those up to 2^24 are exact. */
static Value count_up(Evaluator *e, const Expr *at, const Ints *shape, int axis) {
    if (shape->v[axis] <= 1 << 24)
        return value_tensor(e, at->loc, ir_iota(e->func, shape->n, shape->v, axis, DT_F32));
    return eval_error(e, at->loc, "counting to %lld: an f32 counts to 2^24", (long long)shape->v[axis]);
}

FUNCTION(b_arange) {
    UNUSED;
    Ints shape;
    Value wrapped = {.kind = V_LIST, .items = &args[0], .count = 1};
    if (!sizes_of(e, at->loc, &wrapped, &shape, false)) return (Value){0};
    if (shape.n != 1) return eval_error(e, at->loc, "arange takes one number");
    return count_up(e, at, &shape, 0);
}

FUNCTION(b_iota) {
    UNUSED;
    Ints shape;
    int axis;
    Value wrapped = {.kind = V_LIST, .items = &args[0], .count = 1};
    if (!sizes_of(e, at->loc, &wrapped, &shape, false) || !axis_of(e, at->loc, &args[1], shape.n, &axis))
        return (Value){0};
    return count_up(e, at, &shape, axis);
}

FUNCTION(b_shape) {
    UNUSED;
    ValueId x;
    Type type;
    if (!tensor_with_type(e, at->loc, &args[0], DT_F32, &x, &type)) return (Value){0};
    Value list = value_list(e, at->loc, V_TUPLE, type.rank);
    for (size_t k = 0; k < list.count; k++) list.items[k] = value_number((double)type.dim[k], true);
    return close_list(e, at->loc, list);
}

FUNCTION(b_dim) {
    UNUSED;
    Value shape = b_shape(e, at, args, 1);
    return shape.kind == V_POISON ? shape : value_index(e, at, &shape, &args[1], 1);
}

FUNCTION(b_rank) {
    UNUSED;
    Value shape = b_shape(e, at, args, 1);
    return shape.kind == V_POISON ? shape : value_number((double)shape.count, true);
}
