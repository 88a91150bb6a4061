/* Arithmetic of numbers known now and of tensors, mixed as in Python and NumPy. */
#include "frontend/evaluate/evaluator.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The remainder with the divisor's sign, exactly. */
static double remainder_of(double x, double y) {
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

/* Whether an operator takes n scalars of this type, and what it makes of them. */
static bool takes(OpKind op, size_t n, DType dtype, Type *out) {
    const Type type = type_scalar(dtype), *operands[] = {&type, &type, &type};
    char error[256];
    return op_infer(op, operands, (int)n, NULL, out, error, sizeof error);
}

static Value number_operator(Evaluator *e, Loc loc, OpKind op, const Value *args, size_t n) {
    double x[3] = {0}, z;
    bool whole = true;
    Type type;
    for (size_t i = 0; i < n; i++) {
        x[i] = args[i].number;
        whole = whole && args[i].kind != V_REAL;
    }
    const char *name = op_info(op)->name;
    if ((takes(op, n, DT_F64, &type) || takes(op, n, DT_BOOL, &type)) && type.dtype == DT_BOOL)
        return made_of(e, loc, name, args, n, value_bool(op_of_numbers(op, x) != 0));
    z = op == OP_rem ? remainder_of(x[0], x[1]) : op_of_numbers(op, x);
    if (op == OP_floor)
        whole = true;
    else if (op == OP_pow)
        whole = whole && x[1] >= 0;
    else
        whole = whole && op != OP_div && takes(op, n, DT_I64, &type);
    if (isfinite(z)) return made_of(e, loc, name, args, n, value_number(z, whole));
    if (n == 1) return eval_error(e, loc, "%s of %g is no finite number", name, x[0]);
    return eval_error(e, loc, "%s of %g and %g is no finite number", name, x[0], x[1]);
}

/* The common element type: reals before integers, f32 tensors before f64 scalars. */
static DType common_type(const Type *a, const Type *b) {
    if (a->dtype == b->dtype) return (DType)a->dtype;
    bool fa = dtype_is_float(a->dtype), fb = dtype_is_float(b->dtype);
    if (a->dtype == DT_F64 && fb) return a->rank == 0 ? (DType)b->dtype : DT_F64;
    if (b->dtype == DT_F64 && fa) return b->rank == 0 ? (DType)a->dtype : DT_F64;
    if (fa || fb) {
        const Type *real = fa ? a : b, *other = fa ? b : a;
        return real->dtype == DT_F64 && other->rank > 0 ? DT_F32 : (DType)real->dtype;
    }
    if (a->dtype == DT_BOOL) return (DType)b->dtype;
    if (b->dtype == DT_BOOL) return (DType)a->dtype;
    return DT_I64;
}

/* Both operands as tensors of one type; arithmetic takes no bools, which become numbers. */
static bool unify(Evaluator *e, Loc loc, const Value *a, const Value *b, ValueId *x, ValueId *y,
                  bool arithmetic) {
    const Value *tensor = is_tensor(a) ? a : b;
    ValueId id = tensor_of(e, loc, tensor, DT_F32);
    if (id == IR_NONE) return false;
    DType dtype = (DType)func_type(e->func, id)->dtype;
    const Value *other = tensor == a ? b : a;
    if (!dtype_is_float(dtype) || func_type(e->func, id)->rank)
        pin(e, loc, other); /* no scalar of the step */
    if (dtype == DT_BOOL && arithmetic) dtype = DT_F32;
    if (is_number(other) && other->kind == V_REAL && other->number != floor(other->number) &&
        !dtype_is_float(dtype))
        dtype = DT_F32;
    if (other->kind == V_BOOL && !arithmetic && func_type(e->func, id)->dtype == DT_BOOL) dtype = DT_BOOL;
    *x = tensor_of(e, loc, a, dtype);
    *y = tensor_of(e, loc, b, dtype);
    if (*x == IR_NONE || *y == IR_NONE) return false;
    if (is_tensor(a) && is_tensor(b)) {
        dtype = common_type(func_type(e->func, *x), func_type(e->func, *y));
        if (dtype == DT_BOOL && arithmetic) dtype = DT_F32;
    }
    *x = ir_cast(e->func, *x, dtype);
    *y = ir_cast(e->func, *y, dtype);
    return true;
}

static bool is_function(const Value *v) {
    return v->kind == V_NETWORK || v->kind == V_MODULE || v->kind == V_BUILTIN;
}

Value value_binary(Evaluator *e, Loc loc, OpKind op, const Value *a, const Value *b) {
    if (a->kind == V_POISON || b->kind == V_POISON) return (Value){0};
    if ((op == OP_div || op == OP_rem) && is_number(b) && b->number == 0)
        return eval_error(e, loc, "division by zero");
    if (is_number(a) && is_number(b)) return number_operator(e, loc, op, (Value[]){*a, *b}, 2);
    if ((a->kind == V_STRING && b->kind == V_STRING) && (op == OP_eq || op == OP_ne))
        return value_bool((strcmp(a->text, b->text) == 0) == (op == OP_eq));
    if ((a->kind == V_NONE || b->kind == V_NONE) && (op == OP_eq || op == OP_ne))
        return value_bool((a->kind == b->kind) == (op == OP_eq));
    if (op == OP_add && is_list(a) && is_list(b)) {
        Value list = value_list(e, loc, V_LIST, a->count + b->count);
        if (list.kind == V_POISON) return list;
        memcpy(list.items, a->items, sizeof(Value) * a->count);
        memcpy(list.items + a->count, b->items, sizeof(Value) * b->count);
        return close_list(e, loc, list);
    }
    if (!(is_tensor(a) || is_number(a)) || !(is_tensor(b) || is_number(b)))
        return eval_error(e, loc, "%s of %s and %s: numbers or tensors were expected%s", op_info(op)->name,
                          show_value(e, a), show_value(e, b),
                          is_list(a) || is_list(b)           ? " (`+` joins two lists)"
                          : is_function(a) || is_function(b) ? " (a function is called: `name(…)`)"
                                                             : "");
    ValueId x, y;
    Type type;
    e->func->error[0] = '\0';
    if (!unify(e, loc, a, b, &x, &y, !takes(op, 2, DT_BOOL, &type))) return (Value){0};
    if (op == OP_div && dtype_is_int(func_type(e->func, x)->dtype)) {
        x = ir_cast(e->func, x, DT_F32);
        y = ir_cast(e->func, y, DT_F32);
    }
    return value_tensor(e, loc, ir_binary(e->func, op, x, y));
}

Value value_unary(Evaluator *e, Loc loc, OpKind op, const Value *x) {
    Type type;
    if (x->kind == V_POISON) return *x;
    if (is_number(x)) return number_operator(e, loc, op, x, 1);
    ValueId id = tensor_of(e, loc, x, DT_F32);
    if (id == IR_NONE) return (Value){0};
    bool of_reals = takes(op, 1, DT_F32, &type) && !takes(op, 1, DT_I64, &type);
    if (of_reals && !dtype_is_float(func_type(e->func, id)->dtype)) id = ir_cast(e->func, id, DT_F32);
    return value_tensor(e, loc, ir_unary(e->func, op, id));
}

Value value_operator(Evaluator *e, Loc loc, OpKind op, const Value *args, size_t n) {
    assert(n == 1 || n == 2);
    return n == 1 ? value_unary(e, loc, op, &args[0]) : value_binary(e, loc, op, &args[0], &args[1]);
}
