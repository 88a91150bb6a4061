/* Builtins along an axis: order, and sums up to each element. */
#include "frontend/builtins/builtins.h"

/* The tensor, and an axis of it as the operator's attribute: from the end if it was given so. */
static bool along(Evaluator *e, const Expr *at, const Value *x, const Value *axis, ValueId *id, int *place,
                  int64_t *given) {
    Type type;
    if (!tensor_with_type(e, at->loc, x, DT_F32, id, &type)) return false;
    if (type.rank == 0) {
        eval_error(e, at->loc, "a scalar has no axis to go along");
        return false;
    }
    if (!axis_of(e, at->loc, axis, type.rank, place)) return false;
    *given = (int64_t)axis->number;
    return true;
}

static Value arg_extreme(Evaluator *e, const Expr *at, Value *args, bool largest) {
    ValueId x;
    int place;
    int64_t axis;
    if (!along(e, at, &args[0], &args[1], &x, &place, &axis)) return (Value){0};
    if (!largest && func_type(e->func, x)->dtype == DT_BOOL) x = ir_cast(e->func, x, DT_I32);
    if (!largest) x = ir_unary(e->func, OP_neg, x);
    return value_tensor(e, at->loc, func_emit(e->func, OP_argmax, &x, 1, &(AlongAttrs){.axis = axis}));
}

FUNCTION(b_argmax) {
    UNUSED;
    return arg_extreme(e, at, args, true);
}
FUNCTION(b_argmin) {
    UNUSED;
    return arg_extreme(e, at, args, false);
}

FUNCTION(b_argsort) {
    UNUSED;
    ValueId x;
    int place;
    OrderAttrs attrs = {.count = 0};
    bool descending;
    if (!along(e, at, &args[0], &args[1], &x, &place, &attrs.axis) ||
        !bool_of(e, at->loc, &args[2], "descending", &descending))
        return (Value){0};
    attrs.descending = descending;
    return value_tensor(e, at->loc, func_emit(e->func, OP_argsort, &x, 1, &attrs));
}

ValueId axes_exchanged(Evaluator *e, ValueId x, int i, int j) {
    int64_t perm[IR_MAX_RANK];
    if (x == IR_NONE || i == j) return x;
    for (int k = 0; k < func_type(e->func, x)->rank; k++) perm[k] = k;
    perm[i] = j;
    perm[j] = i;
    return ir_transpose(e->func, x, perm);
}

/* The elements of an axis in order, the first `count` of them (0: all), and where they were. */
static bool ordered(Evaluator *e, ValueId x, int axis, bool descending, int64_t count, ValueId *values,
                    ValueId *places) {
    int last = func_type(e->func, x)->rank - 1;
    x = axes_exchanged(e, x, axis, last);
    *places = func_emit(e->func, OP_argsort, &x, 1,
                        &(OrderAttrs){.axis = -1, .descending = descending, .count = count});
    if (*places == IR_NONE) return false;
    *values = axes_exchanged(e, ir_gather(e->func, x, *places, last), axis, last);
    *places = axes_exchanged(e, *places, axis, last);
    return *values != IR_NONE;
}

FUNCTION(b_sort) {
    UNUSED;
    ValueId x, values, places;
    int axis;
    int64_t given;
    bool descending;
    if (!along(e, at, &args[0], &args[1], &x, &axis, &given) ||
        !bool_of(e, at->loc, &args[2], "descending", &descending))
        return (Value){0};
    bool good = ordered(e, x, axis, descending, 0, &values, &places);
    return value_tensor(e, at->loc, good ? values : IR_NONE);
}

FUNCTION(b_top_k) {
    UNUSED;
    ValueId x, found[2];
    int axis;
    int64_t given, k;
    bool largest;
    if (!along(e, at, &args[0], &args[2], &x, &axis, &given) || !int_of(e, at->loc, &args[1], "k", &k) ||
        !bool_of(e, at->loc, &args[3], "largest", &largest))
        return (Value){0};
    const Type *type = func_type(e->func, x);
    if (k < 1 || k > type->dim[axis])
        return eval_error(e, at->loc, "top_k of %lld along axis %d of %s: there are %lld", (long long)k, axis,
                          type_text(e->arena, type), (long long)type->dim[axis]);
    if (!ordered(e, x, axis, largest, k, &found[0], &found[1])) return value_tensor(e, at->loc, IR_NONE);
    return record_of(e, at->loc, 2, (const char *const[]){"values", "indices"}, found);
}

FUNCTION(b_cumsum) {
    UNUSED;
    ValueId x;
    int place;
    ScanAttrs attrs = {.axis = 0};
    bool reverse;
    if (!along(e, at, &args[0], &args[1], &x, &place, &attrs.axis) ||
        !bool_of(e, at->loc, &args[2], "reverse", &reverse))
        return (Value){0};
    attrs.reverse = reverse;
    if (func_type(e->func, x)->dtype == DT_BOOL) x = ir_cast(e->func, x, DT_I32);
    return value_tensor(e, at->loc, func_emit(e->func, OP_cumsum, &x, 1, &attrs));
}
