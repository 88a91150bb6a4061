/* Reverse-mode rules, one small function for each name in the grad column of ops.def. A rule is given the node, its
 * value and the gradient dy of that value, and emits the gradients dx[o] of its operands as ordinary nodes. Rules
 * recompute from operands or the result whatever is cheap, and use the primitives that `expand` makes of the
 * forward operator, so that `simplify` merges the two. */
#include "passes/autodiff.h"

#include <assert.h>

#define TWO_OVER_SQRT_PI 1.12837916709551257390
#define SQRT_HALF 0.70710678118654752440
#define ONE_OVER_SQRT_TWO_PI 0.39894228040143267794
#define SQRT_TWO_OVER_PI 0.79788456080286535588

/* ---- short forms ------------------------------------------------------------------------------------------- */

static ValueId X(const Backward *b, int o) {
    return b->node.operands[o];
}

static Type type_of(const Backward *b, ValueId x) {
    return *func_type(b->func, x);
}

static ValueId number(Backward *b, double value) {
    return ir_constant(b->func, value, (DType)b->node.type.dtype);
}

static ValueId neg(Backward *b, ValueId x) {
    return ir_unary(b->func, OP_neg, x);
}

static ValueId add(Backward *b, ValueId x, ValueId y) {
    return ir_binary(b->func, OP_add, x, y);
}

static ValueId sub(Backward *b, ValueId x, ValueId y) {
    return ir_binary(b->func, OP_sub, x, y);
}

static ValueId mul(Backward *b, ValueId x, ValueId y) {
    return ir_binary(b->func, OP_mul, x, y);
}

static ValueId scaled(Backward *b, ValueId x, double factor) {
    return mul(b, x, number(b, factor));
}

static ValueId square(Backward *b, ValueId x) {
    return mul(b, x, x);
}

ValueId emit_filled(Func *func, double value, const Type *type) {
    ValueId scalar = ir_constant(func, value, (DType)type->dtype);
    return type->rank == 0 ? scalar : ir_broadcast(func, scalar, type->rank, type->dim);
}

/* The sum of dy over the axes along which an operand of that type was repeated. */
static ValueId reduce_to(Backward *b, ValueId dy, const Type *type) {
    Type from = type_of(b, dy);
    int shift = from.rank - type->rank, n = 0;
    int64_t axes[IR_MAX_RANK];
    for (int k = 0; k < from.rank; k++)
        if (k < shift ? true : type->dim[k - shift] == 1 && from.dim[k] > 1) axes[n++] = k;
    if (n > 0) dy = ir_reduce(b->func, OP_sum, dy, n, axes, false);
    return ir_reshape(b->func, dy, type->rank, type->dim);
}

/* Gives operand o its gradient, before broadcasting. */
static void give(Backward *b, int o, ValueId dx) {
    Type type = type_of(b, X(b, o));
    b->dx[o] = reduce_to(b, dx, &type);
}

/* A reduction's result (or its gradient) repeated along the reduced axes. */
static ValueId repeat(Backward *b, ValueId y) {
    Type kept = type_of(b, X(b, 0)), full = kept;
    const Ints *axes = &b->node.attrs[0].ints;
    for (int i = 0; i < axes->n; i++) kept.dim[axes->v[i]] = 1;
    return ir_broadcast(b->func, ir_reshape(b->func, y, kept.rank, kept.dim), full.rank, full.dim);
}

/* The sum of each row of x, kept as size 1. */
static ValueId row_sum(Backward *b, ValueId x) {
    int64_t axis = func_type(b->func, x)->rank - 1;
    return ir_reduce(b->func, OP_sum, x, 1, &axis, true);
}

/* dy where `condition` holds, else 0. */
static ValueId where(Backward *b, ValueId condition, ValueId dy) {
    return ir_select(b->func, condition, dy, number(b, 0));
}

static ValueId where_not(Backward *b, ValueId condition, ValueId dy) {
    return ir_select(b->func, condition, number(b, 0), dy);
}

/* ---- elementwise, one operand --------------------------------------------------------------------------------- */

static void grad_zero(Backward *b) {
    (void)b;
}

static void grad_neg(Backward *b) {
    b->dx[0] = neg(b, b->dy);
}

