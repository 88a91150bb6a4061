/* Builtins that compute: elementwise functions, reductions, rows. */
#include "frontend/builtins/builtins.h"

#include <math.h>
#include <string.h>

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

FUNCTION(b_stop_grad) {
    UNUSED;
    if (is_number(&args[0])) return args[0];
    return value_tensor(e, at->loc, ir_unary(e->func, OP_stop_grad, tensor_of(e, at->loc, &args[0], DT_F32)));
}

FUNCTION(b_gelu) {
    UNUSED;
    bool approximate;
    if (!bool_of(e, at->loc, &args[1], "approximate", &approximate)) return (Value){0};
    return value_tensor(e, at->loc, ir_gelu(e->func, tensor_of(e, at->loc, &args[0], DT_F32), approximate));
}

/* Axes from none, a number or a tuple; false after an error. */
static bool axes_of(Evaluator *e, Loc loc, const Value *v, int rank, Ints *out) {
    *out = (Ints){0};
    if (v->kind == V_NONE) {
        for (int k = 0; k < rank; k++) out->v[out->n++] = k;
        return true;
    }
    size_t n = is_list(v) ? v->count : 1;
    if (n > IR_MAX_RANK) {
        eval_error(e, loc, "%zu axes: a value has at most %d", n, IR_MAX_RANK);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int axis;
        if (!axis_of(e, loc, is_list(v) ? &v->items[i] : v, rank, &axis)) return false;
        out->v[out->n++] = axis;
    }
    return true;
}

static Value reduce_value(Evaluator *e, Loc loc, OpKind op, const Value *x, const Value *axis,
                          const Value *keep_value) {
    ValueId id;
    Type type;
    bool keep;
    Ints axes;
    if (!tensor_with_type(e, loc, x, DT_F32, &id, &type) || !bool_of(e, loc, keep_value, "keep", &keep))
        return (Value){0};
    if (type.dtype == DT_BOOL) id = ir_cast(e->func, id, DT_F32);
    if (!axes_of(e, loc, axis, type.rank, &axes)) return (Value){0};
    if (axes.n == 0) return value_tensor(e, loc, id);
    return value_tensor(e, loc, ir_reduce(e->func, op, id, axes.n, axes.v, keep));
}

/* A list is folded over its elements, and has no axes. */
static bool list_has_no_axes(Evaluator *e, Loc loc, const Value *args) {
    if (args[1].kind == V_NONE && args[2].kind == V_BOOL && args[2].number == 0) return true;
    eval_error(e, loc, "a list has no axes: stack(list) makes a tensor of it");
    return false;
}

/* Over a list: a fold of the binary operator. */
static Value fold_list(Evaluator *e, Loc loc, OpKind op, const Value *list) {
    if (list->count == 0)
        return op == OP_add ? value_number(0, true) : eval_error(e, loc, "of an empty list");
    Value sum = list->items[0];
    if (!is_number(&sum) && !is_tensor(&sum))
        return eval_error(e, loc, "a list of numbers or tensors was expected, not of %s",
                          show_value(e, &sum));
    for (size_t i = 1; i < list->count && sum.kind != V_POISON; i++)
        sum = spend(e, loc, 1) ? value_binary(e, loc, op, &sum, &list->items[i]) : (Value){0};
    return sum;
}

FUNCTION(b_sum) {
    UNUSED;
    if (is_list(&args[0]))
        return list_has_no_axes(e, at->loc, args) ? fold_list(e, at->loc, OP_add, &args[0]) : (Value){0};
    if (is_number(&args[0])) return args[0];
    return reduce_value(e, at->loc, OP_sum, &args[0], &args[1], &args[2]);
}

/* How many elements are met along the axes; false after an error. */
static bool count_along(Evaluator *e, Loc loc, const Value *x, const Value *axis, double *count) {
    ValueId id;
    Type type;
    Ints axes;
    *count = 1;
    if (!tensor_with_type(e, loc, x, DT_F32, &id, &type) || !axes_of(e, loc, axis, type.rank, &axes))
        return false;
    for (int i = 0; i < axes.n; i++) *count *= (double)type.dim[axes.v[i]];
    return true;
}

