/* Gradient rules, named by the grad column of ops.def. Written in ordinary operators, so that they simplify and fuse
 * like the rest; where an operand is enough to compute a derivative, the result is not kept for it. */
#include "passes/graph/autodiff_rules.h"
#include "passes/graph/windows_parts.h"

#include <string.h>

/* A gradient of the broadcast result summed back to the shape of operand o. */
static ValueId unbroadcast(const GradRule *r, ValueId g, int o) {
    const Type to = *type_of(r, r->x[o]), from = *type_of(r, g);
    int64_t axes[IR_MAX_RANK];
    int n = 0, shift = from.rank - to.rank;
    for (int k = 0; k < from.rank; k++)
        if (k < shift || (to.dim[k - shift] == 1 && from.dim[k] != 1)) axes[n++] = k;
    if (n) g = ir_reduce(r->func, OP_sum, g, n, axes, false);
    return ir_reshape(r->func, g, to.rank, to.dim);
}

static ValueId spread_like(const GradRule *r, ValueId g, ValueId like) {
    const Type type = *type_of(r, like);
    return type_equal(type_of(r, g), &type) ? g : ir_broadcast(r->func, g, type.rank, type.dim);
}

static void grad_neg(GradRule *r) {
    r->dx[0] = neg(r, r->dy);
}
static void grad_abs(GradRule *r) {
    r->dx[0] = mul(r, r->dy, ir_unary(r->func, OP_sign, r->x[0]));
}
static void grad_exp(GradRule *r) {
    r->dx[0] = mul(r, r->dy, r->y);
}
static void grad_log(GradRule *r) {
    r->dx[0] = quotient(r, r->dy, r->x[0]);
}
static void grad_sqrt(GradRule *r) {
    r->dx[0] = quotient(r, scaled(r, r->dy, 0.5), r->y);
}

static void grad_rsqrt(GradRule *r) { /* -y³/2 */
    ValueId cube = mul(r, mul(r, r->y, r->y), r->y);
    r->dx[0] = mul(r, r->dy, scaled(r, cube, -0.5));
}

static void grad_tanh(GradRule *r) {
    ValueId square = mul(r, r->y, r->y);
    r->dx[0] = mul(r, r->dy, sub(r, number(r, 1), square));
}

static void grad_erf(GradRule *r) { /* 2/√π e^-x² */
    ValueId e = ir_unary(r->func, OP_exp, neg(r, mul(r, r->x[0], r->x[0])));
    r->dx[0] = mul(r, r->dy, scaled(r, e, 1.12837916709551257));
}

static void grad_sin(GradRule *r) {
    r->dx[0] = mul(r, r->dy, ir_unary(r->func, OP_cos, r->x[0]));
}
static void grad_cos(GradRule *r) {
    r->dx[0] = neg(r, mul(r, r->dy, ir_unary(r->func, OP_sin, r->x[0])));
}
static void grad_sigmoid(GradRule *r) {
    r->dx[0] = mul(r, r->dy, mul(r, r->y, sub(r, number(r, 1), r->y)));
}

static void grad_softplus(GradRule *r) {
    r->dx[0] = mul(r, r->dy, ir_unary(r->func, OP_sigmoid, r->x[0]));
}

static void grad_gelu(GradRule *r) {
    ValueId x = r->x[0], slope;
    if (gelu_attrs(r->node)->approximate) { /* t = tanh(c(x + a x³)): ½(1 + t) + ½x(1 - t²)·c(1 + 3a x²) */
        const double c = 0.79788456080286535588, a = 0.044715;
        ValueId square = mul(r, x, x);
        ValueId inner = scaled(r, mul(r, x, shifted(r, scaled(r, square, a), 1)), c);
        ValueId t = ir_unary(r->func, OP_tanh, inner);
        ValueId rise = scaled(r, shifted(r, scaled(r, square, 3 * a), 1), 0.5 * c), less = mul(r, t, t);
        ValueId bend = mul(r, mul(r, x, sub(r, number(r, 1), less)), rise);
        slope = add(r, scaled(r, shifted(r, t, 1), 0.5), bend);
    } else { /* Φ(x) + x φ(x) */
        ValueId u = scaled(r, x, 0.70710678118654752440), t = ir_unary(r->func, OP_erf, u);
        ValueId e = ir_unary(r->func, OP_exp, neg(r, mul(r, u, u))); /* as erf's own */
        ValueId density = scaled(r, mul(r, x, e), 0.39894228040143267794);
        slope = add(r, scaled(r, shifted(r, t, 1), 0.5), density);
    }
    r->dx[0] = mul(r, r->dy, slope);
}