static void grad_abs(Backward *b) {
    b->dx[0] = mul(b, b->dy, ir_unary(b->func, OP_sign, X(b, 0)));
}

static void grad_exp(Backward *b) {
    b->dx[0] = mul(b, b->dy, b->value);
}

static void grad_log(Backward *b) {
    b->dx[0] = ir_binary(b->func, OP_div, b->dy, X(b, 0));
}

static void grad_sqrt(Backward *b) {
    b->dx[0] = ir_binary(b->func, OP_div, scaled(b, b->dy, 0.5), b->value);
}

static void grad_rsqrt(Backward *b) {
    b->dx[0] = mul(b, scaled(b, b->dy, -0.5), mul(b, square(b, b->value), b->value));
}

static void grad_tanh(Backward *b) {
    b->dx[0] = mul(b, b->dy, sub(b, number(b, 1), square(b, b->value)));
}

static void grad_erf(Backward *b) {
    ValueId slope = ir_unary(b->func, OP_exp, neg(b, square(b, X(b, 0))));
    b->dx[0] = mul(b, b->dy, scaled(b, slope, TWO_OVER_SQRT_PI));
}

static void grad_sin(Backward *b) {
    b->dx[0] = mul(b, b->dy, ir_unary(b->func, OP_cos, X(b, 0)));
}

static void grad_cos(Backward *b) {
    b->dx[0] = neg(b, mul(b, b->dy, ir_unary(b->func, OP_sin, X(b, 0))));
}

static void grad_sigmoid(Backward *b) {
    b->dx[0] = mul(b, b->dy, mul(b, b->value, sub(b, number(b, 1), b->value)));
}

/* Φ(x) + x·φ(x), the normal distribution and its density. */
static ValueId slope_of_gelu(Backward *b, ValueId x) {
    ValueId erf = ir_unary(b->func, OP_erf, scaled(b, x, SQRT_HALF));
    ValueId distribution = add(b, scaled(b, erf, 0.5), number(b, 0.5));
    ValueId exp = ir_unary(b->func, OP_exp, scaled(b, square(b, x), -0.5));
    return add(b, distribution, mul(b, x, scaled(b, exp, ONE_OVER_SQRT_TWO_PI)));
}

/* Of ½x(1 + tanh u), u = √(2/π)·(x + 0.044715x³): ½(1 + t) + ½x(1 - t²)·u'. */
static ValueId slope_of_tanh_gelu(Backward *b, ValueId x) {
    const double c = 0.044715, s = SQRT_TWO_OVER_PI;
    ValueId x2 = square(b, x);
    ValueId u = mul(b, x, add(b, scaled(b, x2, s * c), number(b, s)));
    ValueId du = add(b, scaled(b, x2, 3 * s * c), number(b, s));
    ValueId t = ir_unary(b->func, OP_tanh, u);
    ValueId first = add(b, scaled(b, t, 0.5), number(b, 0.5));
    ValueId second = mul(b, mul(b, scaled(b, x, 0.5), sub(b, number(b, 1), square(b, t))), du);
    return add(b, first, second);
}

static void grad_gelu(Backward *b) {
    bool approximate = b->node.attrs[0].b;
    ValueId x = X(b, 0);
    b->dx[0] = mul(b, b->dy, approximate ? slope_of_tanh_gelu(b, x) : slope_of_gelu(b, x));
}

static void grad_cast(Backward *b) {
    b->dx[0] = ir_cast(b->func, b->dy, (DType)func_type(b->func, X(b, 0))->dtype);
}

/* ---- elementwise, broadcast ------------------------------------------------------------------------------------- */

static void grad_add(Backward *b) {
    for (int o = 0; o < 2; o++)
        if (b->wants[o]) give(b, o, b->dy);
}

static void grad_sub(Backward *b) {
    if (b->wants[0]) give(b, 0, b->dy);
    if (b->wants[1]) give(b, 1, neg(b, b->dy));
}

static void grad_mul(Backward *b) {
    for (int o = 0; o < 2; o++)
        if (b->wants[o]) give(b, o, mul(b, b->dy, X(b, 1 - o)));
}