static Value mean_value(Evaluator *e, Loc loc, const Value *x, const Value *axis, const Value *keep) {
    double count;
    Value sum = reduce_value(e, loc, OP_sum, x, axis, keep);
    if (sum.kind == V_POISON || !count_along(e, loc, x, axis, &count)) return (Value){0};
    Value scale = value_number(1 / count, false);
    return value_binary(e, loc, OP_mul, &sum, &scale);
}

FUNCTION(b_mean) {
    UNUSED;
    if (is_list(&args[0])) {
        if (args[0].count == 0) return eval_error(e, at->loc, "mean of an empty list");
        if (!list_has_no_axes(e, at->loc, args)) return (Value){0};
        Value sum = fold_list(e, at->loc, OP_add, &args[0]),
              count = value_number((double)args[0].count, false);
        return value_binary(e, at->loc, OP_div, &sum, &count);
    }
    return is_number(&args[0]) ? args[0] : mean_value(e, at->loc, &args[0], &args[1], &args[2]);
}

static Value extreme(Evaluator *e, const Expr *at, Value *args, bool largest) {
    if (is_list(&args[0]))
        return list_has_no_axes(e, at->loc, args) ? fold_list(e, at->loc, largest ? OP_max : OP_min, &args[0])
                                                  : (Value){0};
    /* max(a, b), or max(x, axis=…): a tensor or a real as second argument is an operand */
    bool axis_given = false;
    for (size_t i = 0; i < at->n_args; i++)
        axis_given = axis_given || (at->args[i]->keyword && strcmp(at->args[i]->keyword, "axis") == 0);
    if (args[1].kind != V_NONE && !axis_given)
        return value_binary(e, at->loc, largest ? OP_max : OP_min, &args[0], &args[1]);
    if (largest) return reduce_value(e, at->loc, OP_amax, &args[0], &args[1], &args[2]);
    Value flipped = value_unary(e, at->loc, OP_neg, &args[0]);
    Value most = reduce_value(e, at->loc, OP_amax, &flipped, &args[1], &args[2]);
    return value_unary(e, at->loc, OP_neg, &most);
}

/* max(x, 1) of a tensor's name that has an axis 1 of several elements: where other languages name the axis second. A
 * bound is seldom put on a name alone by a whole number but 0, and can be written 1.0. */
static void warn_of_axis(Evaluator *e, const Expr *at, const Value *x, const char *name) {
    if (at->n_args != 2 || at->args[0]->kind != EXPR_NAME || x->kind != V_TENSOR || x->func != e->func)
        return;
    const Expr *second = at->args[1];
    const Type *type = func_type(e->func, x->id);
    bool axis = second->kind == EXPR_NUMBER && !second->keyword && second->is_int && second->number >= 1 &&
                second->number < type->rank && type->dim[(int)second->number] > 1;
    if (!axis) return;
    diag_warning(e->diags, second->loc,
                 "%s(%s, %g) compares each element with %g; over axis %g it is %s(%s, axis=%g) (a bound is "
                 "clearer as %g.0)",
                 name, at->args[0]->text, second->number, second->number, second->number, name,
                 at->args[0]->text, second->number, second->number);
}

FUNCTION(b_max) {
    UNUSED;
    warn_of_axis(e, at, &args[0], "max");
    return extreme(e, at, args, true);
}
FUNCTION(b_min) {
    UNUSED;
    warn_of_axis(e, at, &args[0], "min");
    return extreme(e, at, args, false);
}