static void grad_cast(GradRule *r) {
    DType from = (DType)type_of(r, r->x[0])->dtype;
    if (dtype_is_float(from)) r->dx[0] = ir_cast(r->func, r->dy, from);
}

static void grad_add(GradRule *r) {
    for (int o = 0; o < 2; o++) r->dx[o] = unbroadcast(r, r->dy, o);
}

static void grad_sub(GradRule *r) {
    r->dx[0] = unbroadcast(r, r->dy, 0);
    if (r->wanted[1]) r->dx[1] = unbroadcast(r, neg(r, r->dy), 1);
}

static void grad_mul(GradRule *r) {
    for (int o = 0; o < 2; o++)
        if (r->wanted[o]) r->dx[o] = unbroadcast(r, mul(r, r->dy, r->x[1 - o]), o);
}

static void grad_div(GradRule *r) {
    ValueId g = quotient(r, r->dy, r->x[1]);
    r->dx[0] = unbroadcast(r, g, 0);
    if (r->wanted[1]) r->dx[1] = unbroadcast(r, neg(r, mul(r, g, r->y)), 1);
}

static void grad_rem(GradRule *r) { /* a - b·floor(a / b) */
    r->dx[0] = unbroadcast(r, r->dy, 0);
    if (!r->wanted[1]) return;
    ValueId times = ir_unary(r->func, OP_floor, quotient(r, r->x[0], r->x[1]));
    r->dx[1] = unbroadcast(r, neg(r, mul(r, r->dy, times)), 1);
}

static void grad_pow(GradRule *r) { /* b·a^(b-1), which is 0 for b = 0 whatever a is; y·log a */
    ValueId a = r->x[0], b = r->x[1], zero = number(r, 0);
    if (r->wanted[0]) {
        ValueId less = ir_binary(r->func, OP_pow, a, sub(r, b, number(r, 1)));
        ValueId flat = ir_binary(r->func, OP_eq, b, zero);
        ValueId slope = ir_select(r->func, flat, zero, mul(r, b, less));
        r->dx[0] = unbroadcast(r, mul(r, r->dy, slope), 0);
    }
    if (!r->wanted[1]) return;
    ValueId positive = ir_binary(r->func, OP_gt, a, zero);
    ValueId log = ir_unary(r->func, OP_log, ir_select(r->func, positive, a, number(r, 1)));
    ValueId slope = ir_select(r->func, positive, mul(r, r->y, log), zero);
    r->dx[1] = unbroadcast(r, mul(r, r->dy, slope), 1);
}

static void gate(GradRule *r, OpKind first_wins) {
    ValueId first = ir_binary(r->func, first_wins, r->x[0], r->x[1]), zero = number(r, 0);
    r->dx[0] = unbroadcast(r, ir_select(r->func, first, r->dy, zero), 0);
    if (r->wanted[1]) r->dx[1] = unbroadcast(r, ir_select(r->func, first, zero, r->dy), 1);
}

static void grad_max(GradRule *r) {
    gate(r, OP_gt);
}
static void grad_min(GradRule *r) {
    gate(r, OP_lt);
}

static void grad_select(GradRule *r) {
    ValueId zero = number(r, 0);
    if (r->wanted[1]) r->dx[1] = unbroadcast(r, ir_select(r->func, r->x[0], r->dy, zero), 1);
    if (r->wanted[2]) r->dx[2] = unbroadcast(r, ir_select(r->func, r->x[0], zero, r->dy), 2);
}

