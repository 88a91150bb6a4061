/* The builtins of the expression language: one table, functions grouped as docs/language.md groups them. */
#include "frontend/eval.h"

#include <math.h>
#include <string.h>

#define BUILTIN(name) static Value name(Elaborator *e, const Expr *at, Value *args, size_t n)
#define UNUSED (void)n

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

#define UNARY(name, op)                                                                                      \
    BUILTIN(b_##name) {                                                                                      \
        UNUSED;                                                                                              \
        return value_unary(e, at->loc, op, &args[0]);                                                        \
    }
// clang-format off
UNARY(abs, OP_abs)
UNARY(exp, OP_exp)
UNARY(log, OP_log)
UNARY(sqrt, OP_sqrt)
UNARY(rsqrt, OP_rsqrt)
UNARY(sin, OP_sin)
UNARY(cos, OP_cos)
UNARY(tanh, OP_tanh)
UNARY(erf, OP_erf)
UNARY(sigmoid, OP_sigmoid)
UNARY(floor, OP_floor)
UNARY(sign, OP_sign)
// clang-format on

BUILTIN(b_stop_grad) {
    UNUSED;
    if (is_number(&args[0])) return args[0];
    return value_tensor(e, at->loc, ir_unary(e->func, OP_stop_grad, tensor_of(e, at->loc, &args[0], DT_F32)));
}

BUILTIN(b_gelu) {
    UNUSED;
    bool approximate;
    if (!bool_of(e, at->loc, &args[1], "approximate", &approximate)) return (Value){0};
    return value_tensor(e, at->loc, ir_gelu(e->func, tensor_of(e, at->loc, &args[0], DT_F32), approximate));
}

static bool is_list(const Value *v) {
    return v->kind == V_LIST || v->kind == V_TUPLE;
}

/* Axes from none, a number or a tuple; false after an error. */
static bool axes_of(Elaborator *e, Loc loc, const Value *v, int rank, Ints *out) {
    *out = (Ints){0};
    if (v->kind == V_NONE) {
        for (int k = 0; k < rank; k++) out->v[out->n++] = k;
        return true;
    }
    size_t n = is_list(v) ? v->count : 1;
    for (size_t i = 0; i < n && i < IR_MAX_RANK; i++) {
        int64_t axis;
        if (!int_of(e, loc, is_list(v) ? &v->items[i] : v, "an axis", &axis)) return false;
        if (axis < -rank || axis >= rank) {
            eval_error(e, loc, "axis %lld of a value of rank %d", (long long)axis, rank);
            return false;
        }
        out->v[out->n++] = axis < 0 ? axis + rank : axis;
    }
    return true;
}

static Value reduce(Elaborator *e, Loc loc, OpKind op, const Value *x, const Value *axis,
                    const Value *keep_value) {
    ValueId id = tensor_of(e, loc, x, DT_F32);
    bool keep;
    Ints axes;
    if (id == IR_NONE || !bool_of(e, loc, keep_value, "keep", &keep)) return (Value){0};
    if (func_type(e->func, id)->dtype == DT_BOOL) id = ir_cast(e->func, id, DT_F32);
    if (!axes_of(e, loc, axis, func_type(e->func, id)->rank, &axes)) return (Value){0};
    if (axes.n == 0) return value_tensor(e, loc, id);
    return value_tensor(e, loc, ir_reduce(e->func, op, id, axes.n, axes.v, keep));
}

/* Over a list: a fold of the binary operator. */
static Value fold_list(Elaborator *e, Loc loc, OpKind op, const Value *list) {
    if (list->count == 0)
        return op == OP_add ? value_number(0, true) : eval_error(e, loc, "of an empty list");
    Value sum = list->items[0];
    for (size_t i = 1; i < list->count; i++) sum = value_binary(e, loc, op, &sum, &list->items[i]);
    return sum;
}

BUILTIN(b_sum) {
    UNUSED;
    if (is_list(&args[0])) return fold_list(e, at->loc, OP_add, &args[0]);
    if (is_number(&args[0])) return args[0];
    return reduce(e, at->loc, OP_sum, &args[0], &args[1], &args[2]);
}

static double count_along(Elaborator *e, Loc loc, const Value *x, const Value *axis) {
    const Type *type = func_type(e->func, tensor_of(e, loc, x, DT_F32));
    Ints axes;
    double count = 1;
    if (axes_of(e, loc, axis, type->rank, &axes))
        for (int i = 0; i < axes.n; i++) count *= (double)type->dim[axes.v[i]];
    return count;
}

