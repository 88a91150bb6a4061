/* Arithmetic between compile-time numbers and symbolic tensors, and indexing. */
#include "frontend/eval.h"

#include <math.h>
#include <string.h>

Value value_number(double x, bool is_int) {
    return (Value){.kind = is_int ? V_INT : V_REAL, .number = x};
}
Value value_bool(bool x) {
    return (Value){.kind = V_BOOL, .number = x};
}
Value value_none(void) {
    return (Value){.kind = V_NONE};
}
bool is_number(const Value *v) {
    return v->kind == V_INT || v->kind == V_REAL || v->kind == V_BOOL;
}
bool is_tensor(const Value *v) {
    return v->kind == V_TENSOR || v->kind == V_STATE;
}

Value value_tensor(Elaborator *e, Loc loc, ValueId id) {
    if (id != IR_NONE) return (Value){.kind = V_TENSOR, .id = id};
    return eval_error(e, loc, "%s", e->func->error[0] ? e->func->error : "this cannot be computed");
}

Value value_list(Elaborator *e, ValueKind kind, size_t n) {
    return (Value){.kind = kind, .items = ARENA_ARRAY(e->arena, Value, n + 1), .count = n};
}

bool int_of(Elaborator *e, Loc loc, const Value *v, const char *what, int64_t *out) {
    if (v->kind == V_POISON) return false;
    if (!is_number(v) || v->number != floor(v->number) || fabs(v->number) > 1e15) {
        eval_error(e, loc, "%s must be a whole number, not %s", what, show_value(e, v));
        return false;
    }
    *out = (int64_t)v->number;
    return true;
}

bool real_of(Elaborator *e, Loc loc, const Value *v, const char *what, double *out) {
    if (v->kind == V_POISON) return false;
    if (!is_number(v)) {
        eval_error(e, loc, "%s must be a number known at compile time, not %s", what, show_value(e, v));
        return false;
    }
    *out = v->number;
    return true;
}

bool bool_of(Elaborator *e, Loc loc, const Value *v, const char *what, bool *out) {
    if (v->kind == V_POISON) return false;
    if (is_tensor(v)) {
        eval_error(e, loc, "%s must be known at compile time, not %s (use where(c, a, b))", what,
                   show_value(e, v));
        return false;
    }
    *out = v->kind == V_NONE ? false : v->kind == V_STRING || v->kind >= V_LIST ? true : v->number != 0;
    if (v->kind == V_LIST || v->kind == V_TUPLE) *out = v->count > 0;
    return true;
}

ValueId state_value(Elaborator *e, uint32_t state) {
    StateInfo *info = &e->states[state];
    if (info->current == IR_NONE) info->current = func_read_state(e->func, state);
    return info->current;
}

ValueId tensor_of(Elaborator *e, Loc loc, const Value *v, DType wanted) {
    if (v->kind == V_TENSOR) return v->id;
    if (v->kind == V_STATE) return state_value(e, v->state);
    if (is_number(v)) return ir_constant(e->func, v->number, wanted);
    if (v->kind != V_POISON) eval_error(e, loc, "a tensor or number was expected, not %s", show_value(e, v));
    return IR_NONE;
}

/* ---- arithmetic ---------------------------------------------------------------------------------------------- */