/* dy of a reduction, with the reduced axes back as size 1. */
static ValueId kept(const GradRule *r, ValueId g) {
    Type shape = *type_of(r, r->x[0]);
    for (int i = 0; i < reduce_attrs(r->node)->axes.n; i++) shape.dim[reduce_attrs(r->node)->axes.v[i]] = 1;
    return ir_reshape(r->func, g, shape.rank, shape.dim);
}

static void grad_sum(GradRule *r) {
    r->dx[0] = spread_like(r, kept(r, r->dy), r->x[0]);
}

static void grad_amax(GradRule *r) {
    ValueId equal = ir_binary(r->func, OP_eq, r->x[0], kept(r, r->y));
    ValueId ones = ir_cast(r->func, equal, (DType)type_of(r, r->y)->dtype);
    const Ints *axes = &reduce_attrs(r->node)->axes;
    ValueId count = ir_reduce(r->func, OP_sum, ones, axes->n, axes->v, true);
    r->dx[0] = mul(r, ones, quotient(r, kept(r, r->dy), count));
}

static ValueId row_sum(const GradRule *r, ValueId x) {
    int64_t axis = type_of(r, x)->rank - 1;
    return ir_reduce(r->func, OP_sum, x, 1, &axis, true);
}

static ValueId row_mean(const GradRule *r, ValueId x) {
    const Type *type = type_of(r, x);
    return scaled(r, row_sum(r, x), 1.0 / (double)type->dim[type->rank - 1]);
}

static void grad_softmax(GradRule *r) { /* y (dy - Σ y dy) */
    r->dx[0] = mul(r, r->y, sub(r, r->dy, row_sum(r, mul(r, r->y, r->dy))));
}

static void grad_log_softmax(GradRule *r) { /* dy - e^y Σ dy */
    ValueId sum = row_sum(r, r->dy);
    r->dx[0] = sub(r, r->dy, mul(r, ir_unary(r->func, OP_exp, r->y), sum));
}

/* With n the normalised row and g = dy·w: (g - mean g - n·mean(g·n)) / σ. n is computed as `expand` does, so that the
 * forward pass and this share mean and variance. */
static void grad_layernorm(GradRule *r) {
    ValueId centred = sub(r, r->x[0], row_mean(r, r->x[0]));
    ValueId variance = row_mean(r, mul(r, centred, centred));
    ValueId inverse = ir_unary(r->func, OP_rsqrt, add(r, variance, number(r, layernorm_attrs(r->node)->eps)));
    ValueId normal = mul(r, centred, inverse), g = mul(r, r->dy, r->x[1]);
    if (r->wanted[0]) {
        ValueId centre = sub(r, g, row_mean(r, g));
        r->dx[0] = mul(r, inverse, sub(r, centre, mul(r, normal, row_mean(r, mul(r, g, normal)))));
    }
    int64_t axes[IR_MAX_RANK];
    int n = type_of(r, r->x[0])->rank - 1;
    for (int k = 0; k < n; k++) axes[k] = k;
    if (r->wanted[1])
        r->dx[1] =
            n ? ir_reduce(r->func, OP_sum, mul(r, r->dy, normal), n, axes, false) : mul(r, r->dy, normal);
    if (r->wanted[2]) r->dx[2] = n ? ir_reduce(r->func, OP_sum, r->dy, n, axes, false) : r->dy;
}

/* The matrix [K, N] that lies in panels. */
static ValueId unpacked(GradRule *r, ValueId panels) {
    const Type type = *func_type(r->func, panels);
    int64_t dim[] = {type.dim[1] * (type.rank == 4 ? 2 : 1), type.dim[0] * type.dim[2]};
    ValueId turned = type.rank == 4 ? ir_transpose(r->func, panels, (int64_t[]){1, 3, 0, 2})
                                    : ir_transpose(r->func, panels, (int64_t[]){1, 0, 2});
    return ir_reshape(r->func, turned, 2, dim);
}

static void grad_pack(GradRule *r) {
    ValueId matrix = ir_cast(r->func, unpacked(r, r->dy), (DType)type_of(r, r->x[0])->dtype);
    r->dx[0] = pack_attrs(r->node)->tb ? ir_transpose(r->func, matrix, (int64_t[]){1, 0}) : matrix;
}