static Value mean_of(Elaborator *e, Loc loc, const Value *x, const Value *axis, const Value *keep) {
    Value sum = reduce(e, loc, OP_sum, x, axis, keep);
    if (sum.kind == V_POISON) return sum;
    Value scale = value_number(1 / count_along(e, loc, x, axis), false);
    return value_binary(e, loc, OP_mul, &sum, &scale);
}

BUILTIN(b_mean) {
    UNUSED;
    if (is_list(&args[0])) {
        Value sum = fold_list(e, at->loc, OP_add, &args[0]),
              count = value_number((double)args[0].count, false);
        if (args[0].count == 0) return eval_error(e, at->loc, "mean of an empty list");
        return value_binary(e, at->loc, OP_div, &sum, &count);
    }
    return is_number(&args[0]) ? args[0] : mean_of(e, at->loc, &args[0], &args[1], &args[2]);
}

static Value extreme(Elaborator *e, const Expr *at, Value *args, bool largest) {
    if (is_list(&args[0])) return fold_list(e, at->loc, largest ? OP_max : OP_min, &args[0]);
    /* max(a, b), or max(x, axis=…): a tensor or a real as second argument is an operand */
    bool axis_given = false;
    for (size_t i = 0; i < at->n_args; i++)
        axis_given = axis_given || (at->args[i]->keyword && strcmp(at->args[i]->keyword, "axis") == 0);
    if (args[1].kind != V_NONE && !axis_given)
        return value_binary(e, at->loc, largest ? OP_max : OP_min, &args[0], &args[1]);
    if (largest) return reduce(e, at->loc, OP_amax, &args[0], &args[1], &args[2]);
    Value flipped = value_unary(e, at->loc, OP_neg, &args[0]);
    Value most = reduce(e, at->loc, OP_amax, &flipped, &args[1], &args[2]);
    return value_unary(e, at->loc, OP_neg, &most);
}

BUILTIN(b_max) {
    UNUSED;
    return extreme(e, at, args, true);
}
BUILTIN(b_min) {
    UNUSED;
    return extreme(e, at, args, false);
}

BUILTIN(b_var) {
    UNUSED;
    bool unbiased, keep;
    if (!bool_of(e, at->loc, &args[3], "unbiased", &unbiased) ||
        !bool_of(e, at->loc, &args[2], "keep", &keep))
        return (Value){0};
    Value yes = value_bool(true), mean = mean_of(e, at->loc, &args[0], &args[1], &yes);
    Value centred = value_binary(e, at->loc, OP_sub, &args[0], &mean),
          square = value_binary(e, at->loc, OP_mul, &centred, &centred);
    Value sum = reduce(e, at->loc, OP_sum, &square, &args[1], &args[2]);
    double count = count_along(e, at->loc, &args[0], &args[1]) - (unbiased ? 1 : 0);
    if (count < 1) return eval_error(e, at->loc, "unbiased variance of one element");
    Value scale = value_number(1 / count, false);
    return value_binary(e, at->loc, OP_mul, &sum, &scale);
}

BUILTIN(b_std) {
    Value variance = b_var(e, at, args, n);
    return value_unary(e, at->loc, OP_sqrt, &variance);
}

BUILTIN(b_where) {
    UNUSED;
    if (!is_tensor(&args[0])) {
        bool truth;
        return bool_of(e, at->loc, &args[0], "the condition", &truth) ? args[truth ? 1 : 2] : (Value){0};
    }
    DType like = DT_F32;
    for (int i = 1; i < 3; i++)
        if (is_tensor(&args[i]))
            like = (DType)func_type(e->func, tensor_of(e, at->loc, &args[i], DT_F32))->dtype;
    if (!is_tensor(&args[1]) && !is_tensor(&args[2])) {
        const Type *c = func_type(e->func, tensor_of(e, at->loc, &args[0], DT_F32));
        like = c->rank == 0 ? DT_F64 : DT_F32;
    }
    ValueId a = tensor_of(e, at->loc, &args[1], like), b = tensor_of(e, at->loc, &args[2], like);
    if (a == IR_NONE || b == IR_NONE) return (Value){0};
    if (func_type(e->func, a)->dtype != func_type(e->func, b)->dtype) {
        DType to = func_type(e->func, a)->rank ? (DType)func_type(e->func, a)->dtype
                                               : (DType)func_type(e->func, b)->dtype;
        a = ir_cast(e->func, a, to);
        b = ir_cast(e->func, b, to);
    }
    return value_tensor(e, at->loc, ir_select(e->func, tensor_of(e, at->loc, &args[0], DT_BOOL), a, b));
}

static const struct {
    const char *name;
    DType dtype;
} DTYPES[] = {{"f32", DT_F32}, {"f64", DT_F64}, {"i32", DT_I32}, {"i64", DT_I64}, {"bool", DT_BOOL}};

