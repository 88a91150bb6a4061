/* Ranges of values: a rule for each operator of which more is known than its type; see range.h. */
#include "ir/range/range.h"

#include <float.h>
#include <math.h>

/* ---- making ranges ----------------------------------------------------------------------------------------------- */

/* Rounding may be different by an ulp, and so may a function of C from one of compiled code. */
static double largest(DType dtype) {
    return dtype == DT_F64 ? DBL_MAX : (double)FLT_MAX * (1 + 1e-6);
}

static double held(double x, DType dtype) {
    if (!dtype_is_float(dtype) || dtype == DT_F64 || isnan(x)) return x;
    if (fabs(x) > largest(dtype)) return copysign(INFINITY, x);
    return fabs(x) > (double)FLT_MAX ? copysign((double)FLT_MAX, x) : (double)(float)x;
}

Range range_of_number(double x, DType dtype) {
    x = held(x, dtype);
    return (Range){x, x, !isfinite(x), !isfinite(x)};
}

static Range range_unknown(DType dtype) {
    return dtype == DT_BOOL ? (Range){.high = 1} : (Range){.low = -INFINITY, .high = INFINITY};
}

bool range_is_number(const Range *r) {
    return r->low == r->high || isnan(r->low);
}

bool range_is_within(const Range *range, double low, double high) {
    return !range->never && !range->some && range->low >= low && range->high <= high;
}

static Range never(void) {
    return (Range){-INFINITY, INFINITY, true, true};
}

/* Bounds; where they lie beyond what the type holds the elements are infinite. */
static Range between(double low, double high, DType dtype) {
    if (isnan(low)) low = -INFINITY;
    if (isnan(high)) high = INFINITY;
    bool real = dtype_is_float(dtype);
    double most = dtype == DT_I32 ? 0x1p31 - 1 : 0x1p63;
    if (dtype_is_int(dtype) && (low < -most || high > most))
        return range_unknown(dtype); /* it may wrap around */
    if (real && low > largest(dtype)) return range_of_number(INFINITY, dtype);
    if (real && high < -largest(dtype)) return range_of_number(-INFINITY, dtype);
    if (low == high) return range_of_number(low, dtype);
    return (Range){held(low, dtype), held(high, dtype), false, false};
}

static Range united(Range a, Range b) {
    if (range_is_number(&a) && range_is_number(&b) && a.low == b.low) return a;
    Range r = {fmin(a.low, b.low), fmax(a.high, b.high), a.never && b.never, false};
    if (isnan(a.low) || isnan(b.low)) r = (Range){-INFINITY, INFINITY, r.never, false};
    if (r.low == r.high && !r.never) r.low = -INFINITY, r.high = INFINITY;
    return r;
}

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

typedef struct {
    const Func *func;
    const Node *node;
    const Range *x;
    DType from, to; /* types of the first operand and of the result */
} Rule;

static Range increasing(const Rule *r, double (*f)(double)) {
    return between(f(r->x[0].low), f(r->x[0].high), r->to);
}

static double sigmoid_of(double x) {
    return 1 / (1 + exp(-x));
}
static double softplus_of(double x) {
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}
static double log_of(double x) {
    return x > 0 ? log(x) : -INFINITY;
}
static double sqrt_of(double x) {
    return x > 0 ? sqrt(x) : 0;
}

static Range range_exp(const Rule *r) {
    return increasing(r, exp);
}
static Range range_tanh(const Rule *r) {
    return increasing(r, tanh);
}
static Range range_erf(const Rule *r) {
    return increasing(r, erf);
}
static Range range_floor(const Rule *r) {
    return increasing(r, floor);
}
static Range range_sigmoid(const Rule *r) {
    return increasing(r, sigmoid_of);
}
static Range range_softplus(const Rule *r) {
    return increasing(r, softplus_of);
}