static void grad_div(Backward *b) {
    ValueId da = ir_binary(b->func, OP_div, b->dy, X(b, 1));
    if (b->wants[0]) give(b, 0, da);
    if (b->wants[1]) give(b, 1, neg(b, mul(b, da, b->value)));
}

static void grad_rem(Backward *b) {
    if (b->wants[0]) give(b, 0, b->dy);
    if (!b->wants[1]) return;
    ValueId quotient = ir_unary(b->func, OP_floor, ir_binary(b->func, OP_div, X(b, 0), X(b, 1)));
    give(b, 1, neg(b, mul(b, b->dy, quotient)));
}

/* b·a^(b-1), and 0 rather than 0·∞ where b is 0. */
static ValueId slope_to_base(Backward *b) {
    ValueId base = X(b, 0), exponent = X(b, 1);
    ValueId power = ir_binary(b->func, OP_pow, base, sub(b, exponent, number(b, 1)));
    ValueId slope = mul(b, exponent, power);
    if (func_node(b->func, exponent)->op == OP_constant && func_node(b->func, exponent)->attrs[0].f != 0)
        return slope;
    return where_not(b, ir_binary(b->func, OP_eq, exponent, number(b, 0)), slope);
}

static void grad_pow(Backward *b) {
    if (b->wants[0]) give(b, 0, mul(b, b->dy, slope_to_base(b)));
    if (!b->wants[1]) return;
    ValueId base = X(b, 0), positive = ir_binary(b->func, OP_gt, base, number(b, 0));
    ValueId log = ir_unary(b->func, OP_log, ir_select(b->func, positive, base, number(b, 1)));
    give(b, 1, where(b, positive, mul(b, b->dy, mul(b, b->value, log))));
}

/* The whole gradient to the first operand where it wins, else to the second. */
static void grad_choice(Backward *b, ValueId first_wins) {
    if (b->wants[0]) give(b, 0, where(b, first_wins, b->dy));
    if (b->wants[1]) give(b, 1, where_not(b, first_wins, b->dy));
}

static void grad_max(Backward *b) {
    grad_choice(b, ir_binary(b->func, OP_gt, X(b, 0), X(b, 1)));
}

static void grad_min(Backward *b) {
    grad_choice(b, ir_binary(b->func, OP_lt, X(b, 0), X(b, 1)));
}

static void grad_select(Backward *b) {
    if (b->wants[1]) give(b, 1, where(b, X(b, 0), b->dy));
    if (b->wants[2]) give(b, 2, where_not(b, X(b, 0), b->dy));
}

/* ---- reductions and rows ------------------------------------------------------------------------------------------ */

static void grad_sum(Backward *b) {
    b->dx[0] = repeat(b, b->dy);
}

static void grad_amax(Backward *b) {
    Func *func = b->func;
    const Ints *axes = &b->node.attrs[0].ints;
    ValueId largest = ir_binary(func, OP_eq, X(b, 0), repeat(b, b->value));
    ValueId ones = ir_cast(func, largest, (DType)b->node.type.dtype);
    ValueId ties = ir_reduce(func, OP_sum, ones, axes->n, axes->v, b->node.attrs[1].b);
    b->dx[0] = where(b, largest, repeat(b, ir_binary(func, OP_div, b->dy, ties)));
}

static void grad_softmax(Backward *b) {
    ValueId along = row_sum(b, mul(b, b->dy, b->value));
    b->dx[0] = mul(b, b->value, sub(b, b->dy, along));
}

static void grad_log_softmax(Backward *b) {
    ValueId softmax = ir_unary(b->func, OP_exp, b->value);
    b->dx[0] = sub(b, b->dy, mul(b, softmax, row_sum(b, b->dy)));
}