BUILTIN(b_cast) {
    UNUSED;
    for (size_t i = 0; i < sizeof DTYPES / sizeof *DTYPES; i++)
        if (args[1].kind == V_STRING && strcmp(args[1].text, DTYPES[i].name) == 0)
            return value_tensor(
                e, at->loc,
                ir_cast(e->func, tensor_of(e, at->loc, &args[0], DTYPES[i].dtype), DTYPES[i].dtype));
    return eval_error(e, at->loc, "cast to %s: 'f32', 'f64', 'i32', 'i64' or 'bool'",
                      show_value(e, &args[1]));
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static Value along_axis(Elaborator *e, const Expr *at, Value *args, OpKind op) {
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    int64_t axis;
    if (x == IR_NONE || !int_of(e, at->loc, &args[1], "axis", &axis)) return (Value){0};
    int rank = func_type(e->func, x)->rank;
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank)
        return eval_error(e, at->loc, "axis %g of a value of rank %d", args[1].number, rank);
    int64_t perm[IR_MAX_RANK];
    for (int k = 0; k < rank; k++) perm[k] = k;
    perm[axis] = rank - 1;
    perm[rank - 1] = axis;
    if (axis != rank - 1) x = ir_transpose(e->func, x, perm);
    x = ir_unary(e->func, op, x);
    if (axis != rank - 1) x = ir_transpose(e->func, x, perm);
    return value_tensor(e, at->loc, x);
}

BUILTIN(b_softmax) {
    UNUSED;
    return along_axis(e, at, args, OP_softmax);
}
BUILTIN(b_log_softmax) {
    UNUSED;
    return along_axis(e, at, args, OP_log_softmax);
}

BUILTIN(b_logsumexp) {
    UNUSED;
    Value yes = value_bool(true), no = value_bool(false);
    Value top = reduce(e, at->loc, OP_amax, &args[0], &args[1], &yes);
    if (top.kind == V_POISON) return top;
    top = b_stop_grad(e, at, &top, 1);
    Value t = value_binary(e, at->loc, OP_sub, &args[0], &top);
    t = value_unary(e, at->loc, OP_exp, &t);
    t = reduce(e, at->loc, OP_sum, &t, &args[1], &yes);
    t = value_unary(e, at->loc, OP_log, &t);
    t = value_binary(e, at->loc, OP_add, &t, &top);
    return reduce(e, at->loc, OP_sum, &t, &args[1], &no);
}

BUILTIN(b_layernorm) {
    UNUSED;
    double eps;
    if (!real_of(e, at->loc, &args[3], "eps", &eps)) return (Value){0};
    ValueId x[3];
    for (int i = 0; i < 3; i++)
        if ((x[i] = tensor_of(e, at->loc, &args[i], DT_F32)) == IR_NONE) return (Value){0};
    return value_tensor(e, at->loc, ir_layernorm(e->func, x[0], x[1], x[2], eps));
}

BUILTIN(b_normalize) { /* x / max(‖x‖, eps) */
    UNUSED;
    Value yes = value_bool(true), square = value_binary(e, at->loc, OP_mul, &args[0], &args[0]);
    Value norm = reduce(e, at->loc, OP_sum, &square, &args[1], &yes);
    norm = value_unary(e, at->loc, OP_sqrt, &norm);
    norm = value_binary(e, at->loc, OP_max, &norm, &args[2]);
    return value_binary(e, at->loc, OP_div, &args[0], &norm);
}

BUILTIN(b_one_hot) {
    UNUSED;
    int64_t classes;
    ValueId i = tensor_of(e, at->loc, &args[0], DT_I32);
    if (i == IR_NONE || !int_of(e, at->loc, &args[1], "the number of classes", &classes)) return (Value){0};
    Type type = *func_type(e->func, i);
    if (type.rank == IR_MAX_RANK || classes < 1)
        return eval_error(e, at->loc, "one_hot of %s", show_value(e, &args[0]));
    type.dim[type.rank] = 1;
    i = ir_reshape(e->func, i, type.rank + 1, type.dim);
    ValueId numbers = ir_iota(e->func, 1, &classes, 0, (DType)type.dtype);
    return value_tensor(e, at->loc, ir_cast(e->func, ir_binary(e->func, OP_eq, i, numbers), DT_F32));
}