static Value number_binary(Elaborator *e, Loc loc, OpKind op, const Value *a, const Value *b) {
    double x = a->number, y = b->number;
    bool ints = a->kind != V_REAL && b->kind != V_REAL;
    switch (op) {
    case OP_add: return value_number(x + y, ints);
    case OP_sub: return value_number(x - y, ints);
    case OP_mul: return value_number(x * y, ints);
    case OP_pow: return value_number(pow(x, y), ints && y >= 0);
    case OP_max: return value_number(x > y ? x : y, ints);
    case OP_min: return value_number(x < y ? x : y, ints);
    case OP_div:
    case OP_rem:
        if (y == 0) return eval_error(e, loc, "division by zero");
        return op == OP_div ? value_number(x / y, false) : value_number(x - y * floor(x / y), ints);
    case OP_eq: return value_bool(x == y);
    case OP_ne: return value_bool(x != y);
    case OP_lt: return value_bool(x < y);
    case OP_le: return value_bool(x <= y);
    case OP_gt: return value_bool(x > y);
    case OP_ge: return value_bool(x >= y);
    default: return eval_error(e, loc, "not an operation of numbers");
    }
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

/* Both operands as tensors of one type. */
static bool unify(Elaborator *e, Loc loc, const Value *a, const Value *b, ValueId *x, ValueId *y,
                  bool arithmetic) {
    const Value *tensor = is_tensor(a) ? a : b;
    ValueId id = tensor_of(e, loc, tensor, DT_F32);
    if (id == IR_NONE) return false;
    DType dtype = (DType)func_type(e->func, id)->dtype;
    const Value *other = tensor == a ? b : a;
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

Value value_binary(Elaborator *e, Loc loc, OpKind op, const Value *a, const Value *b) {
    if (a->kind == V_POISON || b->kind == V_POISON) return (Value){0};
    if (is_number(a) && is_number(b)) return number_binary(e, loc, op, a, b);
    if ((a->kind == V_STRING && b->kind == V_STRING) && (op == OP_eq || op == OP_ne))
        return value_bool((strcmp(a->text, b->text) == 0) == (op == OP_eq));
    if ((a->kind == V_NONE || b->kind == V_NONE) && (op == OP_eq || op == OP_ne))
        return value_bool((a->kind == b->kind) == (op == OP_eq));
    if (op == OP_add && (a->kind == V_LIST || a->kind == V_TUPLE) &&
        (b->kind == V_LIST || b->kind == V_TUPLE)) {
        Value list = value_list(e, V_LIST, a->count + b->count);
        memcpy(list.items, a->items, sizeof(Value) * a->count);
        memcpy(list.items + a->count, b->items, sizeof(Value) * b->count);
        return list;
    }
    if (!(is_tensor(a) || is_number(a)) || !(is_tensor(b) || is_number(b)))
        return eval_error(e, loc, "%s of %s and %s", op_info(op)->name, show_value(e, a), show_value(e, b));
    ValueId x, y;
    e->func->error[0] = '\0';
    if (!unify(e, loc, a, b, &x, &y, op < OP_eq)) return (Value){0};
    if (op == OP_div && dtype_is_int(func_type(e->func, x)->dtype)) {
        x = ir_cast(e->func, x, DT_F32);
        y = ir_cast(e->func, y, DT_F32);
    }
    return value_tensor(e, loc, ir_binary(e->func, op, x, y));
}

Value value_unary(Elaborator *e, Loc loc, OpKind op, const Value *x) {
    if (x->kind == V_POISON) return *x;
    if (is_number(x)) {
        double v = x->number;
        switch (op) {
        case OP_neg: return value_number(-v, x->kind != V_REAL);
        case OP_abs: return value_number(fabs(v), x->kind != V_REAL);
        case OP_sign: return value_number((v > 0) - (v < 0), x->kind != V_REAL);
        case OP_exp: return value_number(exp(v), false);
        case OP_log: return v > 0 ? value_number(log(v), false) : eval_error(e, loc, "log of %g", v);
        case OP_sqrt: return v >= 0 ? value_number(sqrt(v), false) : eval_error(e, loc, "sqrt of %g", v);
        case OP_rsqrt: return v > 0 ? value_number(1 / sqrt(v), false) : eval_error(e, loc, "rsqrt of %g", v);
        case OP_sin: return value_number(sin(v), false);
        case OP_cos: return value_number(cos(v), false);
        case OP_tanh: return value_number(tanh(v), false);
        case OP_erf: return value_number(erf(v), false);
        case OP_floor: return value_number(floor(v), true);
        case OP_not: return value_bool(v == 0);
        case OP_sigmoid: return value_number(1 / (1 + exp(-v)), false);
        default: return *x;
        }
    }
    ValueId id = tensor_of(e, loc, x, DT_F32);
    if (id == IR_NONE) return (Value){0};
    LoopClass wants_real = op_info(op)->cost >= 4 ? LOOP_ELEMENTWISE : LOOP_SOURCE;
    if (wants_real == LOOP_ELEMENTWISE && !dtype_is_float(func_type(e->func, id)->dtype))
        id = ir_cast(e->func, id, DT_F32);
    return value_tensor(e, loc, ir_unary(e->func, op, id));
}

/* An operand that is a transposition of its last two axes is read the other way round instead. */
static ValueId untransposed(Elaborator *e, ValueId id, bool *flag) {
    const Node *node = func_node(e->func, id);
    int n = node->type.rank;
    if (node->op != OP_transpose) return id;
    for (int k = 0; k < n - 2; k++)
        if (node->attrs[0].ints.v[k] != k) return id;
    if (node->attrs[0].ints.v[n - 1] != n - 2) return id;
    *flag = true;
    return node->operands[0];
}

Value value_matmul(Elaborator *e, Loc loc, const Value *a, const Value *b) {
    ValueId x = tensor_of(e, loc, a, DT_F32), y = tensor_of(e, loc, b, DT_F32);
    if (x == IR_NONE || y == IR_NONE) return (Value){0};
    Type tx = *func_type(e->func, x), ty = *func_type(e->func, y);
    if (tx.rank < 1 || ty.rank < 2)
        return eval_error(e, loc, "@ wants matrices: %s @ %s", type_text(e->arena, &tx),
                          type_text(e->arena, &ty));
    bool flatten = ty.rank == 2 && tx.rank != 2, ta = false, tb = false;
    y = untransposed(e, y, &tb);
    if (!flatten)
        x = untransposed(e, x, &ta);
    else {
        int64_t rows = type_elements(&tx) / tx.dim[tx.rank - 1];
        x = ir_reshape(e->func, x, 2, (int64_t[]){rows, tx.dim[tx.rank - 1]});
    }
    ValueId product = ir_matmul(e->func, x, y, ta, tb);
    if (product != IR_NONE && flatten) {
        tx.dim[tx.rank - 1] = func_type(e->func, product)->dim[1];
        product = ir_reshape(e->func, product, tx.rank, tx.dim);
    }
    return value_tensor(e, loc, product);
}

/* ---- indexing --------------------------------------------------------------------------------------------------- */

static bool slice_bounds(Elaborator *e, Loc loc, const Value *slice, int64_t size, int64_t *start,
                         int64_t *stop, int64_t *step) {
    *start = 0;
    *stop = size;
    *step = 1;
    if (slice->items[0].kind != V_NONE && !int_of(e, loc, &slice->items[0], "a slice's start", start))
        return false;
    if (slice->items[1].kind != V_NONE && !int_of(e, loc, &slice->items[1], "a slice's end", stop))
        return false;
    if (slice->items[2].kind != V_NONE && !int_of(e, loc, &slice->items[2], "a slice's step", step))
        return false;
    if (*start < 0) *start += size;
    if (*stop < 0) *stop += size;
    if (*stop > size) *stop = size;
    if (*start < 0) *start = 0;
    if (*step >= 1) return true;
    eval_error(e, loc, "a slice's step must be 1 or more");
    return false;
}

static Value index_list(Elaborator *e, Loc loc, const Value *base, const Value *index) {
    if (index->kind == V_SLICE) {
        int64_t start, stop, step;
        if (!slice_bounds(e, loc, index, (int64_t)base->count, &start, &stop, &step)) return (Value){0};
        size_t n = start < stop ? (size_t)((stop - start + step - 1) / step) : 0;
        Value list = value_list(e, V_LIST, n);
        for (size_t i = 0; i < n; i++) list.items[i] = base->items[(size_t)start + i * (size_t)step];
        return list;
    }
    int64_t i;
    if (!int_of(e, loc, index, "an index", &i)) return (Value){0};
    if (i < 0) i += (int64_t)base->count;
    if (i < 0 || i >= (int64_t)base->count)
        return eval_error(e, loc, "index %g of a list of %zu", index->number, base->count);
    return base->items[i];
}

Value value_index(Elaborator *e, const Expr *at, const Value *base, const Value *index, size_t n) {
    if (base->kind == V_POISON) return *base;
    if (base->kind == V_LIST || base->kind == V_TUPLE) {
        if (n != 1) return eval_error(e, at->loc, "a list takes one index");
        return index_list(e, at->loc, base, &index[0]);
    }
    ValueId id = tensor_of(e, at->loc, base, DT_F32);
    if (id == IR_NONE) return (Value){0};
    Type type = *func_type(e->func, id);
    int64_t start[IR_MAX_RANK], limit[IR_MAX_RANK], step[IR_MAX_RANK], shape[IR_MAX_RANK * 2];
    int axis = 0, rank = 0, used = 0;
    for (size_t i = 0; i < n; i++) {
        if (index[i].kind == V_POISON) return index[i];
        used += index[i].kind != V_NONE && index[i].kind != V_ELLIPSIS;
    }
    if (used > type.rank)
        return eval_error(e, at->loc, "%d indices for %s", used, type_text(e->arena, &type));
    if (n == 1 && is_tensor(&index[0])) { /* x[indices] */
        ValueId rows = tensor_of(e, at->loc, &index[0], DT_I32);
        return value_tensor(e, at->loc, ir_gather(e->func, id, rows, 0));
    }
    for (int k = 0; k < type.rank; k++) start[k] = 0, limit[k] = type.dim[k], step[k] = 1;
    bool sliced = false, full = false;
    for (size_t i = 0; i < n || axis < type.rank;) {
        const Value *v = i < n ? &index[i] : NULL;
        if (v && v->kind == V_ELLIPSIS) {
            int whole = type.rank - used;
            for (; whole > 0; whole--) shape[rank++] = type.dim[axis++];
            full = true;
            i++;
        } else if (v && v->kind == V_NONE) {
            shape[rank++] = 1;
            i++;
        } else if (v && v->kind == V_SLICE) {
            if (!slice_bounds(e, at->loc, v, type.dim[axis], &start[axis], &limit[axis], &step[axis]))
                return (Value){0};
            if (start[axis] >= limit[axis])
                return eval_error(e, at->loc, "slice %lld:%lld of axis %d of %s is empty",
                                  (long long)start[axis], (long long)limit[axis], axis,
                                  type_text(e->arena, &type));
            sliced = sliced || start[axis] > 0 || limit[axis] < type.dim[axis] || step[axis] > 1;
            shape[rank++] = (limit[axis] - start[axis] + step[axis] - 1) / step[axis];
            axis++, i++;
        } else if (v) {
            int64_t k;
            if (is_tensor(v))
                return eval_error(e, at->loc,
                                  "a tensor can only be the single index of the first axis; use gather");
            if (!int_of(e, at->loc, v, "an index", &k)) return (Value){0};
            if (k < -type.dim[axis] || k >= type.dim[axis])
                return eval_error(e, at->loc, "index %lld of axis %d of %s", (long long)k, axis,
                                  type_text(e->arena, &type));
            start[axis] = k < 0 ? k + type.dim[axis] : k;
            limit[axis] = start[axis] + 1;
            sliced = sliced || type.dim[axis] > 1;
            axis++, i++;
        } else
            shape[rank++] = type.dim[axis++];
    }
    (void)full;
    if (rank > IR_MAX_RANK) return eval_error(e, at->loc, "more than %d axes", IR_MAX_RANK);
    if (sliced) id = ir_slice(e->func, id, start, limit, step);
    return value_tensor(e, at->loc, ir_reshape(e->func, id, rank, shape));
}
