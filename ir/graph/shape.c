/* Shape rules: the result type of every operator, named by the shape column of ops.def. */
#include "ir/graph/shape.h"
#include "ir/loop.h"

#include <math.h>
#include <string.h>

static bool axis_of(ShapeRule *r, int64_t axis, int rank, int *out) {
    *out = 0;
    if (axis < -rank || axis >= rank)
        return refuse(r, "axis %lld of a value of rank %d", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

static bool broadcast_types(ShapeRule *r, const Type *a, const Type *b, Type *out) {
    Type type = {.dtype = a->dtype, .rank = a->rank > b->rank ? a->rank : b->rank};
    for (int k = 1; k <= type.rank; k++) {
        int64_t m = k <= a->rank ? a->dim[a->rank - k] : 1, n = k <= b->rank ? b->dim[b->rank - k] : 1;
        if (m != n && m != 1 && n != 1)
            return refuse(r, "shapes do not broadcast: %s and %s differ %d from the end (%lld, %lld)",
                          show(a), show(b), k, (long long)m, (long long)n);
        type.dim[type.rank - k] = m == 1 ? n : m;
    }
    *out = type;
    return true;
}

static bool shape_given(ShapeRule *r) {
    return refuse(r, "made by func_add_input or func_read_state only");
}

/* Whether an element of the type can be that number. */
static bool check_number(ShapeRule *r, double value, DType dtype) {
    double most = dtype == DT_I32 ? 0x1p31 : 0x1p63;
    bool fits =
        dtype_is_float(dtype) || (dtype == DT_BOOL ? value == 0 || value == 1
                                                   : value == trunc(value) && value >= -most && value < most);
    return fits || refuse(r, "%g is no %s", value, dtype_name(dtype));
}

static bool shape_constant(ShapeRule *r) {
    if (!check_number(r, constant_attrs(r->node)->value, (DType)constant_attrs(r->node)->dtype)) return false;
    *r->out = type_scalar((DType)constant_attrs(r->node)->dtype);
    return true;
}

static bool shape_iota(ShapeRule *r) {
    const Ints *shape = &iota_attrs(r->node)->shape;
    int axis;
    if (!axis_of(r, iota_attrs(r->node)->axis, shape->n, &axis)) return false;
    if ((DType)iota_attrs(r->node)->dtype == DT_BOOL) return refuse(r, "counts in bool");
    if ((DType)iota_attrs(r->node)->dtype == DT_I32 && shape->v[axis] > INT32_MAX)
        return refuse(r, "counts to %lld in i32", (long long)shape->v[axis]);
    *r->out = type_make((DType)iota_attrs(r->node)->dtype, shape->n, shape->v);
    return true;
}

static bool shape_unary(ShapeRule *r) {
    *r->out = *r->x[0];
    if (r->x[0]->dtype == DT_BOOL && r->node->op != OP_stop_grad)
        return refuse(r, "wants numbers, not %s", show(r->x[0]));
    return true;
}

static bool shape_unary_float(ShapeRule *r) {
    *r->out = *r->x[0];
    if (!dtype_is_float(r->x[0]->dtype)) return refuse(r, "wants reals, not %s", show(r->x[0]));
    if ((r->node->op == OP_softmax || r->node->op == OP_log_softmax) && r->x[0]->rank == 0)
        return refuse(r, "wants an axis, not a scalar");
    return true;
}

static bool shape_unary_bool(ShapeRule *r) {
    *r->out = *r->x[0];
    if (r->x[0]->dtype != DT_BOOL) return refuse(r, "wants bool, not %s", show(r->x[0]));
    return true;
}

static bool shape_cast(ShapeRule *r) {
    *r->out = *r->x[0];
    r->out->dtype = (uint8_t)cast_attrs(r->node)->dtype;
    return true;
}

static bool shape_binary(ShapeRule *r) {
    if (r->x[0]->dtype != r->x[1]->dtype)
        return refuse(r, "element types differ: %s and %s", show(r->x[0]), show(r->x[1]));
    if (r->x[0]->dtype == DT_BOOL) return refuse(r, "wants numbers, not bool");
    if (r->node->op == OP_pow && !dtype_is_float(r->x[0]->dtype))
        return refuse(r, "wants reals, not %s", show(r->x[0]));
    return broadcast_types(r, r->x[0], r->x[1], r->out);
}

static bool shape_compare(ShapeRule *r) {
    if (r->x[0]->dtype != r->x[1]->dtype)
        return refuse(r, "element types differ: %s and %s", show(r->x[0]), show(r->x[1]));
    if (!broadcast_types(r, r->x[0], r->x[1], r->out)) return false;
    r->out->dtype = DT_BOOL;
    return true;
}

static bool shape_logical(ShapeRule *r) {
    if (r->x[0]->dtype != DT_BOOL || r->x[1]->dtype != DT_BOOL)
        return refuse(r, "wants bool, not %s and %s", show(r->x[0]), show(r->x[1]));
    return broadcast_types(r, r->x[0], r->x[1], r->out);
}

static bool shape_random(ShapeRule *r) {
    *r->out = *r->x[0];
    for (int o = 0; o < r->n; o++)
        if (r->x[o]->dtype != DT_I32 || (o && r->x[o]->rank))
            return refuse(r, "wants indices and five scalars of i32, not %s", show(r->x[o]));
    return true;
}

static bool shape_select(ShapeRule *r) {
    if (r->x[0]->dtype != DT_BOOL) return refuse(r, "its condition must be bool, not %s", show(r->x[0]));
    if (r->x[1]->dtype != r->x[2]->dtype)
        return refuse(r, "element types differ: %s and %s", show(r->x[1]), show(r->x[2]));
    Type values;
    if (!broadcast_types(r, r->x[1], r->x[2], &values) || !broadcast_types(r, &values, r->x[0], r->out))
        return false;
    r->out->dtype = r->x[1]->dtype;
    return true;
}

static bool shape_reduce(ShapeRule *r) {
    const Type *x = r->x[0];
    const Ints *axes = &reduce_attrs(r->node)->axes;
    bool reduced[IR_MAX_RANK] = {false};
    if (x->dtype == DT_BOOL) return refuse(r, "wants numbers, not %s", show(x));
    for (int i = 0; i < axes->n; i++) {
        if (axes->v[i] < 0 || axes->v[i] >= x->rank)
            return refuse(r, "axis %lld of %s", (long long)axes->v[i], show(x));
        if (reduced[axes->v[i]]) return refuse(r, "axis %lld twice", (long long)axes->v[i]);
        reduced[axes->v[i]] = true;
    }
    *r->out = (Type){.dtype = x->dtype};
    for (int k = 0; k < x->rank; k++)
        if (!reduced[k] || reduce_attrs(r->node)->keep)
            r->out->dim[r->out->rank++] = reduced[k] ? 1 : x->dim[k];
    return true;
}

static bool shape_sum_rows(ShapeRule *r) {
    const Type *x = r->x[0];
    int64_t rows = sum_rows_attrs(r->node)->rows, m = 1;
    if (x->rank < 2 || x->dim[x->rank - 1] < 2 || x->dtype != DT_F32)
        return refuse(r, "wants matrices of f32, not %s", show(x));
    if (rows < 1) return refuse(r, "blocks of %lld rows", (long long)rows);
    for (int o = 1; o < r->n; o++)
        if (!type_equal(r->x[o], x)) return refuse(r, "%s beside %s", show(r->x[o]), show(x));
    for (int k = 0; k < x->rank - 1; k++) m *= x->dim[k];
    *r->out = type_make(DT_F32, 3, (int64_t[]){(m - 1) / rows + 1, r->n, x->dim[x->rank - 1]});
    return true;
}

static bool shape_moments(ShapeRule *r) {
    const Type *x = r->x[0];
    int64_t columns = moments_attrs(r->node)->columns;
    if (x->rank < 1 || x->rank == IR_MAX_RANK || x->dtype != DT_F32)
        return refuse(r, "wants rows of f32, not %s", show(x));
    if (columns < 2 || x->dim[x->rank - 1] % columns)
        return refuse(r, "%s is no whole number of %lld columns", show(x), (long long)columns);
    *r->out = *x;
    r->out->dim[x->rank - 1] /= columns;
    r->out->dim[r->out->rank++] = 2;
    return true;
}

/* An axis whose places an i32 can tell. */
static bool counted_axis(ShapeRule *r, int64_t which, int *axis) {
    if (!axis_of(r, which, r->x[0]->rank, axis)) return false;
    return r->x[0]->dim[*axis] <= INT32_MAX ||
           refuse(r, "an axis of %lld, more than an i32 can count", (long long)r->x[0]->dim[*axis]);
}

static bool shape_argmax(ShapeRule *r) {
    int axis;
    if (!counted_axis(r, along_attrs(r->node)->axis, &axis)) return false;
    *r->out = (Type){.dtype = DT_I32};
    for (int k = 0; k < r->x[0]->rank; k++)
        if (k != axis) r->out->dim[r->out->rank++] = r->x[0]->dim[k];
    return true;
}

static bool shape_argsort(ShapeRule *r) {
    int axis;
    int64_t count = order_attrs(r->node)->count;
    if (!counted_axis(r, order_attrs(r->node)->axis, &axis)) return false;
    *r->out = *r->x[0];
    r->out->dtype = DT_I32;
    if (count < 0 || count > r->out->dim[axis])
        return refuse(r, "the first %lld of %lld along axis %d of %s", (long long)count,
                      (long long)r->out->dim[axis], axis, show(r->x[0]));
    if (count) r->out->dim[axis] = count;
    return true;
}

static bool shape_cumsum(ShapeRule *r) {
    int axis;
    *r->out = *r->x[0];
    if (r->x[0]->dtype == DT_BOOL) return refuse(r, "wants numbers, not %s", show(r->x[0]));
    return axis_of(r, scan_attrs(r->node)->axis, r->x[0]->rank, &axis);
}

static bool shape_layernorm(ShapeRule *r) {
    const Type *x = r->x[0];
    *r->out = *x;
    if (!dtype_is_float(x->dtype) || x->rank == 0) return refuse(r, "wants rows of reals, not %s", show(x));
    for (int o = 1; o < 3; o++)
        if (r->x[o]->rank != 1 || r->x[o]->dim[0] != x->dim[x->rank - 1] || r->x[o]->dtype != x->dtype)
            return refuse(r, "its %s must be as long as a row: %s for rows of %s", o == 1 ? "weight" : "bias",
                          show(r->x[o]), show(x));
    return true;
}

/* x[K, N] in panels: whole ones, of whole pairs of bf16 where K is taken in pairs. */
static bool shape_pack(ShapeRule *r) {
    const Type *x = r->x[0];
    int64_t columns = pack_attrs(r->node)->panel, rows = pack_attrs(r->node)->rows;
    Precision precision = pack_attrs(r->node)->precision;
    if (x->rank != 2 || !dtype_is_float(x->dtype))
        return refuse(r, "wants a matrix of reals, not %s", show(x));
    int64_t k = x->dim[pack_attrs(r->node)->tb], n = x->dim[!pack_attrs(r->node)->tb];
    if (columns < 1 || rows < 1 || (rows > 1 && rows % 2))
        return refuse(r, "no panels of %lld columns, %lld rows", (long long)columns, (long long)rows);
    if (precision_terms(precision) > 1 || (rows > 1 && precision_terms(precision) < 1))
        return refuse(r, "precision = %s does not go with rows = %lld", precision_name(precision),
                      (long long)rows);
    if (n % columns || k % rows)
        return refuse(r, "%s is no whole number of panels of %lld columns, %lld rows", show(x),
                      (long long)columns, (long long)rows);
    *r->out = rows == 1 ? type_make((DType)x->dtype, 3, (int64_t[]){n / columns, k, columns})
                        : type_make(DT_BF16, 4, (int64_t[]){n / columns, k / 2, columns, 2});
    return true;
}

/* The matrix [K, N] that lies in panels, as pack makes them. */
static bool unpacked(ShapeRule *r, const Type *x, int64_t columns, Type *out) {
    bool pairs = x->rank == 4 && x->dtype == DT_BF16 && x->dim[3] == 2;
    if (columns < 1 || !(pairs || x->rank == 3) || x->dim[2] != columns)
        return refuse(r, "wants panels of %lld columns, not %s", (long long)columns, show(x));
    *out = type_make((DType)x->dtype, 2, (int64_t[]){x->dim[1] * (pairs ? 2 : 1), x->dim[0] * columns});
    return true;
}

static bool shape_matmul(ShapeRule *r) {
    const Type *a = r->x[0], *b = r->x[1];
    Type matrix;
    if (matmul_attrs(r->node)->panel) {
        if (a->rank != 2 || matmul_attrs(r->node)->tb)
            return refuse(r, "with panels wants a matrix, and no tb: %s", show(a));
        if (!unpacked(r, b, matmul_attrs(r->node)->panel, &matrix)) return false;
        b = &matrix;
    }
    bool halves = (a->dtype == DT_BF16 || a->dtype == DT_F32) && (b->dtype == DT_BF16 || b->dtype == DT_F32);
    bool split = precision_terms(matmul_attrs(r->node)->precision) > 0;
    if (!halves && (a->dtype != b->dtype || !dtype_is_float(a->dtype)))
        return refuse(r, "wants reals of one type, not %s @ %s", show(a), show(b));
    if (split && !halves) return refuse(r, "bf16 products want f32 or bf16, not %s @ %s", show(a), show(b));
    if (a->rank < 2 || a->rank != b->rank)
        return refuse(r, "wants equal ranks of 2 or more: %s @ %s", show(a), show(b));
    int n = a->rank;
    bool ta = matmul_attrs(r->node)->ta, tb = matmul_attrs(r->node)->tb;
    for (int k = 0; k < n - 2; k++)
        if (a->dim[k] != b->dim[k]) return refuse(r, "leading axes differ: %s @ %s", show(a), show(b));
    int64_t inner_a = a->dim[ta ? n - 2 : n - 1], inner_b = b->dim[tb ? n - 1 : n - 2];
    if (inner_a != inner_b)
        return refuse(r, "inner sizes differ (%lld and %lld): %s%s @ %s%s", (long long)inner_a,
                      (long long)inner_b, show(a), ta ? "ᵀ" : "", show(b), tb ? "ᵀ" : "");
    *r->out = *a;
    if (halves) r->out->dtype = DT_F32;
    r->out->dim[n - 2] = a->dim[ta ? n - 1 : n - 2];
    r->out->dim[n - 1] = b->dim[tb ? n - 2 : n - 1];
    bool square = r->out->dim[n - 2] == r->out->dim[n - 1] && matmul_attrs(r->node)->panel == 0;
    if (matmul_attrs(r->node)->symmetric && !square)
        return refuse(r, "that is symmetric wants as many rows as columns, and no panels: %s", show(r->out));
    return true;
}

/* q and dy [B…, M, D], k and v [B…, N, D], the bias [1 or B…, M, N]; factors: how many there are before it. */
static bool attention_operands(ShapeRule *r, int factors, int n) {
    const Type *q = r->x[0], *bias = n > factors ? r->x[factors] : NULL;
    bool halves = q->dtype == DT_BF16 || q->dtype == DT_F32;
    if (q->rank < 2 || !dtype_is_float(q->dtype))
        return refuse(r, "wants reals of rank 2 or more, not %s", show(q));
    int64_t queries = q->dim[q->rank - 2], keys = queries;
    for (int o = 1; o < factors; o++) {
        Type x = *r->x[o];
        if (halves && (x.dtype == DT_BF16 || x.dtype == DT_F32)) x.dtype = q->dtype;
        if (o == 1 && x.rank == q->rank) keys = x.dim[q->rank - 2];
        bool fits = x.rank == q->rank && x.dim[q->rank - 2] == (o < 3 ? keys : queries);
        if (fits) x.dim[q->rank - 2] = queries;
        if (!fits || !type_equal(&x, q)) return refuse(r, "operands differ: %s, %s", show(q), show(r->x[o]));
    }
    if (precision_terms(attention_attrs(r->node)->precision) > 0 && !halves)
        return refuse(r, "bf16 products want f32 or bf16, not %s", show(q));
    if (!bias) return true;
    bool fits = bias->rank == q->rank && bias->dim[q->rank - 2] == queries && bias->dim[q->rank - 1] == keys;
    for (int k = 0; fits && k < q->rank - 2; k++) fits = bias->dim[k] == 1 || bias->dim[k] == q->dim[k];
    if (!fits || bias->dtype != (halves ? DT_F32 : q->dtype))
        return refuse(r, "a bias of %s does not fit %s", show(bias), show(q));
    return true;
}

static bool shape_attention(ShapeRule *r) {
    if (!attention_operands(r, 3, r->n)) return false;
    *r->out = *r->x[0];
    if (r->out->dtype == DT_BF16) r->out->dtype = DT_F32;
    return true;
}

/* `parts` gradients like x, along an axis before x's. */
static bool stacked_gradients(ShapeRule *r, const Type *x, int parts) {
    if (x->rank == IR_MAX_RANK) return refuse(r, "has no room for an axis more than %s", show(x));
    *r->out = *x;
    if (x->dtype == DT_BF16) r->out->dtype = DT_F32;
    r->out->rank++;
    r->out->dim[0] = parts;
    for (int k = 0; k < x->rank; k++) r->out->dim[k + 1] = x->dim[k];
    return true;
}

static bool shape_attention_grad(ShapeRule *r) {
    if (!attention_operands(r, 4, r->n)) return false;
    const Type *q = r->x[0], *k = r->x[1];
    if (q->dim[q->rank - 2] != k->dim[k->rank - 2])
        return refuse(r, "wants as many queries as keys, not %s and %s", show(q), show(k));
    return stacked_gradients(r, q, 3);
}

static bool shape_attention_query_grad(ShapeRule *r) {
    if (!attention_operands(r, 4, r->n)) return false;
    *r->out = *r->x[0];
    if (r->out->dtype == DT_BF16) r->out->dtype = DT_F32;
    return true;
}

static bool shape_attention_key_grad(ShapeRule *r) {
    return attention_operands(r, 4, r->n) && stacked_gradients(r, r->x[1], 2);
}

static bool shape_attention_bias_grad(ShapeRule *r) {
    if (!attention_operands(r, 4, r->n)) return false;
    *r->out = *r->x[4];
    return true;
}

static bool shape_reshape(ShapeRule *r) {
    const Ints *shape = &shape_attrs(r->node)->shape;
    *r->out = type_make((DType)r->x[0]->dtype, shape->n, shape->v);
    if (type_elements(r->out) != type_elements(r->x[0]))
        return refuse(r, "%s has %lld elements, %s has %lld", show(r->x[0]),
                      (long long)type_elements(r->x[0]), show(r->out), (long long)type_elements(r->out));
    return true;
}

static bool shape_transpose(ShapeRule *r) {
    const Ints *perm = &transpose_attrs(r->node)->perm;
    bool seen[IR_MAX_RANK] = {false};
    if (perm->n != r->x[0]->rank) return refuse(r, "%d axes given for %s", perm->n, show(r->x[0]));
    *r->out = *r->x[0];
    for (int k = 0; k < perm->n; k++) {
        if (perm->v[k] < 0 || perm->v[k] >= perm->n || seen[perm->v[k]])
            return refuse(r, "not a permutation of the axes of %s", show(r->x[0]));
        seen[perm->v[k]] = true;
        r->out->dim[k] = r->x[0]->dim[perm->v[k]];
    }
    return true;
}

static bool shape_broadcast(ShapeRule *r) {
    const Ints *shape = &shape_attrs(r->node)->shape;
    *r->out = type_make((DType)r->x[0]->dtype, shape->n, shape->v);
    int shift = shape->n - r->x[0]->rank;
    bool fits = shift >= 0;
    for (int k = 0; fits && k < r->x[0]->rank; k++)
        fits = r->x[0]->dim[k] == 1 || r->x[0]->dim[k] == shape->v[k + shift];
    return fits || refuse(r, "%s does not broadcast to %s", show(r->x[0]), show(r->out));
}

static bool shape_slice(ShapeRule *r) {
    const Type *x = r->x[0];
    const Ints *start = &slice_attrs(r->node)->start, *limit = &slice_attrs(r->node)->limit,
               *step = &slice_attrs(r->node)->step;
    *r->out = *x;
    if (start->n != x->rank || limit->n != x->rank || step->n != x->rank)
        return refuse(r, "wants start, limit and step for each axis of %s", show(x));
    for (int k = 0; k < x->rank; k++) {
        int64_t s = start->v[k], l = limit->v[k], t = step->v[k];
        if (s < 0 || l > x->dim[k] || s >= l || t < 1 || t > IR_MAX_ELEMENTS)
            return refuse(r, "[%lld:%lld:%lld] of axis %d of %s is empty or out of range", (long long)s,
                          (long long)l, (long long)t, k, show(x));
        r->out->dim[k] = (l - s - 1) / t + 1;
    }
    return true;
}

static bool shape_pad(ShapeRule *r) {
    const Type *x = r->x[0];
    *r->out = *x;
    if (pad_attrs(r->node)->low.n != x->rank || pad_attrs(r->node)->high.n != x->rank)
        return refuse(r, "wants low and high for each axis of %s", show(x));
    for (int k = 0; k < x->rank; k++) {
        if (pad_attrs(r->node)->low.v[k] < 0 || pad_attrs(r->node)->high.v[k] < 0)
            return refuse(r, "negative padding of %s", show(x));
        r->out->dim[k] =
            size_add(size_add(x->dim[k], pad_attrs(r->node)->low.v[k]), pad_attrs(r->node)->high.v[k]);
    }
    return check_number(r, pad_attrs(r->node)->value, (DType)x->dtype);
}

static bool shape_concat(ShapeRule *r) {
    int axis;
    if (!axis_of(r, concat_attrs(r->node)->axis, r->x[0]->rank, &axis)) return false;
    *r->out = *r->x[0];
    for (int o = 1; o < r->n; o++) {
        const Type *x = r->x[o];
        bool same = x->rank == r->out->rank && x->dtype == r->out->dtype;
        for (int k = 0; same && k < x->rank; k++) same = k == axis || x->dim[k] == r->out->dim[k];
        if (!same) return refuse(r, "shapes differ off axis %d: %s and %s", axis, show(r->x[0]), show(x));
        r->out->dim[axis] = size_add(r->out->dim[axis], x->dim[axis]);
    }
    return true;
}

static bool leading_equal(ShapeRule *r, const Type *a, const Type *b, int64_t batch) {
    if (batch < 0 || batch >= a->rank || batch > b->rank)
        return refuse(r, "batch = %lld for %s and %s", (long long)batch, show(a), show(b));
    for (int k = 0; k < batch; k++)
        if (a->dim[k] != b->dim[k]) return refuse(r, "batch axes differ: %s and %s", show(a), show(b));
    return true;
}

static bool gather_type(ShapeRule *r, const Type *x, const Type *index, int64_t batch, Type *out) {
    if (!dtype_is_int(index->dtype)) return refuse(r, "indices must be integers, not %s", show(index));
    if (!leading_equal(r, x, index, batch)) return false;
    if (index->rank + x->rank - batch - 1 > IR_MAX_RANK) return refuse(r, "rank above %d", IR_MAX_RANK);
    *out = *index;
    out->dtype = x->dtype;
    for (int k = (int)batch + 1; k < x->rank; k++) out->dim[out->rank++] = x->dim[k];
    return true;
}

static bool shape_gather(ShapeRule *r) {
    return gather_type(r, r->x[0], r->x[1], indexed_attrs(r->node)->batch, r->out);
}

static bool shape_scatter(ShapeRule *r) {
    Type rows;
    if (!gather_type(r, r->x[0], r->x[1], indexed_attrs(r->node)->batch, &rows)) return false;
    if (!type_equal(&rows, r->x[2]))
        return refuse(r, "rows of %s at %s must be %s, not %s", show(r->x[0]), show(r->x[1]), show(&rows),
                      show(r->x[2]));
    if (r->node->op == OP_scatter_add && rows.dtype == DT_BOOL)
        return refuse(r, "wants numbers, not %s", show(&rows));
    *r->out = *r->x[0];
    return true;
}

/* ---- factorisations: matrices along the last two axes ------------------------------------------------------------ */

static bool square_matrices(ShapeRule *r) {
    const Type *x = r->x[0];
    bool square = x->rank >= 2 && x->dim[x->rank - 1] == x->dim[x->rank - 2];
    return (square && dtype_is_float(x->dtype)) ||
           refuse(r, "wants square matrices of reals, not %s", show(x));
}

static bool shape_cholesky(ShapeRule *r) {
    *r->out = *r->x[0];
    return square_matrices(r);
}

static bool shape_eigh(ShapeRule *r) {
    if (!square_matrices(r)) return false;
    *r->out = *r->x[0];
    r->out->dim[r->out->rank - 2]++;
    return true;
}

static bool shape_svd(ShapeRule *r) {
    const Type *x = r->x[0];
    if (x->rank < 2 || !dtype_is_float(x->dtype))
        return refuse(r, "wants matrices of reals, not %s", show(x));
    *r->out = *x;
    int64_t m = x->dim[x->rank - 2], n = x->dim[x->rank - 1];
    r->out->dim[x->rank - 2] = m + 1 + n;
    r->out->dim[x->rank - 1] = m < n ? m : n;
    return true;
}

static bool shape_solve(ShapeRule *r) {
    const Type *a = r->x[0], *b = r->x[1];
    if (!square_matrices(r)) return false;
    bool fits = b->rank == a->rank && b->dtype == a->dtype;
    for (int k = 0; fits && k < a->rank - 1; k++) fits = a->dim[k] == b->dim[k];
    *r->out = *b;
    return fits || refuse(r, "right sides of %s must be [%s%lld, any], not %s", show(a),
                          a->rank > 2 ? "its leading axes, " : "", (long long)a->dim[a->rank - 1], show(b));
}

/* What the body makes of it is for the verifier to check: shape rules see types alone. */
static bool shape_loop(ShapeRule *r) {
    const LoopAttrs *loop = loop_attrs(r->node);
    int64_t least = size_add(size_add(loop->carried, loop->sliced), loop->when);
    if (loop->count < 1 || loop->count > INT32_MAX || loop->carried < 0 || loop->sliced < 0 || r->n < least)
        return refuse(r, "%lld iterations, %lld carried and %lld sliced values of %d operands",
                      (long long)loop->count, (long long)loop->carried, (long long)loop->sliced, r->n);
    if (loop->when && (loop->count != 1 || loop->kept || r->x[0]->rank != 0))
        return refuse(r, "what runs at most once depends on one number, not %s, and has a count of 1",
                      show(r->x[0]));
    *r->out = type_make(DT_F32, 1, &loop->words);
    return true;
}

static bool shape_part(ShapeRule *r) {
    const PartAttrs *part = part_attrs(r->node);
    *r->out = type_make(part->dtype, part->shape.n, part->shape.v);
    if (r->x[0]->rank != 1 || r->x[0]->dtype != DT_F32 || !loop_holds(r->out) || part->dtype == DT_F32)
        return refuse(r, "of %s as %s", show(r->x[0]), show(r->out));
    if (!type_fits(r->out) || part->start < 0 || size_add(part->start, loop_words(r->out)) > r->x[0]->dim[0])
        return refuse(r, "%s from word %lld of %s on", show(r->out), (long long)part->start, show(r->x[0]));
    return true;
}

static bool shape_grad(ShapeRule *r) {
    if (r->x[0]->rank != 0 || !dtype_is_float(r->x[0]->dtype))
        return refuse(r, "of a %s: only of a real scalar", show(r->x[0]));
    *r->out = *r->x[1];
    return true;
}

static bool (*const RULES[OP_COUNT])(ShapeRule *) = {
#define OP(name, lo, hi, attributes, loop, kernel, traits, shape, ...) shape_##shape,
#include "ir/ops.def"
};

/* Sizes are positive and the whole is addressable. */
static bool sane(ShapeRule *r) {
    for (int k = 0; k < r->out->rank; k++)
        if (r->out->dim[k] < 1) return refuse(r, "a size of %lld", (long long)r->out->dim[k]);
    return type_fits(r->out) ||
           refuse(r, "%s is too large: at most 2^%d elements", show(r->out), IR_MAX_ELEMENTS_LOG2);
}

bool op_infer(OpKind op, const Type *const *operands, int n, const Attr *attrs, Type *out, char *error,
              size_t size) {
    Node node = {.op = (uint16_t)op, .attrs = attrs};
    ShapeRule rule = {operands, n, &node, out, error, size};
    const OpInfo *info = op_info(op);
    if (n < info->min_operands || (info->max_operands >= 0 && n > info->max_operands))
        return refuse(&rule, "takes %d operand%s, not %d", info->min_operands,
                      info->min_operands == 1 ? "" : "s", n);
    for (int a = 0; a < info->n_attrs; a++)
        if (info->attrs[a].kind == ATTR_INTS && (attrs[a].ints.n < 0 || attrs[a].ints.n > IR_MAX_RANK))
            return refuse(&rule, "%s holds more than %d numbers", info->attrs[a].key, IR_MAX_RANK);
    return RULES[op](&rule) && sane(&rule);
}