BUILTIN(b_cross_entropy) { /* mean over rows of -Σ q log p; q smoothed: (1 - s) q + s / C */
    UNUSED;
    double smoothing;
    ValueId logits = tensor_of(e, at->loc, &args[0], DT_F32),
            labels = tensor_of(e, at->loc, &args[1], DT_I32);
    if (logits == IR_NONE || labels == IR_NONE || !real_of(e, at->loc, &args[2], "smoothing", &smoothing))
        return (Value){0};
    const Type type = *func_type(e->func, logits);
    if (type.rank != 2)
        return eval_error(e, at->loc, "cross_entropy wants logits [rows, classes], not %s",
                          type_text(e->arena, &type));
    Value target = args[1], minus_one = value_number(-1, true), no = value_bool(false), none = value_none();
    if (dtype_is_int(func_type(e->func, labels)->dtype)) {
        Value two[] = {args[1], value_number((double)type.dim[1], true)};
        target = b_one_hot(e, at, two, 2);
    }
    if (smoothing != 0) {
        Value keep = value_number(1 - smoothing, false),
              add = value_number(smoothing / (double)type.dim[1], false);
        target = value_binary(e, at->loc, OP_mul, &target, &keep);
        target = value_binary(e, at->loc, OP_add, &target, &add);
    }
    Value log_p = value_tensor(e, at->loc, ir_unary(e->func, OP_log_softmax, logits));
    Value product = value_binary(e, at->loc, OP_mul, &target, &log_p);
    Value sum = reduce(e, at->loc, OP_sum, &product, &minus_one, &no);
    Value mean = mean_of(e, at->loc, &sum, &none, &no);
    return value_unary(e, at->loc, OP_neg, &mean);
}

static Value index_op(Elaborator *e, const Expr *at, Value *args, OpKind op) {
    int64_t axis;
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    if (x == IR_NONE || !int_of(e, at->loc, &args[1], "axis", &axis)) return (Value){0};
    return value_tensor(e, at->loc, func_emit(e->func, op, &x, 1, (Attr[]){{.i = axis}}));
}

BUILTIN(b_argmax) {
    UNUSED;
    return index_op(e, at, args, OP_argmax);
}
BUILTIN(b_argsort) {
    UNUSED;
    return index_op(e, at, args, OP_argsort);
}

/* ---- shapes -------------------------------------------------------------------------------------------------------------- */

/* Sizes from numbers, or from a single list of them. */
static bool sizes_of(Elaborator *e, Loc loc, const Value *list, Ints *out, bool allow_minus) {
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
    return true;
}

BUILTIN(b_reshape) {
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
        else
            known *= shape.v[k];
    }
    if (open >= 0) shape.v[open] = known > 0 && all % known == 0 ? all / known : 0;
    if (open >= 0 && shape.v[open] == 0)
        return eval_error(e, at->loc, "%s does not divide into groups of %lld",
                          type_text(e->arena, func_type(e->func, x)), (long long)known);
    return value_tensor(e, at->loc, ir_reshape(e->func, x, shape.n, shape.v));
}

BUILTIN(b_transpose) {
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
        return eval_error(e, at->loc, "%d axes given to transpose %s", perm.n, show_value(e, &args[0]));
    return value_tensor(e, at->loc, ir_transpose(e->func, x, perm.v));
}

BUILTIN(b_broadcast) {
    UNUSED;
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    Ints shape;
    if (x == IR_NONE || !sizes_of(e, at->loc, &args[1], &shape, false)) return (Value){0};
    return value_tensor(e, at->loc, ir_broadcast(e->func, x, shape.n, shape.v));
}

static bool tensors_of(Elaborator *e, Loc loc, const Value *list, ValueId **out) {
    if (!is_list(list) || list->count == 0 || list->count > 60000) {
        eval_error(e, loc, "a list of tensors was expected, not %s", show_value(e, list));
        return false;
    }
    *out = ARENA_ARRAY(e->arena, ValueId, list->count);
    for (size_t i = 0; i < list->count; i++)
        if (((*out)[i] = tensor_of(e, loc, &list->items[i], DT_F32)) == IR_NONE) return false;
    return true;
}

BUILTIN(b_concat) {
    UNUSED;
    ValueId *x;
    int64_t axis;
    if (!tensors_of(e, at->loc, &args[0], &x) || !int_of(e, at->loc, &args[1], "axis", &axis))
        return (Value){0};
    int rank = func_type(e->func, x[0])->rank;
    if (axis < 0) axis += rank;
    return value_tensor(e, at->loc,
                        args[0].count == 1 ? x[0] : ir_concat(e->func, (int)args[0].count, x, (int)axis));
}