FUNCTION(b_var) {
    UNUSED;
    bool unbiased, keep;
    double count;
    if (!bool_of(e, at->loc, &args[3], "unbiased", &unbiased) ||
        !bool_of(e, at->loc, &args[2], "keep", &keep) || !count_along(e, at->loc, &args[0], &args[1], &count))
        return (Value){0};
    if (unbiased && count < 2) return eval_error(e, at->loc, "unbiased variance of one element");
    Value yes = value_bool(true), mean = mean_value(e, at->loc, &args[0], &args[1], &yes);
    Value centred = value_binary(e, at->loc, OP_sub, &args[0], &mean),
          square = value_binary(e, at->loc, OP_mul, &centred, &centred);
    Value sum = reduce_value(e, at->loc, OP_sum, &square, &args[1], &args[2]);
    Value scale = value_number(1 / (count - (unbiased ? 1 : 0)), false);
    return value_binary(e, at->loc, OP_mul, &sum, &scale);
}

FUNCTION(b_std) {
    Value variance = b_var(e, at, args, n);
    return value_unary(e, at->loc, OP_sqrt, &variance);
}

FUNCTION(b_where) {
    UNUSED;
    if (is_number(&args[0]) && args[0].scalar && is_number(&args[1]) && is_number(&args[2]))
        return made_of(e, at->loc, "select", args, 3, args[args[0].number != 0 ? 1 : 2]);
    if (!is_tensor(&args[0])) {
        bool truth;
        return bool_of(e, at->loc, &args[0], "the condition", &truth) ? args[truth ? 1 : 2] : (Value){0};
    }
    ValueId c, a, b;
    Type type;
    DType like = DT_F32;
    if (!tensor_with_type(e, at->loc, &args[0], DT_BOOL, &c, &type)) return (Value){0};
    if (!is_tensor(&args[1]) && !is_tensor(&args[2]) && type.rank == 0) like = DT_F64;
    bool elements = type.rank > 0;
    for (int i = 1; i < 3; i++)
        if (is_tensor(&args[i])) {
            if (!tensor_with_type(e, at->loc, &args[i], DT_F32, &a, &type)) return (Value){0};
            like = (DType)type.dtype;
            elements = elements || type.rank > 0;
        }
    for (int i = 1; i < 3 && elements; i++) pin(e, at->loc, &args[i]); /* no scalars of the step */
    a = tensor_of(e, at->loc, &args[1], like);
    b = a == IR_NONE ? a : tensor_of(e, at->loc, &args[2], like);
    if (b == IR_NONE) return (Value){0};
    if (func_type(e->func, a)->dtype != func_type(e->func, b)->dtype) {
        DType to = func_type(e->func, a)->rank ? (DType)func_type(e->func, a)->dtype
                                               : (DType)func_type(e->func, b)->dtype;
        a = ir_cast(e->func, a, to);
        b = ir_cast(e->func, b, to);
    }
    return value_tensor(e, at->loc, ir_select(e->func, c, a, b));
}

static const struct {
    const char *name;
    DType dtype;
} DTYPES[] = {{"f32", DT_F32}, {"f64", DT_F64}, {"i32", DT_I32}, {"i64", DT_I64}, {"bool", DT_BOOL}};

