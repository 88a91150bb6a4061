/* Arithmetic between compile-time numbers and symbolic tensors, and indexing. */
#include "frontend/evaluate/eval.h"

#include <float.h>
#include <math.h>
#include <string.h>

Value value_number(double x, bool is_int) {
    return (Value){.kind = is_int && fabs(x) <= 0x1p53 ? V_INT : V_REAL, .number = x};
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
bool is_list(const Value *v) {
    return v->kind == V_LIST || v->kind == V_TUPLE;
}

Value value_of(const Elaborator *e, ValueId id) {
    return (Value){.kind = V_TENSOR, .id = id, .func = e->func};
}

Value value_tensor(Elaborator *e, Loc loc, ValueId id) {
    if (id != IR_NONE) return value_of(e, id);
    Value poison = {0};
    if (e->func->error[0]) poison = eval_error(e, loc, "%s", e->func->error);
    e->func->error[0] = '\0';
    return poison;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

Value value_list(Elaborator *e, Loc loc, ValueKind kind, size_t n) {
    e->elements += n > MAX_LIST ? 0 : n;
    if (n > MAX_LIST)
        overdraw(e, loc, "a list of more than %d values", MAX_LIST);
    else if (e->elements > MAX_ELEMENTS)
        overdraw(e, loc, "lists of over %d values in all are made here", MAX_ELEMENTS);
    if (e->exhausted) return (Value){0};
    return (Value){.kind = kind, .items = ARENA_ARRAY(e->arena, Value, n + 1), .count = n};
}

/* Parts may be shared, so that a list of 60 values nests to 2^60: the weight counts them as if they were not. */
Value close_list(Elaborator *e, Loc loc, Value list) {
    uint64_t weight = 0;
    uint32_t height = 0;
    if (list.kind == V_POISON) return list;
    for (size_t i = 0; i < list.count; i++) {
        const Value *item = &list.items[i];
        bool nests = is_list(item) || item->kind == V_RECORD;
        if (item->kind == V_POISON) return *item;
        weight += 1 + (nests ? item->weight : 0);
        if (nests && item->height > height) height = item->height;
    }
    if (weight > MAX_LIST)
        return eval_error(e, loc, "a list that holds over %d values, with those of its lists", MAX_LIST);
    if (height >= MAX_LIST_DEPTH) return eval_error(e, loc, "lists nest deeper than %d", MAX_LIST_DEPTH);
    list.weight = (uint32_t)weight;
    list.height = height + 1;
    return list;
}

/* ---- what a value is taken for --------------------------------------------------------------------------------- */

bool int_of(Elaborator *e, Loc loc, const Value *v, const char *what, int64_t *out) {
    *out = 0;
    if (v->kind == V_POISON) return false;
    if (!is_number(v) || v->number != floor(v->number) || !(fabs(v->number) <= 1e15)) {
        eval_error(e, loc, "%s must be a whole number, not %s", what, show_value(e, v));
        return false;
    }
    *out = (int64_t)v->number;
    return true;
}

bool axis_of(Elaborator *e, Loc loc, const Value *v, int rank, int *out) {
    int64_t axis;
    *out = 0;
    if (!int_of(e, loc, v, "an axis", &axis)) return false;
    if (axis < -rank || axis >= rank) {
        eval_error(e, loc, "axis %lld of a value of rank %d", (long long)axis, rank);
        return false;
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool real_in(Elaborator *e, Loc loc, const Value *v, const char *what, double low, double high, double *out) {
    if (!real_of(e, loc, v, what, out)) return false;
    if (*out >= low && *out <= high) return true;
    eval_error(e, loc, "%s = %g is outside %g..%g", what, *out, low, high);
    return false;
}

bool real_of(Elaborator *e, Loc loc, const Value *v, const char *what, double *out) {
    *out = 0;
    if (v->kind == V_POISON) return false;
    if (!is_number(v)) {
        eval_error(e, loc, "%s must be a number known at compile time, not %s", what, show_value(e, v));
        return false;
    }
    *out = v->number;
    return true;
}

bool bool_of(Elaborator *e, Loc loc, const Value *v, const char *what, bool *out) {
    *out = false;
    if (v->kind == V_POISON) return false;
    if (is_tensor(v)) {
        bool chooses = strcmp(what, "a condition") == 0; /* between two values */
        eval_error(e, loc, "%s must be known at compile time, not %s%s", what, show_value(e, v),
                   chooses ? " (use where(c, a, b))" : "");
        return false;
    }
    *out = is_number(v) ? v->number != 0 : is_list(v) ? v->count > 0 : v->kind != V_NONE;
    return true;
}

ValueId state_value(Elaborator *e, uint32_t state) {
    StateInfo *info = &e->states[state];
    if (info->current == IR_NONE) info->current = func_read_state(e->func, state);
    return info->current;
}

/* Whether the type has this number; reals are rounded to it, whole numbers are not. */
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

bool check_number(Elaborator *e, Loc loc, double x, DType dtype) {
    if (has_number(dtype, x)) return true;
    eval_error(e, loc, "%.17g is no %s", x, dtype_name(dtype));
    return false;
}

ValueId tensor_of(Elaborator *e, Loc loc, const Value *v, DType wanted) {
    if (v->kind == V_STATE) return state_value(e, v->state);
    if (v->kind == V_TENSOR && v->func == e->func) return v->id;
    if (is_number(v)) {
        if (!check_number(e, loc, v->number, wanted)) return IR_NONE;
        return ir_constant(e->func, v->number, wanted);
    }
    if (v->kind == V_TENSOR)
        eval_error(e, loc,
                   "a value of the training step is not known here (`embed` sees its view, networks and "
                   "states)");
    else if (v->kind != V_POISON)
        eval_error(e, loc, "a tensor or number was expected, not %s%s", show_value(e, v),
                   is_list(v) ? " (stack(list) makes one of it)" : "");
    return IR_NONE;
}

bool tensor_with_type(Elaborator *e, Loc loc, const Value *v, DType wanted, ValueId *id, Type *type) {
    *id = tensor_of(e, loc, v, wanted);
    if (*id == IR_NONE) return false;
    *type = *func_type(e->func, *id);
    return true;
}

/* ---- arithmetic ---------------------------------------------------------------------------------------------- */

/* The remainder with the divisor's sign, exactly. */
static double remainder_of(double x, double y) {
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static Value number_binary(Elaborator *e, Loc loc, OpKind op, const Value *a, const Value *b) {
    double x = a->number, y = b->number, z;
    bool ints = a->kind != V_REAL && b->kind != V_REAL;
    switch (op) {
    case OP_add: z = x + y; break;
    case OP_sub: z = x - y; break;
    case OP_mul: z = x * y; break;
    case OP_pow:
        z = pow(x, y);
        ints = ints && y >= 0;
        break;
    case OP_max: z = x > y ? x : y; break;
    case OP_min: z = x < y ? x : y; break;
    case OP_div:
        z = x / y;
        ints = false;
        break;
    case OP_rem: z = remainder_of(x, y); break;
    case OP_eq: return value_bool(x == y);
    case OP_ne: return value_bool(x != y);
    case OP_lt: return value_bool(x < y);
    case OP_le: return value_bool(x <= y);
    case OP_gt: return value_bool(x > y);
    case OP_ge: return value_bool(x >= y);
    default: return eval_error(e, loc, "not an operation of numbers");
    }
    if (isfinite(z)) return value_number(z, ints);
    return eval_error(e, loc, "%s of %g and %g is no finite number", op_info(op)->name, x, y);
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
    if ((op == OP_div || op == OP_rem) && is_number(b) && b->number == 0)
        return eval_error(e, loc, "division by zero");
    if (is_number(a) && is_number(b)) return number_binary(e, loc, op, a, b);
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

static Value number_unary(Elaborator *e, Loc loc, OpKind op, const Value *x) {
    double v = x->number, z = v;
    bool is_int = x->kind != V_REAL;
    switch (op) {
    case OP_neg: return value_number(-v, is_int);
    case OP_abs: return value_number(fabs(v), is_int);
    case OP_sign: return value_number((v > 0) - (v < 0), is_int);
    case OP_floor: return value_number(floor(v), true);
    case OP_not: return value_bool(v == 0);
    case OP_exp: z = exp(v); break;
    case OP_log: z = log(v); break;
    case OP_sqrt: z = sqrt(v); break;
    case OP_rsqrt: z = 1 / sqrt(v); break;
    case OP_sin: z = sin(v); break;
    case OP_cos: z = cos(v); break;
    case OP_tanh: z = tanh(v); break;
    case OP_erf: z = erf(v); break;
    case OP_sigmoid: z = 1 / (1 + exp(-v)); break;
    default: return *x;
    }
    return isfinite(z) ? value_number(z, false)
                       : eval_error(e, loc, "%s of %g is no finite number", op_info(op)->name, v);
}

Value value_unary(Elaborator *e, Loc loc, OpKind op, const Value *x) {
    if (x->kind == V_POISON) return *x;
    if (is_number(x)) return number_unary(e, loc, op, x);
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
    e->func->error[0] = '\0';
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
        Value list = value_list(e, loc, V_LIST, n);
        if (list.kind == V_POISON) return list;
        for (size_t i = 0; i < n; i++) list.items[i] = base->items[(size_t)start + i * (size_t)step];
        return close_list(e, loc, list);
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
    if (is_list(base)) {
        if (n != 1) return eval_error(e, at->loc, "a list takes one index");
        return index_list(e, at->loc, base, &index[0]);
    }
    ValueId id;
    Type type;
    if (!tensor_with_type(e, at->loc, base, DT_F32, &id, &type)) return (Value){0};
    e->func->error[0] = '\0';
    int64_t start[IR_MAX_RANK], limit[IR_MAX_RANK], step[IR_MAX_RANK], shape[IR_MAX_RANK * 2];
    int axis = 0, rank = 0, used = 0, fresh = 0, ellipses = 0;
    for (size_t i = 0; i < n && used <= type.rank && fresh <= IR_MAX_RANK; i++) {
        if (index[i].kind == V_POISON) return index[i];
        fresh += index[i].kind == V_NONE;
        ellipses += index[i].kind == V_ELLIPSIS;
        used += index[i].kind != V_NONE && index[i].kind != V_ELLIPSIS;
    }
    if (used > type.rank) return eval_error(e, at->loc, "%zu indices for %s", n, type_text(e->arena, &type));
    if (fresh > IR_MAX_RANK) return eval_error(e, at->loc, "more than %d axes", IR_MAX_RANK);
    if (ellipses > 1) return eval_error(e, at->loc, "more than one '...' in an index");
    if (n == 1 && is_tensor(&index[0])) { /* x[indices] */
        ValueId rows = tensor_of(e, at->loc, &index[0], DT_I32);
        if (rows != IR_NONE && type.rank) bound_input(e, rows, type.dim[0]);
        return value_tensor(e, at->loc, ir_gather(e->func, id, rows, 0));
    }
    for (int k = 0; k < type.rank; k++) start[k] = 0, limit[k] = type.dim[k], step[k] = 1;
    bool sliced = false;
    for (size_t i = 0; i < n || axis < type.rank;) {
        const Value *v = i < n ? &index[i] : NULL;
        if (v && v->kind == V_ELLIPSIS) {
            int whole = type.rank - used;
            for (; whole > 0; whole--) shape[rank++] = type.dim[axis++];
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
    if (rank > IR_MAX_RANK) return eval_error(e, at->loc, "more than %d axes", IR_MAX_RANK);
    if (sliced) id = ir_slice(e->func, id, start, limit, step);
    return value_tensor(e, at->loc, ir_reshape(e->func, id, rank, shape));
}