BUILTIN(b_stack) {
    UNUSED;
    ValueId *x;
    int64_t axis;
    if (!tensors_of(e, at->loc, &args[0], &x) || !int_of(e, at->loc, &args[1], "axis", &axis))
        return (Value){0};
    for (size_t i = 0; i < args[0].count; i++) {
        Type type = *func_type(e->func, x[i]);
        int64_t place = axis < 0 ? axis + type.rank + 1 : axis;
        if (place < 0 || place > type.rank || type.rank == IR_MAX_RANK)
            return eval_error(e, at->loc, "axis %lld to stack %s", (long long)axis,
                              type_text(e->arena, &type));
        for (int k = type.rank; k > place; k--) type.dim[k] = type.dim[k - 1];
        type.dim[place] = 1;
        x[i] = ir_reshape(e->func, x[i], type.rank + 1, type.dim);
        if (i + 1 == args[0].count) axis = place;
    }
    return value_tensor(e, at->loc, ir_concat(e->func, (int)args[0].count, x, (int)axis));
}

BUILTIN(b_split) {
    UNUSED;
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    int64_t parts, axis, start[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
    if (x == IR_NONE || !int_of(e, at->loc, &args[1], "the number of parts", &parts) ||
        !int_of(e, at->loc, &args[2], "axis", &axis))
        return (Value){0};
    Type type = *func_type(e->func, x);
    if (axis < 0) axis += type.rank;
    if (axis < 0 || axis >= type.rank || parts < 1 || type.dim[axis] % parts)
        return eval_error(e, at->loc, "%s does not split into %lld parts along axis %lld",
                          type_text(e->arena, &type), (long long)parts, (long long)axis);
    for (int k = 0; k < type.rank; k++) step[k] = 1;
    Value list = value_list(e, V_LIST, (size_t)parts);
    int64_t size = type.dim[axis] / parts;
    for (int64_t i = 0; i < parts; i++) {
        start[axis] = i * size;
        type.dim[axis] = (i + 1) * size;
        list.items[i] = value_tensor(e, at->loc, ir_slice(e->func, x, start, type.dim, step));
    }
    return list;
}

BUILTIN(b_pad) {
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
        if (!is_list(pair) || pair->count != 2 || !int_of(e, at->loc, &pair->items[0], "padding", &low[k]) ||
            !int_of(e, at->loc, &pair->items[1], "padding", &high[k]))
            return eval_error(e, at->loc, "pad wants (low, high) for each axis");
    }
    return value_tensor(e, at->loc, ir_pad(e->func, x, low, high, value));
}

static Value indexed(Elaborator *e, const Expr *at, Value *args, OpKind op, int n) {
    ValueId x[3];
    int64_t batch;
    for (int i = 0; i < n; i++)
        if ((x[i] = tensor_of(e, at->loc, &args[i], i == 1 ? DT_I32 : DT_F32)) == IR_NONE) return (Value){0};
    if (!int_of(e, at->loc, &args[n], "batch", &batch)) return (Value){0};
    if (dtype_is_float(func_type(e->func, x[1])->dtype)) x[1] = ir_cast(e->func, x[1], DT_I32);
    return value_tensor(e, at->loc, func_emit(e->func, op, x, n, (Attr[]){{.i = batch}}));
}

BUILTIN(b_gather) {
    UNUSED;
    return indexed(e, at, args, OP_gather, 2);
}
BUILTIN(b_scatter) {
    UNUSED;
    return indexed(e, at, args, OP_scatter, 3);
}
BUILTIN(b_scatter_add) {
    UNUSED;
    return indexed(e, at, args, OP_scatter_add, 3);
}

/* One number for both directions, or two. */
static bool pair_of(Elaborator *e, Loc loc, const Value *v, const char *what, Ints *out) {
    out->n = 2;
    if (is_list(v) && v->count == 2)
        return int_of(e, loc, &v->items[0], what, &out->v[0]) &&
               int_of(e, loc, &v->items[1], what, &out->v[1]);
    bool good = int_of(e, loc, v, what, &out->v[0]);
    out->v[1] = out->v[0];
    return good;
}

BUILTIN(b_unfold) {
    UNUSED;
    Attr attrs[3] = {{0}};
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    if (x == IR_NONE || !pair_of(e, at->loc, &args[1], "kernel", &attrs[0].ints) ||
        !pair_of(e, at->loc, &args[2], "stride", &attrs[1].ints) ||
        !pair_of(e, at->loc, &args[3], "padding", &attrs[2].ints))
        return (Value){0};
    return value_tensor(e, at->loc, func_emit(e->func, OP_unfold, &x, 1, attrs));
}

BUILTIN(b_fold) {
    UNUSED;
    Attr attrs[4] = {{0}};
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    if (x == IR_NONE || !pair_of(e, at->loc, &args[1], "size", &attrs[0].ints) ||
        !pair_of(e, at->loc, &args[2], "kernel", &attrs[1].ints) ||
        !pair_of(e, at->loc, &args[3], "stride", &attrs[2].ints) ||
        !pair_of(e, at->loc, &args[4], "padding", &attrs[3].ints))
        return (Value){0};
    return value_tensor(e, at->loc, func_emit(e->func, OP_fold, &x, 1, attrs));
}