static Range range_log(const Rule *r) { /* up to 0 each element is NaN or -infinity */
    return r->x[0].high <= 0 ? never() : increasing(r, log_of);
}
static Range range_sqrt(const Rule *r) {
    return r->x[0].high < 0 ? never() : increasing(r, sqrt_of);
}
static Range range_rsqrt(const Rule *r) {
    if (r->x[0].high <= 0) return never();
    return between(1 / sqrt_of(r->x[0].high), 1 / sqrt_of(r->x[0].low), r->to);
}

static Range range_neg(const Rule *r) {
    return between(-r->x[0].high, -r->x[0].low, r->to);
}
static Range range_abs(const Rule *r) {
    double low = r->x[0].low, high = r->x[0].high;
    return between(low > 0 ? low : high < 0 ? -high : 0, fmax(fabs(low), fabs(high)), r->to);
}
static Range range_sign(const Rule *r) {
    double low = r->x[0].low, high = r->x[0].high;
    return between(low > 0 ? 1 : low == 0 ? 0 : -1, high < 0 ? -1 : high == 0 ? 0 : 1, r->to);
}
static Range within_1(const Rule *r) {
    return between(-1, 1, r->to);
}
static Range range_gelu(const Rule *r) { /* its least value is about -0.17 */
    return between(-0.2, fmax(r->x[0].high, 0), r->to);
}
static Range range_not(const Rule *r) {
    bool is = r->x[0].low > 0 || r->x[0].high < 0, is_not = r->x[0].low == 0 && r->x[0].high == 0;
    return between(is_not, !is, r->to);
}
static Range range_same(const Rule *r) {
    return between(r->x[0].low, r->x[0].high, r->to);
}

static Range range_cast(const Rule *r) {
    if (r->to == DT_BOOL) { /* it is not `not` */
        bool is = r->x[0].low > 0 || r->x[0].high < 0, is_not = r->x[0].low == 0 && r->x[0].high == 0;
        return between(is, !is_not, r->to);
    }
    if (dtype_is_float(r->to)) return range_same(r);
    double most = r->to == DT_I32 ? 0x1p31 - 1 : 0x1p63, least = r->to == DT_I32 ? -0x1p31 : -0x1p63;
    if (!dtype_is_float(r->from) && (r->x[0].low < least || r->x[0].high > most)) return range_unknown(r->to);
    return between(trunc(fmax(r->x[0].low, least)), trunc(fmin(r->x[0].high, most)), r->to);
}

/* 0 · ∞: the bound is not reached, the product is 0. */
static double times(double a, double b) {
    return a == 0 || b == 0 ? 0 : a * b;
}

static Range of_corners(const double c[4], DType dtype) {
    return between(fmin(fmin(c[0], c[1]), fmin(c[2], c[3])), fmax(fmax(c[0], c[1]), fmax(c[2], c[3])), dtype);
}

static bool same_operand(const Rule *r) {
    return r->node->operands[0] == r->node->operands[1];
}

static Range range_add(const Rule *r) {
    return between(r->x[0].low + r->x[1].low, r->x[0].high + r->x[1].high, r->to);
}
static Range range_sub(const Rule *r) {
    if (same_operand(r)) return range_of_number(0, r->to);
    return between(r->x[0].low - r->x[1].high, r->x[0].high - r->x[1].low, r->to);
}

static Range range_mul(const Rule *r) {
    const Range *a = &r->x[0], *b = &r->x[1];
    if (same_operand(r)) {
        Range size = range_abs(r);
        return between(times(size.low, size.low), times(size.high, size.high), r->to);
    }
    double c[] = {times(a->low, b->low), times(a->low, b->high), times(a->high, b->low),
                  times(a->high, b->high)};
    return of_corners(c, r->to);
}

/* Of integers, towards minus infinity. */
static Range quotient(const Rule *r) {
    const Range *a = &r->x[0], *b = &r->x[1];
    if (b->low < 1) return range_unknown(r->to);
    double low = a->low / (a->low < 0 ? b->low : b->high), high = a->high / (a->high < 0 ? b->high : b->low);
    return between(floor(low), floor(high), r->to);
}