static void grad_layernorm(Backward *b) {
    Func *func = b->func;
    /* The forward primitives, in op_expand's own form: ((x - mean)·rstd)·w + b. */
    ValueId whole = op_expand(func, &b->node, b->node.operands);
    ValueId normal = func_node(func, func_node(func, whole)->operands[0])->operands[0];
    ValueId rstd = func_node(func, normal)->operands[1];
    assert(func_node(func, normal)->op == OP_mul && func_node(func, rstd)->op == OP_rsqrt);
    if (b->wants[1]) give(b, 1, mul(b, b->dy, normal));
    if (b->wants[2]) give(b, 2, b->dy);
    if (!b->wants[0]) return;
    double n = (double)b->node.type.dim[b->node.type.rank - 1];
    ValueId dnormal = mul(b, b->dy, X(b, 1));
    ValueId mean = scaled(b, row_sum(b, dnormal), 1 / n);
    ValueId along = scaled(b, row_sum(b, mul(b, dnormal, normal)), 1 / n);
    b->dx[0] = mul(b, rstd, sub(b, sub(b, dnormal, mean), mul(b, normal, along)));
}

/* ---- contraction ---------------------------------------------------------------------------------------------------- */

static void grad_matmul(Backward *b) {
    bool ta = b->node.attrs[0].b, tb = b->node.attrs[1].b;
    ValueId x = X(b, 0), w = X(b, 1), dy = b->dy;
    if (b->wants[0])
        b->dx[0] = ta ? ir_matmul(b->func, w, dy, tb, true) : ir_matmul(b->func, dy, w, false, !tb);
    if (b->wants[1])
        b->dx[1] = tb ? ir_matmul(b->func, dy, x, true, ta) : ir_matmul(b->func, x, dy, !ta, false);
}

/* ---- moves ------------------------------------------------------------------------------------------------------------ */

static void grad_reshape(Backward *b) {
    Type x = type_of(b, X(b, 0));
    b->dx[0] = ir_reshape(b->func, b->dy, x.rank, x.dim);
}

static void grad_transpose(Backward *b) {
    const Ints *perm = &b->node.attrs[0].ints;
    int64_t inverse[IR_MAX_RANK];
    for (int k = 0; k < perm->n; k++) inverse[perm->v[k]] = k;
    b->dx[0] = ir_transpose(b->func, b->dy, inverse);
}

static void grad_broadcast(Backward *b) {
    give(b, 0, b->dy);
}

/* dy[…, n, …] with step - 1 zeros after each of the n: […, n·step, …]. */
static ValueId spread(Backward *b, ValueId dy, int axis, int64_t step) {
    Type type = type_of(b, dy);
    int64_t outer = 1, inner = 1, n = type.dim[axis];
    for (int k = 0; k < axis; k++) outer *= type.dim[k];
    for (int k = axis + 1; k < type.rank; k++) inner *= type.dim[k];
    dy = ir_reshape(b->func, dy, 4, (int64_t[]){outer, n, 1, inner});
    dy = ir_pad(b->func, dy, (int64_t[]){0, 0, 0, 0}, (int64_t[]){0, 0, step - 1, 0}, 0);
    type.dim[axis] = n * step;
    return ir_reshape(b->func, dy, type.rank, type.dim);
}

static void grad_slice(Backward *b) {
    const Ints *start = &b->node.attrs[0].ints, *step = &b->node.attrs[2].ints;
    Type x = type_of(b, X(b, 0));
    ValueId dy = b->dy;
    for (int k = 0; k < x.rank; k++)
        if (step->v[k] > 1 && b->node.type.dim[k] > 1) dy = spread(b, dy, k, step->v[k]);
    Type wide = type_of(b, dy);
    int64_t zero[IR_MAX_RANK] = {0}, one[IR_MAX_RANK], high[IR_MAX_RANK], limit[IR_MAX_RANK];
    bool cut = false;
    for (int k = 0; k < x.rank; k++) { /* the last zeros may lie beyond x */
        int64_t room = x.dim[k] - start->v[k];
        one[k] = 1;
        limit[k] = wide.dim[k] < room ? wide.dim[k] : room;
        high[k] = room - limit[k];
        cut = cut || limit[k] < wide.dim[k];
    }
    if (cut) dy = ir_slice(b->func, dy, zero, limit, one);
    b->dx[0] = ir_pad(b->func, dy, start->v, high, 0);
}

static void grad_pad(Backward *b) {
    Type x = type_of(b, X(b, 0));
    int64_t limit[IR_MAX_RANK], one[IR_MAX_RANK];
    for (int k = 0; k < x.rank; k++) {
        limit[k] = b->node.attrs[0].ints.v[k] + x.dim[k];
        one[k] = 1;
    }
    b->dx[0] = ir_slice(b->func, b->dy, b->node.attrs[0].ints.v, limit, one);
}