static Value filled(Elaborator *e, const Expr *at, const Value *sizes, double value, InitKind init) {
    Ints shape;
    if (sizes->count == 0) return (Value){.kind = V_INIT, .init = init, .a = value};
    if (!sizes_of(e, at->loc, sizes, &shape, false)) return (Value){0};
    return value_tensor(e, at->loc,
                        ir_broadcast(e->func, ir_constant(e->func, value, DT_F32), shape.n, shape.v));
}

BUILTIN(b_zeros) {
    UNUSED;
    return filled(e, at, &args[0], 0, INIT_CONSTANT);
}
BUILTIN(b_ones) {
    UNUSED;
    return filled(e, at, &args[0], 1, INIT_CONSTANT);
}

BUILTIN(b_full) {
    UNUSED;
    double value;
    Value wrapped = {.kind = V_LIST, .items = &args[0], .count = 1};
    return real_of(e, at->loc, &args[1], "value", &value) ? filled(e, at, &wrapped, value, INIT_CONSTANT)
                                                          : (Value){0};
}

BUILTIN(b_arange) {
    UNUSED;
    int64_t size;
    if (!int_of(e, at->loc, &args[0], "a size", &size)) return (Value){0};
    return value_tensor(e, at->loc, ir_iota(e->func, 1, &size, 0, DT_F32));
}

BUILTIN(b_iota) {
    UNUSED;
    Ints shape;
    int64_t axis;
    Value wrapped = {.kind = V_LIST, .items = &args[0], .count = 1};
    if (!sizes_of(e, at->loc, &wrapped, &shape, false) || !int_of(e, at->loc, &args[1], "axis", &axis))
        return (Value){0};
    return value_tensor(e, at->loc, ir_iota(e->func, shape.n, shape.v, (int)axis, DT_F32));
}

BUILTIN(b_shape) {
    UNUSED;
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    if (x == IR_NONE) return (Value){0};
    const Type *type = func_type(e->func, x);
    Value list = value_list(e, V_TUPLE, type->rank);
    for (int k = 0; k < type->rank; k++) list.items[k] = value_number((double)type->dim[k], true);
    return list;
}

BUILTIN(b_dim) {
    UNUSED;
    Value shape = b_shape(e, at, args, 1);
    return shape.kind == V_POISON ? shape : value_index(e, at, &shape, &args[1], 1);
}

BUILTIN(b_rank) {
    UNUSED;
    Value shape = b_shape(e, at, args, 1);
    return shape.kind == V_POISON ? shape : value_number((double)shape.count, true);
}

/* ---- lists, numbers ------------------------------------------------------------------------------------------------------- */

BUILTIN(b_len) {
    UNUSED;
    if (is_list(&args[0])) return value_number((double)args[0].count, true);
    return eval_error(e, at->loc, "len of %s", show_value(e, &args[0]));
}

BUILTIN(b_range) {
    UNUSED;
    int64_t start, stop, step;
    if (!int_of(e, at->loc, &args[0], "a bound", &start) || !int_of(e, at->loc, &args[2], "a step", &step))
        return (Value){0};
    stop = start;
    if (args[1].kind == V_NONE)
        start = 0;
    else if (!int_of(e, at->loc, &args[1], "a bound", &stop))
        return (Value){0};
    if (step == 0) return eval_error(e, at->loc, "a step of 0");
    int64_t count = step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
    if (count < 0) count = 0;
    if (count > 100000) return eval_error(e, at->loc, "a range of %lld numbers", (long long)count);
    Value list = value_list(e, V_LIST, (size_t)count);
    for (int64_t i = 0; i < count; i++) list.items[i] = value_number((double)(start + i * step), true);
    return list;
}

BUILTIN(b_zip) {
    UNUSED;
    size_t count = SIZE_MAX;
    for (size_t i = 0; i < args[0].count; i++) {
        if (!is_list(&args[0].items[i]))
            return eval_error(e, at->loc, "zip of %s", show_value(e, &args[0].items[i]));
        if (args[0].items[i].count < count) count = args[0].items[i].count;
    }
    Value list = value_list(e, V_LIST, args[0].count ? count : 0);
    for (size_t j = 0; j < list.count; j++) {
        list.items[j] = value_list(e, V_TUPLE, args[0].count);
        for (size_t i = 0; i < args[0].count; i++) list.items[j].items[i] = args[0].items[i].items[j];
    }
    return list;
}

