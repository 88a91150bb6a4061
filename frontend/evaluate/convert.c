/* Values converted to what is asked for: a whole number, an axis, a condition, a tensor of the function at hand. */
#include "frontend/evaluate/evaluator.h"

#include <float.h>
#include <math.h>
#include <string.h>

Value value_of(const Evaluator *e, ValueId id) {
    return (Value){.kind = V_TENSOR, .id = id, .func = e->func};
}

Value value_tensor(Evaluator *e, Loc loc, ValueId id) {
    if (id != IR_NONE) return value_of(e, id);
    Value poison = {0};
    if (e->func->error[0]) poison = eval_error(e, loc, "%s", e->func->error);
    e->func->error[0] = '\0';
    return poison;
}

bool int_of(Evaluator *e, Loc loc, const Value *v, const char *what, int64_t *out) {
    *out = 0;
    if (v->kind == V_POISON) return false;
    if (!is_number(v) || v->number != floor(v->number) || !(fabs(v->number) <= 1e15)) {
        value_error(e, loc, v, "%s must be a whole number, not %s", what, show_value(e, v));
        return false;
    }
    pin(e, loc, v);
    *out = (int64_t)v->number;
    return true;
}

bool axis_of(Evaluator *e, Loc loc, const Value *v, int rank, int *out) {
    int64_t axis;
    *out = 0;
    if (!int_of(e, loc, v, "an axis", &axis)) return false;
    if (axis < -rank || axis >= rank) {
        value_error(e, loc, v, "axis %lld of a value of rank %d%s", (long long)axis, rank,
                    rank ? "" : ": a scalar has no axes");
        return false;
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool real_in(Evaluator *e, Loc loc, const Value *v, const char *what, double low, double high, double *out) {
    if (!real_of(e, loc, v, what, out)) return false;
    if (*out >= low && *out <= high) return true;
    value_error(e, loc, v, "%s = %g is outside %g..%g", what, *out, low, high);
    return false;
}

bool real_of(Evaluator *e, Loc loc, const Value *v, const char *what, double *out) {
    *out = 0;
    if (v->kind == V_POISON) return false;
    if (!is_number(v)) {
        value_error(e, loc, v, "%s must be a number known at compile time, not %s", what, show_value(e, v));
        return false;
    }
    pin(e, loc, v);
    *out = v->number;
    return true;
}

bool bool_of(Evaluator *e, Loc loc, const Value *v, const char *what, bool *out) {
    *out = false;
    if (v->kind == V_POISON) return false;
    if (is_tensor(v)) {
        bool chooses = strcmp(what, "a condition") == 0; /* of `if`, for which tensors have where() */
        value_error(e, loc, v, "%s must be known at compile time, not %s%s", what, show_value(e, v),
                    chooses ? " (use `when`, or where(c, a, b))" : "");
        return false;
    }
    demand_same(e, loc, v);
    *out = is_number(v) ? v->number != 0 : is_list(v) ? v->count > 0 : v->kind != V_NONE;
    return true;
}

/* Whether a constant of this type can hold the number. Reals are rounded to the type, whole numbers have to be
 * exact. */
static bool has_number(DType dtype, double x) {
    switch (dtype) {
    case DT_F32: return fabs(x) <= FLT_MAX;
    case DT_BF16: return fabs(x) <= 0x1.fep127;
    case DT_F64: return isfinite(x);
    case DT_I32: return x == floor(x) && x >= INT32_MIN && x <= INT32_MAX;
    case DT_I64: return x == floor(x) && fabs(x) <= 0x1p53;
    default: return x == 0 || x == 1;
    }
}

bool check_number(Evaluator *e, Loc loc, double x, DType dtype) {
    if (has_number(dtype, x)) return true;
    eval_error(e, loc, "%.17g is no %s", x, dtype_name(dtype));
    return false;
}

ValueId tensor_of(Evaluator *e, Loc loc, const Value *v, DType wanted) {
    if (v->kind == V_STATE) return read_state(e, v->state);
    if (v->kind == V_TENSOR && v->func == e->func) return v->id;
    if (is_number(v)) {
        if (!check_number(e, loc, v->number, wanted)) return IR_NONE;
        if (v->scalar && (wanted == DT_F64 || wanted == DT_F32))
            return ir_cast(e->func, setting_input(e, v), wanted);
        pin(e, loc, v);
        return ir_constant(e->func, v->number, wanted);
    }
    if (v->kind == V_TENSOR)
        name_error(e, loc,
                   "a value of the training step is not known here (`embed` sees its view, networks and "
                   "states)");
    else if (v->kind != V_POISON)
        value_error(e, loc, v, "a tensor or number was expected, not %s%s", show_value(e, v),
                    is_list(v) ? " (stack(list) makes one of it)" : "");
    return IR_NONE;
}

bool tensor_with_type(Evaluator *e, Loc loc, const Value *v, DType wanted, ValueId *id, Type *type) {
    *id = tensor_of(e, loc, v, wanted);
    if (*id == IR_NONE) return false;
    *type = *func_type(e->func, *id);
    return true;
}

bool check_type(Evaluator *e, Loc loc, const Type *type) {
    if (type_fits(type)) return true;
    eval_error(e, loc, "a tensor of %s is too large: at most 2^%d elements", type_text(e->arena, type),
               IR_MAX_ELEMENTS_LOG2);
    return false;
}

ValueId scalar_of(Evaluator *e, Loc loc, const Value *value, DType dtype, const char *what) {
    ValueId id = tensor_of(e, loc, value, dtype);
    if (id == IR_NONE) return id;
    const Type *type = func_type(e->func, id);
    if (type_elements(type) != 1) {
        value_error(e, loc, value, "%s must be one number, not %s (mean(…) or sum(…) makes one of it)", what,
                    type_text(e->arena, type));
        return IR_NONE;
    }
    id = ir_reshape(e->func, id, 0, NULL);
    return dtype_is_float(func_type(e->func, id)->dtype) ? id : ir_cast(e->func, id, dtype);
}