static void grad_matmul_of_panels(GradRule *r) {
    bool ta = matmul_attrs(r->node)->ta, pairs = type_of(r, r->x[1])->rank == 4;
    ValueId b = unpacked(r, r->x[1]);
    PanelShape panel = {(int)matmul_attrs(r->node)->panel, pairs ? 2 : 1};
    if (r->wanted[0])
        r->dx[0] = ta ? ir_matmul(r->func, b, r->dy, false, true) : ir_matmul(r->func, r->dy, b, false, true);
    if (r->wanted[1])
        r->dx[1] = ir_pack(r->func, ir_matmul(r->func, r->x[0], r->dy, !ta, false), false, panel,
                           pairs ? PRECISION_BF16 : PRECISION_FP32);
}

static void grad_matmul(GradRule *r) {
    if (matmul_attrs(r->node)->panel) {
        grad_matmul_of_panels(r);
        return;
    }
    bool ta = matmul_attrs(r->node)->ta, tb = matmul_attrs(r->node)->tb;
    ValueId a = r->x[0], b = r->x[1], dy = r->dy;
    if (r->wanted[0])
        r->dx[0] = ta ? ir_matmul(r->func, b, dy, tb, true) : ir_matmul(r->func, dy, b, false, !tb);
    if (r->wanted[1])
        r->dx[1] = tb ? ir_matmul(r->func, dy, a, true, ta) : ir_matmul(r->func, a, dy, !ta, false);
}

/* Part `part` of the stacked gradients, that of operand o. */
static ValueId part_of(GradRule *r, ValueId stacked, int part, int o) {
    const Type all = *func_type(r->func, stacked), to = *type_of(r, r->x[o]);
    int64_t start[IR_MAX_RANK] = {part}, limit[IR_MAX_RANK], step[IR_MAX_RANK];
    for (int k = 0; k < all.rank; k++) {
        limit[k] = k ? all.dim[k] : part + 1;
        step[k] = 1;
    }
    return ir_reshape(r->func, ir_slice(r->func, stacked, start, limit, step), to.rank, to.dim);
}

static void grad_attention(GradRule *r) {
    int n = r->node->n_operands;
    ValueId x[5] = {r->x[0], r->x[1], r->x[2], r->dy, n > 3 ? r->x[3] : IR_NONE};
    const Attr *attrs = r->node->attrs;
    bool of_keys = r->wanted[1] || r->wanted[2], alike = type_equal(type_of(r, x[0]), type_of(r, x[1]));
    if (alike && r->wanted[0] && of_keys) {
        ValueId stacked = func_emit(r->func, OP_attention_grad, x, n + 1, attrs);
        for (int o = 0; o < 3; o++)
            if (r->wanted[o]) r->dx[o] = part_of(r, stacked, o, o);
    } else {
        if (r->wanted[0]) r->dx[0] = func_emit(r->func, OP_attention_query_grad, x, n + 1, attrs);
        ValueId stacked = of_keys ? func_emit(r->func, OP_attention_key_grad, x, n + 1, attrs) : IR_NONE;
        for (int o = 1; o < 3; o++)
            if (r->wanted[o]) r->dx[o] = part_of(r, stacked, o - 1, o);
    }
    if (n > 3 && r->wanted[3]) r->dx[3] = func_emit(r->func, OP_attention_bias_grad, x, 5, attrs);
}

static void grad_reshape(GradRule *r) {
    const Type to = *type_of(r, r->x[0]);
    r->dx[0] = ir_reshape(r->func, r->dy, to.rank, to.dim);
}

static void grad_transpose(GradRule *r) {
    int64_t inverse[IR_MAX_RANK];
    for (int k = 0; k < r->node->type.rank; k++) inverse[transpose_attrs(r->node)->perm.v[k]] = k;
    r->dx[0] = ir_transpose(r->func, r->dy, inverse);
}

/* Each element gets the gradients of all windows that it lies in: of window r - a, element a·stride + p, where it is
 * element p of row r of `stride` elements. */