BUILTIN(b_enumerate) {
    UNUSED;
    if (!is_list(&args[0])) return eval_error(e, at->loc, "enumerate of %s", show_value(e, &args[0]));
    Value list = value_list(e, V_LIST, args[0].count);
    for (size_t i = 0; i < list.count; i++) {
        list.items[i] = value_list(e, V_TUPLE, 2);
        list.items[i].items[0] = value_number((double)i, true);
        list.items[i].items[1] = args[0].items[i];
    }
    return list;
}

BUILTIN(b_int) {
    UNUSED;
    double x;
    return real_of(e, at->loc, &args[0], "a number", &x) ? value_number(trunc(x), true) : (Value){0};
}
BUILTIN(b_ceil) {
    UNUSED;
    double x;
    return real_of(e, at->loc, &args[0], "a number", &x) ? value_number(ceil(x), true) : (Value){0};
}
BUILTIN(b_float) {
    UNUSED;
    double x;
    return real_of(e, at->loc, &args[0], "a number", &x) ? value_number(x, false) : (Value){0};
}
BUILTIN(b_known) {
    UNUSED;
    (void)e, (void)at;
    return value_bool(is_number(&args[0]));
}
BUILTIN(b_isnone) {
    UNUSED;
    (void)e, (void)at;
    return value_bool(args[0].kind == V_NONE);
}

/* Built by the evaluator itself: it alone knows the names. */
BUILTIN(b_record) {
    UNUSED;
    (void)args;
    return eval_error(e, at->loc, "record(name=value, …)");
}

/* ---- parameters and state ---------------------------------------------------------------------------------------------------- */

static Value initialiser(Elaborator *e, const Expr *at, InitKind kind, const Value *a, const Value *b) {
    Value init = {.kind = V_INIT, .init = kind};
    if (!real_of(e, at->loc, a, "an initialiser's number", &init.a) ||
        !real_of(e, at->loc, b, "an initialiser's number", &init.b))
        return (Value){0};
    return init;
}

BUILTIN(b_constant) {
    UNUSED;
    Value zero = value_number(0, false);
    return initialiser(e, at, INIT_CONSTANT, &args[0], &zero);
}

/* With shape=(…): a value for `state:`, which has no other place to say it. */
static Value shaped(Elaborator *e, const Expr *at, Value init, const Value *shape) {
    Ints sizes;
    if (init.kind == V_POISON || shape->kind == V_NONE) return init;
    Value wrapped = {.kind = V_LIST, .items = (Value *)shape, .count = 1};
    if (!sizes_of(e, at->loc, &wrapped, &sizes, false)) return (Value){0};
    init.items = ARENA_ARRAY(e->arena, Value, (size_t)sizes.n + 1);
    init.count = (size_t)sizes.n;
    for (int k = 0; k < sizes.n; k++) init.items[k] = value_number((double)sizes.v[k], true);
    return init;
}

BUILTIN(b_normal) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_NORMAL, &args[1], &args[0]), &args[2]);
}
BUILTIN(b_trunc_normal) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_TRUNC_NORMAL, &args[1], &args[0]), &args[2]);
}
BUILTIN(b_uniform) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_UNIFORM, &args[0], &args[1]), &args[2]);
}

static Type type_of_sizes(const Ints *sizes, DType dtype) {
    return type_make(dtype, sizes->n, sizes->v);
}

BUILTIN(b_param) {
    UNUSED;
    Ints sizes;
    int decay = -1;
    bool trainable, decays;
    if (!sizes_of(e, at->loc, &args[0], &sizes, false) ||
        !bool_of(e, at->loc, &args[3], "trainable", &trainable))
        return (Value){0};
    if (args[2].kind != V_NONE) {
        if (!bool_of(e, at->loc, &args[2], "decay", &decays)) return (Value){0};
        decay = decays;
    }
    return make_param(e, at->loc, type_of_sizes(&sizes, DT_F32), &args[1], decay, trainable,
                      args[4].kind == V_STRING ? args[4].text : NULL);
}

BUILTIN(b_buffer) {
    UNUSED;
    return make_buffer(e, at->loc, &args[0], NULL, args[1].kind == V_STRING ? args[1].text : NULL);
}

BUILTIN(b_note) {
    UNUSED;
    double value;
    if (args[0].kind != V_STRING) return eval_error(e, at->loc, "note('NAME', number)");
    if (!real_of(e, at->loc, &args[1], "a note's value", &value)) return (Value){0};
    RecipeNote note = {e->application ? e->application->definition->signature.name : NULL, args[0].text,
                       value};
    for (size_t i = 0; i < e->n_notes; i++) {
        const RecipeNote *known = &e->notes[i];
        if (known->network == note.network && !strcmp(known->name, note.name) && known->value == value)
            return value_none();
    }
    ARENA_PUSH(e->arena, e->notes, e->n_notes, e->notes_capacity, note);
    return value_none();
}