FUNCTION(b_cast) {
    UNUSED;
    for (size_t i = 0; i < sizeof DTYPES / sizeof *DTYPES; i++)
        if (args[1].kind == V_STRING && strcmp(args[1].text, DTYPES[i].name) == 0)
            return value_tensor(
                e, at->loc,
                ir_cast(e->func, tensor_of(e, at->loc, &args[0], DTYPES[i].dtype), DTYPES[i].dtype));
    return eval_error(e, at->loc, "cast to %s: 'f32', 'f64', 'i32', 'i64' or 'bool'",
                      show_value(e, &args[1]));
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static Value along_axis(Evaluator *e, const Expr *at, Value *args, OpKind op) {
    ValueId x;
    Type type;
    int axis;
    if (!tensor_with_type(e, at->loc, &args[0], DT_F32, &x, &type) ||
        !axis_of(e, at->loc, &args[1], type.rank, &axis))
        return (Value){0};
    int64_t perm[IR_MAX_RANK];
    int last = type.rank - 1;
    for (int k = 0; k <= last; k++) perm[k] = k;
    perm[axis] = last;
    perm[last] = axis;
    if (axis != last) x = ir_transpose(e->func, x, perm);
    x = ir_unary(e->func, op, x);
    if (axis != last) x = ir_transpose(e->func, x, perm);
    return value_tensor(e, at->loc, x);
}

FUNCTION(b_softmax) {
    UNUSED;
    return along_axis(e, at, args, OP_softmax);
}
FUNCTION(b_log_softmax) {
    UNUSED;
    return along_axis(e, at, args, OP_log_softmax);
}

FUNCTION(b_logsumexp) {
    UNUSED;
    Value yes = value_bool(true), no = value_bool(false);
    Value top = reduce_value(e, at->loc, OP_amax, &args[0], &args[1], &yes);
    if (top.kind == V_POISON) return top;
    top = b_stop_grad(e, at, &top, 1);
    Value t = value_binary(e, at->loc, OP_sub, &args[0], &top);
    t = value_unary(e, at->loc, OP_exp, &t);
    t = reduce_value(e, at->loc, OP_sum, &t, &args[1], &yes);
    t = value_unary(e, at->loc, OP_log, &t);
    t = value_binary(e, at->loc, OP_add, &t, &top);
    return reduce_value(e, at->loc, OP_sum, &t, &args[1], &no);
}

FUNCTION(b_layernorm) {
    UNUSED;
    double eps;
    if (!real_in(e, at->loc, &args[3], "eps", 0, MOST, &eps)) return (Value){0};
    ValueId x[3];
    for (int i = 0; i < 3; i++)
        if ((x[i] = tensor_of(e, at->loc, &args[i], DT_F32)) == IR_NONE) return (Value){0};
    return value_tensor(e, at->loc, ir_layernorm(e->func, x[0], x[1], x[2], eps));
}

FUNCTION(b_normalize) { /* x / max(‖x‖, eps) */
    UNUSED;
    Value yes = value_bool(true), square = value_binary(e, at->loc, OP_mul, &args[0], &args[0]);
    Value norm = reduce_value(e, at->loc, OP_sum, &square, &args[1], &yes);
    norm = value_unary(e, at->loc, OP_sqrt, &norm);
    double eps;
    if (is_number(&args[2]) && !real_in(e, at->loc, &args[2], "eps", 0, MOST, &eps)) return (Value){0};
    norm = value_binary(e, at->loc, OP_max, &norm, &args[2]);
    return value_binary(e, at->loc, OP_div, &args[0], &norm);
}

FUNCTION(b_one_hot) {
    UNUSED;
    int64_t classes;
    ValueId i;
    Type type;
    if (!tensor_with_type(e, at->loc, &args[0], DT_I32, &i, &type) ||
        !int_of(e, at->loc, &args[1], "the number of classes", &classes))
        return (Value){0};
    if (type.rank == IR_MAX_RANK || classes < 1)
        return eval_error(e, at->loc, "one_hot of %s", show_value(e, &args[0]));
    bound_input(e, i, classes);
    type.dim[type.rank] = 1;
    i = ir_reshape(e->func, i, type.rank + 1, type.dim);
    ValueId numbers = ir_iota(e->func, 1, &classes, 0, (DType)type.dtype);
    return value_tensor(e, at->loc, ir_cast(e->func, ir_binary(e->func, OP_eq, i, numbers), DT_F32));
}

/* Whether labels are certain to be classes: numbers counted up, an argmax, a constant. Others may come from data,
 * where an image may have none (-1). */
static bool are_classes(const Func *func, ValueId labels, int64_t classes) {
    const Node *node = func_node(func, labels);
    while (node->op == OP_cast || node->op == OP_reshape || node->op == OP_broadcast || node->op == OP_slice)
        node = func_node(func, node->operands[0]);
    double number = node->op == OP_constant ? constant_attrs(node)->value : -1;
    if (node->op == OP_constant) return number >= 0 && number < (double)classes;
    if (node->op != OP_iota && node->op != OP_argmax) return false;
    const Type *over = node->op == OP_iota ? &node->type : func_type(func, node->operands[0]);
    int64_t axis = node->op == OP_iota ? iota_attrs(node)->axis : along_attrs(node)->axis;
    return over->dim[axis < 0 ? axis + over->rank : axis] <= classes;
}

/* The mean of the rows' losses whose label is a class; 0 where none is. */
static Value mean_of_classes(Evaluator *e, Loc loc, Value *rows, ValueId labels, int64_t classes) {
    Func *func = e->func;
    DType dtype = (DType)func_type(func, labels)->dtype;
    ValueId above = ir_binary(func, OP_ge, labels, ir_constant(func, 0, dtype)),
            below = ir_binary(func, OP_lt, labels, ir_constant(func, (double)classes, dtype)),
            is = ir_binary(func, OP_and, above, below);
    Value kept = value_tensor(e, loc, ir_select(func, is, rows->id, ir_constant(func, 0, DT_F32)));
    Value count = value_tensor(e, loc, ir_cast(func, is, DT_F32)), none = value_none(),
          no = value_bool(false), one = value_number(1, true);
    Value sum = reduce_value(e, loc, OP_sum, &kept, &none, &no);
    count = reduce_value(e, loc, OP_sum, &count, &none, &no);
    count = value_binary(e, loc, OP_max, &count, &one);
    return value_binary(e, loc, OP_div, &sum, &count);
}

/* Numbers of classes i32[rows], or probabilities [rows, classes], of which one row may stand for all. */
static bool labels_fit(Evaluator *e, Loc loc, const Type *logits, const Type *labels) {
    bool whole = dtype_is_int(labels->dtype);
    int64_t rows = labels->rank ? labels->dim[0] : 0, wanted = logits->dim[0];
    if (whole ? labels->rank == 1 && rows == wanted
              : labels->rank == 2 && labels->dim[1] == logits->dim[1] && (rows == wanted || rows == 1))
        return true;
    const char *hint = "";
    if (labels->rank == 1 && !whole) hint = ": classes are whole numbers, `cast(labels, 'i32')`";
    if (labels->rank == 1 && whole && rows > wanted)
        hint = arena_printf(e->arena, ": the first are `[:%lld]`", (long long)wanted);
    eval_error(e, loc,
               "cross_entropy of logits %s wants classes i32[%lld] or probabilities f32[%lldx%lld], not %s%s",
               type_text(e->arena, logits), (long long)wanted, (long long)wanted, (long long)logits->dim[1],
               type_text(e->arena, labels), hint);
    return false;
}

FUNCTION(b_cross_entropy) { /* mean over rows of -Σ q log p; q smoothed: (1 - s) q + s / C */
    UNUSED;
    double smoothing;
    ValueId logits, labels;
    Type type, label_type;
    if (!tensor_with_type(e, at->loc, &args[0], DT_F32, &logits, &type) ||
        !tensor_with_type(e, at->loc, &args[1], DT_I32, &labels, &label_type) ||
        !real_in(e, at->loc, &args[2], "smoothing", 0, 1, &smoothing))
        return (Value){0};
    if (type.rank != 2)
        return eval_error(e, at->loc, "cross_entropy wants logits [rows, classes], not %s",
                          type_text(e->arena, &type));
    if (!labels_fit(e, at->loc, &type, &label_type)) return (Value){0};
    Value target = args[1], minus_one = value_number(-1, true), no = value_bool(false), none = value_none();
    if (dtype_is_int(label_type.dtype)) {
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
    Value sum = reduce_value(e, at->loc, OP_sum, &product, &minus_one, &no);
    bool open = dtype_is_int(label_type.dtype) && sum.kind == V_TENSOR &&
                type_equal(func_type(e->func, sum.id),
                           &(Type){.dtype = DT_F32, .rank = 1, .dim = {label_type.dim[0]}}) &&
                label_type.rank == 1 && !are_classes(e->func, labels, type.dim[1]);
    Value mean = open ? mean_of_classes(e, at->loc, &sum, labels, type.dim[1])
                      : mean_value(e, at->loc, &sum, &none, &no);
    return value_unary(e, at->loc, OP_neg, &mean);
}