static void grad_windows(GradRule *r) {
    const WindowsAttrs *of = windows_attrs(r->node);
    r->dx[0] = add_windows(r->func, r->dy, (int)of->axis, of->stride, type_of(r, r->x[0])->dim[of->axis]);
}

static void grad_broadcast(GradRule *r) {
    r->dx[0] = unbroadcast(r, r->dy, 0);
}

/* dy with step - 1 zeros after each of its elements along axis k. */
static ValueId dilate(const GradRule *r, ValueId g, int k, int64_t step) {
    Type type = *type_of(r, g);
    int64_t outer = 1, inner = 1, none[4] = {0}, high[4] = {0, 0, step - 1, 0};
    for (int j = 0; j < type.rank; j++) *(j < k ? &outer : &inner) *= j == k ? 1 : type.dim[j];
    g = ir_reshape(r->func, g, 4, (int64_t[]){outer, type.dim[k], 1, inner});
    g = ir_pad(r->func, g, none, high, 0);
    type.dim[k] *= step;
    return ir_reshape(r->func, g, type.rank, type.dim);
}

static void grad_slice(GradRule *r) {
    const Type x = *type_of(r, r->x[0]);
    const Ints *start = &slice_attrs(r->node)->start, *step = &slice_attrs(r->node)->step;
    int64_t low[IR_MAX_RANK], high[IR_MAX_RANK], zero[IR_MAX_RANK] = {0}, one[IR_MAX_RANK];
    ValueId g = r->dy;
    for (int k = 0; k < x.rank; k++) {
        for (int j = 0; j < x.rank; j++) one[j] = 1;
        if (step->v[k] > 1) g = dilate(r, g, k, step->v[k]);
        int64_t room = x.dim[k] - start->v[k];
        if (type_of(r, g)->dim[k] > room) { /* zeros past the end */
            Type limit = *type_of(r, g);
            limit.dim[k] = room;
            g = ir_slice(r->func, g, zero, limit.dim, one);
        }
        low[k] = start->v[k];
        high[k] = room - type_of(r, g)->dim[k];
    }
    r->dx[0] = ir_pad(r->func, g, low, high, 0);
}

static void grad_pad(GradRule *r) {
    int64_t limit[IR_MAX_RANK], one[IR_MAX_RANK];
    const Ints *low = &pad_attrs(r->node)->low;
    for (int k = 0; k < low->n; k++) {
        limit[k] = low->v[k] + type_of(r, r->x[0])->dim[k];
        one[k] = 1;
    }
    r->dx[0] = ir_slice(r->func, r->dy, low->v, limit, one);
}

static void grad_concat(GradRule *r) {
    int axis = axis_from_front(concat_attrs(r->node)->axis, r->node->type.rank);
    int64_t start[IR_MAX_RANK] = {0}, limit[IR_MAX_RANK], one[IR_MAX_RANK];
    for (int k = 0; k < r->node->type.rank; k++) {
        limit[k] = r->node->type.dim[k];
        one[k] = 1;
    }
    for (int o = 0; o < r->node->n_operands; o++) {
        limit[axis] = start[axis] + type_of(r, r->x[o])->dim[axis];
        if (r->wanted[o]) r->dx[o] = ir_slice(r->func, r->dy, start, limit, one);
        start[axis] = limit[axis];
    }
}

static ValueId zeros_like(const GradRule *r, ValueId x) {
    const Type type = *type_of(r, x);
    return ir_broadcast(r->func, ir_constant(r->func, 0, (DType)type.dtype), type.rank, type.dim);
}

static void grad_gather(GradRule *r) {
    ValueId operands[] = {zeros_like(r, r->x[0]), r->x[1], r->dy};
    r->dx[0] = func_emit(r->func, OP_scatter_add, operands, 3, r->node->attrs);
}

static void grad_scatter_add(GradRule *r) {
    r->dx[0] = r->dy;
    if (r->wanted[2]) r->dx[2] = ir_gather(r->func, r->dy, r->x[1], (int)indexed_attrs(r->node)->batch);
}