static void grad_concat(Backward *b) {
    int64_t axis = b->node.attrs[0].i, start[IR_MAX_RANK] = {0}, limit[IR_MAX_RANK], one[IR_MAX_RANK];
    if (axis < 0) axis += b->node.type.rank;
    for (int k = 0; k < b->node.type.rank; k++) {
        limit[k] = b->node.type.dim[k];
        one[k] = 1;
    }
    limit[axis] = 0;
    for (int o = 0; o < b->node.n_operands; o++) {
        start[axis] = limit[axis];
        limit[axis] += func_type(b->func, X(b, o))->dim[axis];
        if (b->wants[o]) b->dx[o] = ir_slice(b->func, b->dy, start, limit, one);
    }
}

static void grad_gather(Backward *b) {
    Type x = type_of(b, X(b, 0));
    ValueId zeros = emit_filled(b->func, 0, &x);
    b->dx[0] = func_emit(b->func, OP_scatter_add, (ValueId[]){zeros, X(b, 1), b->dy}, 3, b->node.attrs);
}

static void grad_scatter_add(Backward *b) {
    b->dx[0] = b->dy;
    if (b->wants[2]) b->dx[2] = ir_gather(b->func, b->dy, X(b, 1), (int)b->node.attrs[0].i);
}

/* Which rows of a scatter stay, bool with the rank of u: those at whose place no later row was put. */
static ValueId rows_that_stay(Backward *b) {
    Func *func = b->func;
    int batch = (int)b->node.attrs[0].i;
    Type index = type_of(b, X(b, 1)), rows = type_of(b, X(b, 2)), places = type_of(b, X(b, 0));
    int64_t n = 1;
    for (int k = batch; k < index.rank; k++) n *= index.dim[k];
    ValueId order = ir_iota(func, 1, &n, 0, DT_I32);
    order = ir_reshape(func, order, index.rank - batch, index.dim + batch);
    order = ir_broadcast(func, order, index.rank, index.dim);
    places.rank = (uint8_t)(batch + 1);
    places.dtype = DT_I32;
    ValueId zeros = emit_filled(func, 0, &places);
    ValueId last = func_emit(func, OP_scatter, (ValueId[]){zeros, X(b, 1), order}, 3, b->node.attrs);
    ValueId stays = ir_binary(func, OP_eq, ir_gather(func, last, X(b, 1), batch), order);
    for (int k = index.rank; k < rows.rank; k++) index.dim[k] = 1;
    return ir_reshape(func, stays, rows.rank, index.dim);
}

static void grad_scatter(Backward *b) {
    Type rows = type_of(b, X(b, 2));
    ValueId zeros = emit_filled(b->func, 0, &rows);
    if (b->wants[0])
        b->dx[0] = func_emit(b->func, OP_scatter, (ValueId[]){b->dy, X(b, 1), zeros}, 3, b->node.attrs);
    if (!b->wants[2]) return;
    ValueId taken = ir_gather(b->func, b->dy, X(b, 1), (int)b->node.attrs[0].i);
    b->dx[2] = where(b, rows_that_stay(b), taken);
}

static void grad_unfold(Backward *b) {
    Type x = type_of(b, X(b, 0));
    const Attr *a = b->node.attrs;
    Attr size = {.ints = {2, {x.dim[2], x.dim[3]}}};
    b->dx[0] = func_emit(b->func, OP_fold, &b->dy, 1, (Attr[]){size, a[0], a[1], a[2]});
}

static void grad_fold(Backward *b) {
    b->dx[0] = func_emit(b->func, OP_unfold, &b->dy, 1, b->node.attrs + 1);
}

/* ---- the table ----------------------------------------------------------------------------------------------------------- */

static void (*const RULES[OP_COUNT])(Backward *) = {
#define OP(name, lo, hi, attributes, loop, shape, gradient, ...) grad_##gradient,
#include "ir/ops.def"
#undef OP
};

bool op_has_gradient(OpKind op) {
    return RULES[op] != grad_zero;
}

void backward_node(Backward *backward) {
    RULES[backward->node.op](backward);
}