static Range range_div(const Rule *r) {
    const Range *a = &r->x[0], *b = &r->x[1];
    if (!dtype_is_float(r->to)) return quotient(r);
    if (b->low == 0 && b->high == 0) return never();
    if (b->low > 0 || b->high < 0) {
        double low = 1 / b->high, high = 1 / b->low;
        double c[] = {times(a->low, low), times(a->low, high), times(a->high, low), times(a->high, high)};
        return of_corners(c, r->to);
    }
    if (a->low >= 0 && b->low >= 0) return between(0, INFINITY, r->to);
    return range_unknown(r->to);
}

static Range range_rem(const Rule *r) { /* has the divisor's sign */
    const Range *b = &r->x[1];
    if (dtype_is_float(r->to) && b->low == 0 && b->high == 0) return never();
    const Range *a = &r->x[0];
    if (!dtype_is_float(r->to) && b->low >= 1 && b->low == b->high) { /* between the same two multiples */
        double multiple = floor(a->low / b->low) * b->low;
        if (floor(a->high / b->low) * b->low == multiple)
            return between(a->low - multiple, a->high - multiple, r->to);
    }
    return between(fmin(b->low, 0), fmax(b->high, 0), r->to);
}

static Range range_pow(const Rule *r) {
    const Range *a = &r->x[0], *b = &r->x[1];
    bool exponent = range_is_number(b), whole = exponent && b->low == floor(b->low);
    if (!dtype_is_float(r->to)) return range_unknown(r->to);
    if (a->high < 0 && exponent && !whole) return never();
    if (a->low == 0 && a->high == 0 && b->high < 0) return never();
    if (a->low > 0 || (a->low == 0 && b->low >= 0)) {
        double c[] = {pow(a->low, b->low), pow(a->low, b->high), pow(a->high, b->low), pow(a->high, b->high)};
        return of_corners(c, r->to);
    }
    bool even = whole && fmod(b->low, 2) == 0;
    return between(a->low >= 0 || even ? 0 : -INFINITY, INFINITY, r->to);
}

static Range range_max(const Rule *r) {
    return between(fmax(r->x[0].low, r->x[1].low), fmax(r->x[0].high, r->x[1].high), r->to);
}
static Range range_min(const Rule *r) {
    return between(fmin(r->x[0].low, r->x[1].low), fmin(r->x[0].high, r->x[1].high), r->to);
}

/* What is certain, and what cannot be, of a comparison. */
static Range truth(bool certain, bool impossible) {
    return (Range){.low = certain, .high = !impossible};
}
static Range range_lt(const Rule *r) {
    return truth(r->x[0].high < r->x[1].low, r->x[0].low >= r->x[1].high);
}
static Range range_le(const Rule *r) {
    return truth(r->x[0].high <= r->x[1].low, r->x[0].low > r->x[1].high);
}
static Range range_gt(const Rule *r) {
    return truth(r->x[0].low > r->x[1].high, r->x[0].high <= r->x[1].low);
}
static Range range_ge(const Rule *r) {
    return truth(r->x[0].low >= r->x[1].high, r->x[0].high < r->x[1].low);
}
static Range range_eq(const Rule *r) {
    bool apart = r->x[0].high < r->x[1].low || r->x[0].low > r->x[1].high;
    return truth(range_is_number(&r->x[0]) && range_is_number(&r->x[1]) && !apart, apart);
}
static Range range_ne(const Rule *r) {
    Range equal = range_eq(r);
    return truth(!equal.high, equal.low != 0);
}
static Range range_and(const Rule *r) {
    return truth(r->x[0].low && r->x[1].low, !r->x[0].high || !r->x[1].high);
}
static Range range_or(const Rule *r) {
    return truth(r->x[0].low || r->x[1].low, !r->x[0].high && !r->x[1].high);
}

static Range range_select(const Rule *r) {
    if (range_is_number(&r->x[0])) return r->x[0].low ? r->x[1] : r->x[2];
    return united(r->x[1], r->x[2]);
}

/* ---- reductions, rows, products ---------------------------------------------------------------------------------- */

static int64_t reduced_elements(const Rule *r) {
    return type_elements(func_type(r->func, r->node->operands[0])) / type_elements(&r->node->type);
}