/* Which rows of a scatter stay: no later one is put in the same place. bool, broadcast to the rows by their rank. */
static ValueId rows_that_stay(const GradRule *r) {
    int batch = (int)indexed_attrs(r->node)->batch;
    Type index = *type_of(r, r->x[1]), places = *type_of(r, r->x[0]), rows = *type_of(r, r->x[2]);
    int64_t n = 1;
    for (int k = batch; k < index.rank; k++) n *= index.dim[k];
    ValueId order = ir_iota(r->func, 1, &n, 0, DT_I32);
    order = ir_reshape(r->func, order, index.rank - batch, index.dim + batch);
    order = ir_broadcast(r->func, order, index.rank, index.dim);
    ValueId zero = ir_constant(r->func, 0, DT_I32);
    ValueId none = ir_broadcast(r->func, zero, batch + 1, places.dim);
    ValueId last = func_emit(r->func, OP_scatter, (ValueId[]){none, r->x[1], order}, 3, r->node->attrs);
    ValueId stays = ir_binary(r->func, OP_eq, ir_gather(r->func, last, r->x[1], batch), order);
    for (int k = index.rank; k < rows.rank; k++) index.dim[k] = 1;
    return ir_reshape(r->func, stays, rows.rank, index.dim);
}

static void grad_scatter(GradRule *r) { /* replaced rows pass nothing on */
    if (r->wanted[0]) {
        ValueId operands[] = {r->dy, r->x[1], zeros_like(r, r->x[2])};
        r->dx[0] = func_emit(r->func, OP_scatter, operands, 3, r->node->attrs);
    }
    if (!r->wanted[2]) return;
    ValueId taken = ir_gather(r->func, r->dy, r->x[1], (int)indexed_attrs(r->node)->batch);
    ValueId stays = rows_that_stay(r);
    r->dx[2] = ir_select(r->func, stays, taken, number(r, 0));
}

static void grad_cumsum(GradRule *r) { /* each element is in the sums from it on */
    ScanAttrs attrs = *scan_attrs(r->node);
    attrs.reverse = !attrs.reverse;
    r->dx[0] = func_emit(r->func, OP_cumsum, &r->dy, 1, &attrs);
}

static void grad_unfold(GradRule *r) {
    const Type *x = type_of(r, r->x[0]);
    const UnfoldAttrs *of = unfold_attrs(r->node);
    FoldAttrs attrs = {.size = {2, {x->dim[2], x->dim[3]}},
                       .kernel = of->kernel,
                       .stride = of->stride,
                       .padding = of->padding};
    r->dx[0] = func_emit(r->func, OP_fold, &r->dy, 1, &attrs);
}

static void grad_max_pool(GradRule *r) {
    ValueId x[] = {r->x[0], r->y, r->dy};
    r->dx[0] = func_emit(r->func, OP_max_pool_grad, x, 3, unfold_attrs(r->node));
}

/* Linear in dy: each window's gets the mean of the gradients of what is largest in it. */
static void grad_max_pool_grad(GradRule *r) {
    Func *func = r->func;
    UnfoldAttrs of = *unfold_attrs(r->node);
    const Type out = *type_of(r, r->x[1]);
    int64_t area = of.kernel.v[0] * of.kernel.v[1], places = out.dim[2] * out.dim[3];
    int64_t windows[] = {out.dim[0], places, out.dim[1], area}, last = 3;
    ValueId x[] = {r->x[0], r->dy},
            y = ir_reshape(func, r->x[1], 3, (int64_t[]){out.dim[0], out.dim[1], places});
    for (int i = 0; i < 2; i++) {
        double border = i ? 0 : lowest_of(type_of(r, r->x[0]));
        for (int k = 0; k < 2; k++)
            x[i] = widen_axis(func, x[i], 2 + k, of.padding.v[k], of.padding.v[k], border);
    }
    of.padding.v[0] = of.padding.v[1] = 0;
    for (int i = 0; i < 2; i++)
        x[i] = ir_reshape(func, func_emit(func, OP_unfold, &x[i], 1, &of), 4, windows);
    y = ir_transpose(func, y, (int64_t[]){0, 2, 1});
    y = ir_reshape(func, y, 4, (int64_t[]){out.dim[0], places, out.dim[1], 1});
    ValueId equal = ir_cast(func, ir_binary(func, OP_eq, x[0], y), (DType)out.dtype);
    ValueId sum = ir_reduce(func, OP_sum, mul(r, equal, x[1]), 1, &last, false);
    ValueId mean = quotient(r, sum, ir_reduce(func, OP_sum, equal, 1, &last, false));
    r->dx[2] = ir_reshape(func, ir_transpose(func, mean, (int64_t[]){0, 2, 1}), 4, out.dim);
}