BUILTIN(b_draw) {
    UNUSED;
    Ints sizes;
    if (args[0].kind != V_STRING) return eval_error(e, at->loc, "draw('SAMPLER', sizes…)");
    if (!sizes_of(e, at->loc, &args[1], &sizes, false)) return (Value){0};
    return make_draw(e, at, args[0].text, type_of_sizes(&sizes, DT_F32), at, args, NULL);
}

static const Builtin TABLE[] = {
    {"abs", "x", b_abs},
    {"exp", "x", b_exp},
    {"log", "x", b_log},
    {"sqrt", "x", b_sqrt},
    {"rsqrt", "x", b_rsqrt},
    {"sin", "x", b_sin},
    {"cos", "x", b_cos},
    {"tanh", "x", b_tanh},
    {"erf", "x", b_erf},
    {"sigmoid", "x", b_sigmoid},
    {"floor", "x", b_floor},
    {"sign", "x", b_sign},
    {"gelu", "x approximate=false", b_gelu},
    {"stop_grad", "x", b_stop_grad},
    {"where", "c a b", b_where},
    {"cast", "x dtype", b_cast},
    {"sum", "x axis=none keep=false", b_sum},
    {"mean", "x axis=none keep=false", b_mean},
    {"max", "x axis=none keep=false", b_max},
    {"min", "x axis=none keep=false", b_min},
    {"var", "x axis=none keep=false unbiased=false", b_var},
    {"std", "x axis=none keep=false unbiased=false", b_std},
    {"argmax", "x axis=-1", b_argmax},
    {"argsort", "x axis=-1", b_argsort},
    {"softmax", "x axis=-1", b_softmax},
    {"log_softmax", "x axis=-1", b_log_softmax},
    {"logsumexp", "x axis=-1", b_logsumexp},
    {"layernorm", "x w b eps=1e-6", b_layernorm},
    {"normalize", "x axis=-1 eps=1e-12", b_normalize},
    {"cross_entropy", "logits labels smoothing=0", b_cross_entropy},
    {"one_hot", "i n", b_one_hot},
    {"reshape", "x *sizes", b_reshape},
    {"transpose", "x *axes", b_transpose},
    {"broadcast", "x *sizes", b_broadcast},
    {"concat", "list axis=0", b_concat},
    {"stack", "list axis=0", b_stack},
    {"split", "x n axis=-1", b_split},
    {"pad", "x widths value=0", b_pad},
    {"gather", "x i batch=0", b_gather},
    {"scatter", "x i rows batch=0", b_scatter},
    {"scatter_add", "x i rows batch=0", b_scatter_add},
    {"unfold", "x kernel stride padding=0", b_unfold},
    {"fold", "x size kernel stride padding=0", b_fold},
    {"zeros", "*sizes", b_zeros},
    {"ones", "*sizes", b_ones},
    {"full", "shape value", b_full},
    {"arange", "n", b_arange},
    {"iota", "shape axis=0", b_iota},
    {"shape", "x", b_shape},
    {"dim", "x axis", b_dim},
    {"rank", "x", b_rank},
    {"len", "list", b_len},
    {"range", "a b=none step=1", b_range},
    {"zip", "*lists", b_zip},
    {"enumerate", "list", b_enumerate},
    {"int", "x", b_int},
    {"ceil", "x", b_ceil},
    {"float", "x", b_float},
    {"isnone", "x", b_isnone},
    {"known", "x", b_known},
    {"record", "*none", b_record},
    {"constant", "value", b_constant},
    {"normal", "std=1 mean=0 shape=none", b_normal},
    {"trunc_normal", "std=0.02 mean=0 shape=none", b_trunc_normal},
    {"uniform", "low=-1 high=1 shape=none", b_uniform},
    {"param", "*sizes init=zeros decay=none trainable=true name=none", b_param},
    {"buffer", "value name=none", b_buffer},
    {"draw", "sampler *sizes", b_draw},
    {"note", "name value", b_note},
};
enum { N_BUILTINS = sizeof TABLE / sizeof *TABLE };

const Builtin *builtin_find(const char *name) {
    for (int i = 0; i < N_BUILTINS; i++)
        if (TABLE[i].name[0] == name[0] && strcmp(TABLE[i].name, name) == 0) return &TABLE[i];
    return NULL;
}

const char *const *builtin_names(size_t *n) {
    static const char *names[N_BUILTINS];
    for (int i = 0; i < N_BUILTINS; i++) names[i] = TABLE[i].name;
    *n = N_BUILTINS;
    return names;
}