static Range range_sum(const Rule *r) {
    double n = (double)reduced_elements(r);
    return between(times(n, r->x[0].low), times(n, r->x[0].high), r->to);
}

static Range range_softmax(const Rule *r) { /* of nothing but -infinity it is NaN: see range_of_node */
    return between(0, 1, r->to);
}
static Range range_log_softmax(const Rule *r) {
    return between(-INFINITY, 0, r->to);
}

static Range range_matmul(const Rule *r) {
    const Type *a = func_type(r->func, r->node->operands[0]);
    double n = matmul_attrs(r->node)->panel ? INFINITY
                                            : (double)a->dim[a->rank - (matmul_attrs(r->node)->ta ? 2 : 1)];
    Range product = range_mul(r);
    if (same_operand(r)) product = range_unknown(r->to); /* rows by columns: no squares */
    return between(times(n, product.low), times(n, product.high), r->to);
}

/* ---- sources and moves ------------------------------------------------------------------------------------------- */

static Range range_constant(const Rule *r) {
    return range_of_number(constant_attrs(r->node)->value, r->to);
}
static Range range_iota(const Rule *r) {
    int axis = axis_from_front(iota_attrs(r->node)->axis, r->node->type.rank);
    return between(0, (double)(r->node->type.dim[axis] - 1), r->to);
}
static Range range_indices(const Rule *r) { /* numbers along the axis */
    const Type *x = func_type(r->func, r->node->operands[0]);
    int64_t along = r->node->op == OP_argsort ? order_attrs(r->node)->axis : along_attrs(r->node)->axis;
    return between(0, (double)(x->dim[axis_from_front(along, x->rank)] - 1), r->to);
}

static Range range_pad(const Rule *r) {
    Range padding = range_of_number(pad_attrs(r->node)->value, r->to);
    if (type_equal(&r->node->type, func_type(r->func, r->node->operands[0]))) return r->x[0];
    Range all = united(r->x[0], padding);
    all.some = r->x[0].some;
    return all;
}

static Range range_concat(const Rule *r) {
    Range all = r->x[0];
    bool some = all.some;
    for (int o = 1; o < r->node->n_operands; o++) {
        some = some || r->x[o].some;
        all = united(all, r->x[o]);
    }
    all.some = some;
    return all;
}

static Range range_gather(const Rule *r) { /* beyond the last row there are zeros */
    return united(r->x[0], range_of_number(0, r->to));
}

/* ---- what is not finite passes on -------------------------------------------------------------------------------- */

/* Operators of which a result is NaN or infinite where an operand is: the first 0 (none), 1 or 2 operands. */
static int strict_operands(OpKind op) {
    switch (op) {
    case OP_neg:
    case OP_abs:
    case OP_log: /* of -infinity it is NaN */
    case OP_sqrt:
    case OP_floor:
    case OP_sin:
    case OP_cos:
    case OP_stop_grad:
    case OP_sum:
    case OP_div: /* by infinity it is 0 */
    case OP_layernorm:
    case OP_log_softmax:
    case OP_reshape:
    case OP_transpose:
    case OP_broadcast: return 1;
    case OP_add:
    case OP_sub:
    case OP_mul:
    case OP_matmul: return 2;
    default: return 0;
    }
}

static bool is_strict(const Node *node, int operand, const Range *x) {
    if (node->op == OP_cast) return dtype_is_float((DType)node->type.dtype);
    if (node->op == OP_pow) return operand == 0 && x[1].low > 0; /* to a power of 0 it is 1 */
    return operand < strict_operands((OpKind)node->op);
}