/* conv2d is linear in both of its operands, and so are its adjoints: each rule is made of the two others. */
static ValueId conv2d(const GradRule *r, OpKind op, ValueId a, ValueId b, const ConvAdjointAttrs *of) {
    ConvAttrs attrs = {.stride = of->stride, .padding = of->padding, .groups = of->groups};
    const void *all = op == OP_conv2d ? (const void *)&attrs : (const void *)of;
    return func_emit(r->func, op, (ValueId[]){a, b}, 2, all);
}

static ConvAdjointAttrs with_size_of(const GradRule *r, ConvAdjointAttrs attrs, ValueId x) {
    const Type *type = type_of(r, x);
    attrs.size = (Ints){2, {type->dim[2], type->dim[3]}};
    return attrs;
}

static void grad_conv2d(GradRule *r) {
    const ConvAttrs *of = conv_attrs(r->node);
    ConvAdjointAttrs attrs = {.stride = of->stride, .padding = of->padding, .groups = of->groups};
    ConvAdjointAttrs image = with_size_of(r, attrs, r->x[0]), weight = with_size_of(r, attrs, r->x[1]);
    if (r->wanted[0]) r->dx[0] = conv2d(r, OP_conv2d_image, r->dy, r->x[1], &image);
    if (r->wanted[1]) r->dx[1] = conv2d(r, OP_conv2d_weight, r->x[0], r->dy, &weight);
}

static void grad_conv2d_image(GradRule *r) {
    const ConvAdjointAttrs *of = conv_adjoint_attrs(r->node);
    ConvAdjointAttrs weight = with_size_of(r, *of, r->x[1]);
    if (r->wanted[0]) r->dx[0] = conv2d(r, OP_conv2d, r->dy, r->x[1], of);
    if (r->wanted[1]) r->dx[1] = conv2d(r, OP_conv2d_weight, r->dy, r->x[0], &weight);
}

static void grad_conv2d_weight(GradRule *r) {
    const ConvAdjointAttrs *of = conv_adjoint_attrs(r->node);
    ConvAdjointAttrs image = with_size_of(r, *of, r->x[0]);
    if (r->wanted[0]) r->dx[0] = conv2d(r, OP_conv2d_image, r->x[1], r->dy, &image);
    if (r->wanted[1]) r->dx[1] = conv2d(r, OP_conv2d, r->x[0], r->dy, of);
}

static void grad_fold(GradRule *r) {
    const FoldAttrs *of = fold_attrs(r->node);
    UnfoldAttrs attrs = {.kernel = of->kernel, .stride = of->stride, .padding = of->padding};
    r->dx[0] = func_emit(r->func, OP_unfold, &r->dy, 1, &attrs);
}

/* Of an f64 in the result of a loop, whose gradient is a vector of f32: in the first words of the part, rounded. */
static void grad_part(GradRule *r) {
    int64_t n = type_elements(type_of(r, r->dy)), low = part_attrs(r->node)->start;
    int64_t high = type_of(r, r->x[0])->dim[0] - low - n;
    r->dx[0] = ir_pad(r->func, ir_reshape(r->func, ir_cast(r->func, r->dy, DT_F32), 1, &n), &low, &high, 0);
}

#define RULE_rule(name) grad_##name
#define RULE_zero NULL
#define RULE_none NULL
const GradFn GRAD_RULES[OP_COUNT] = {
#define OP(name, lo, hi, attributes, loop, kernel, traits, shape, grad, ...) RULE_##grad,
#include "ir/ops.def"
};
