/* Builtins of lists, numbers known now, and records. */
#include "frontend/builtins/builtins.h"

#include <math.h>

FUNCTION(b_len) {
    UNUSED;
    if (is_list(&args[0])) return value_number((double)args[0].count, true);
    return value_error(e, at->loc, &args[0], "len counts a list, not %s%s", show_value(e, &args[0]),
                       is_tensor(&args[0]) ? " (dim(x, axis) is a size of a tensor)" : "");
}

FUNCTION(b_range) {
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
    Value list = value_list(e, at->loc, V_LIST, (size_t)count);
    for (size_t i = 0; i < list.count; i++)
        list.items[i] = value_number((double)(start + (int64_t)i * step), true);
    return close_list(e, at->loc, list);
}

FUNCTION(b_zip) {
    UNUSED;
    size_t count = SIZE_MAX;
    for (size_t i = 0; i < args[0].count; i++) {
        if (!is_list(&args[0].items[i]))
            return value_error(e, at->loc, &args[0].items[i], "zip takes lists, not %s",
                               show_value(e, &args[0].items[i]));
        if (args[0].items[i].count < count) count = args[0].items[i].count;
    }
    Value list = value_list(e, at->loc, V_LIST, args[0].count ? count : 0);
    for (size_t j = 0; j < list.count; j++) {
        Value tuple = value_list(e, at->loc, V_TUPLE, args[0].count);
        for (size_t i = 0; i < tuple.count; i++) tuple.items[i] = args[0].items[i].items[j];
        list.items[j] = close_list(e, at->loc, tuple);
        if (list.items[j].kind == V_POISON) return list.items[j];
    }
    return close_list(e, at->loc, list);
}

FUNCTION(b_enumerate) {
    UNUSED;
    if (!is_list(&args[0]))
        return value_error(e, at->loc, &args[0], "enumerate takes a list, not %s", show_value(e, &args[0]));
    Value list = value_list(e, at->loc, V_LIST, args[0].count);
    for (size_t i = 0; i < list.count; i++) {
        Value pair = value_list(e, at->loc, V_TUPLE, 2);
        if (pair.kind == V_POISON) return pair;
        pair.items[0] = value_number((double)i, true);
        pair.items[1] = args[0].items[i];
        list.items[i] = close_list(e, at->loc, pair);
        if (list.items[i].kind == V_POISON) return list.items[i];
    }
    return close_list(e, at->loc, list);
}

/* A number, or an error: others are not known now. */
static bool is_known(Evaluator *e, const Expr *at, const Value *v, const char *what) {
    double unused;
    return is_number(v) || (real_of(e, at->loc, v, what, &unused) && false);
}

FUNCTION(b_int) {
    UNUSED;
    if (!is_known(e, at, args, "the argument of int")) return (Value){0};
    return made_of(e, at->loc, "trunc", args, 1, value_number(trunc(args[0].number), true));
}
FUNCTION(b_ceil) {
    UNUSED;
    if (!is_known(e, at, args, "the argument of ceil")) return (Value){0};
    return made_of(e, at->loc, "ceil", args, 1, value_number(ceil(args[0].number), true));
}
FUNCTION(b_float) {
    UNUSED;
    if (!is_known(e, at, args, "the argument of float")) return (Value){0};
    Value real = value_number(args[0].number, false);
    real.scalar = args[0].scalar;
    return real;
}
FUNCTION(b_known) {
    UNUSED;
    (void)e, (void)at;
    return value_bool(is_number(&args[0]));
}
FUNCTION(b_is_tensor) {
    UNUSED;
    (void)e, (void)at;
    return value_bool(is_tensor(&args[0]));
}
FUNCTION(b_is_whole) {
    UNUSED;
    (void)e, (void)at;
    return value_bool(is_number(&args[0]) && args[0].number == floor(args[0].number));
}
FUNCTION(b_isnone) {
    UNUSED;
    (void)e, (void)at;
    return value_bool(args[0].kind == V_NONE);
}

FUNCTION(b_record) {
    UNUSED;
    if (args[0].count) {
        const Expr *field = at;
        for (size_t i = at->n_args; i-- > 0;)
            if (!at->args[i]->keyword) field = at->args[i];
        return eval_error(e, field->loc, "a record's fields have names: record(name=value)");
    }
    Names known = {0};
    for (size_t i = 0; i < at->n_args; i++)
        if (!names_set(e->arena, &known, at->args[i]->keyword, 0))
            return eval_error(e, at->args[i]->loc, "field '%s' is given twice", at->args[i]->keyword);
    return close_list(e, at->loc, args[1]);
}

Value record_of(Evaluator *e, Loc loc, size_t n, const char *const *names, const ValueId *values) {
    Value record = {.kind = V_RECORD, .count = n};
    record.items = ARENA_ARRAY(e->arena, Value, n);
    record.names = ARENA_ARRAY(e->arena, const char *, n);
    for (size_t i = 0; i < n; i++) {
        record.names[i] = names[i];
        record.items[i] = value_tensor(e, loc, values[i]);
    }
    return close_list(e, loc, record);
}