typedef Range RangeRule(const Rule *rule);
static RangeRule *const RULES[OP_COUNT] = {
    [OP_constant] = range_constant,
    [OP_iota] = range_iota,
    [OP_neg] = range_neg,
    [OP_abs] = range_abs,
    [OP_sign] = range_sign,
    [OP_exp] = range_exp,
    [OP_log] = range_log,
    [OP_sqrt] = range_sqrt,
    [OP_rsqrt] = range_rsqrt,
    [OP_tanh] = range_tanh,
    [OP_erf] = range_erf,
    [OP_sin] = within_1,
    [OP_cos] = within_1,
    [OP_sigmoid] = range_sigmoid,
    [OP_softplus] = range_softplus,
    [OP_gelu] = range_gelu,
    [OP_floor] = range_floor,
    [OP_not] = range_not,
    [OP_cast] = range_cast,
    [OP_stop_grad] = range_same,
    [OP_add] = range_add,
    [OP_sub] = range_sub,
    [OP_mul] = range_mul,
    [OP_div] = range_div,
    [OP_rem] = range_rem,
    [OP_pow] = range_pow,
    [OP_max] = range_max,
    [OP_min] = range_min,
    [OP_eq] = range_eq,
    [OP_ne] = range_ne,
    [OP_lt] = range_lt,
    [OP_le] = range_le,
    [OP_gt] = range_gt,
    [OP_ge] = range_ge,
    [OP_and] = range_and,
    [OP_or] = range_or,
    [OP_select] = range_select,
    [OP_sum] = range_sum,
    [OP_amax] = range_same,
    [OP_argmax] = range_indices,
    [OP_argsort] = range_indices,
    [OP_softmax] = range_softmax,
    [OP_reshape] = range_same,
    [OP_transpose] = range_same,
    [OP_broadcast] = range_same,
    [OP_slice] = range_same,
    [OP_pad] = range_pad,
    [OP_concat] = range_concat,
    [OP_gather] = range_gather,
    [OP_matmul] = range_matmul,
    [OP_log_softmax] = range_log_softmax,
};

/* Elementwise of numbers: the interpreter knows. False: not of these. */
static bool of_numbers(const Rule *r, Range *out) {
    const Node *node = r->node;
    double x[3];
    if (op_info((OpKind)node->op)->loop != LOOP_ELEMENTWISE || op_info((OpKind)node->op)->n_attrs ||
        node->n_operands > 3 || !(dtype_is_float(r->from) || r->from == DT_BOOL))
        return false;
    for (int o = 0; o < node->n_operands; o++) {
        if (!range_is_number(&r->x[o])) return false;
        x[o] = r->x[o].low;
    }
    *out = range_of_number(op_of_numbers((OpKind)node->op, x), r->to);
    return true;
}

Range range_of_node(const Func *func, const Node *node, const Range *operands) {
    DType to = (DType)node->type.dtype;
    Rule rule = {.func = func, .node = node, .x = operands, .to = to};
    rule.from = node->n_operands ? (DType)func_type(func, node->operands[0])->dtype : to;
    Range result;
    if (node->n_operands && of_numbers(&rule, &result)) return result;
    bool bad = false, some = false, infinite = false;
    for (int o = 0; o < node->n_operands; o++) {
        infinite = infinite || operands[o].never;
        bad = bad || (operands[o].never && is_strict(node, o, operands));
        some = some || (operands[o].some && is_strict(node, o, operands));
    }
    if (bad) return never();
    bool moves = op_info((OpKind)node->op)->loop == LOOP_MOVE || node->op == OP_amax ||
                 node->op == OP_select || node->op == OP_softmax;
    RangeRule *known = infinite && !moves ? NULL : RULES[node->op];
    result = known ? known(&rule) : range_unknown(to);
    if (some && node->type.rank == 0) return never();
    result.some = result.some || some;
    if (moves && operands[0].never && node->op != OP_pad && node->op != OP_concat && node->op != OP_select)
        result.never = result.some = node->op != OP_gather;
    return result;
}

void range_of_func(const Func *func, const bool *given, Range *ranges) {
    enum { FEW = 16 };
    Range few[FEW];
    Arena *arena = arena_new();
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (given && given[id]) continue;
        Range *x = node->n_operands > FEW ? ARENA_ARRAY(arena, Range, node->n_operands) : few;
        for (int o = 0; o < node->n_operands; o++) x[o] = ranges[node->operands[o]];
        ranges[id] = range_of_node(func, node, x);
    }
    arena_free(arena);
}
