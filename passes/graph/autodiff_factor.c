/* Gradient rules of factorisations, in operators that have rules themselves. Matrices are along the last two axes. */
#include "passes/graph/autodiff_rules.h"

static ValueId transposed(const GradRule *r, ValueId x) {
    int64_t perm[IR_MAX_RANK];
    int n = type_of(r, x)->rank;
    for (int k = 0; k < n; k++) perm[k] = k;
    perm[n - 2] = n - 1;
    perm[n - 1] = n - 2;
    return ir_transpose(r->func, x, perm);
}

/* x[n, n] where row and column compare so, else 0. */
static ValueId where(const GradRule *r, OpKind compare, ValueId x) {
    const Type *type = type_of(r, x);
    int64_t n[] = {type->dim[type->rank - 2], type->dim[type->rank - 1]};
    ValueId row = ir_iota(r->func, 2, n, 0, DT_I32), column = ir_iota(r->func, 2, n, 1, DT_I32);
    ValueId there = ir_binary(r->func, compare, row, column);
    return ir_select(r->func, there, x, number(r, 0));
}

static ValueId symmetric(const GradRule *r, ValueId x) { /* (x + xᵀ)/2 */
    return scaled(r, add(r, x, transposed(r, x)), 0.5);
}

/* Rows [first, last) of a matrix. */
static ValueId rows(const GradRule *r, ValueId x, int64_t first, int64_t last) {
    Type limit = *type_of(r, x);
    int64_t start[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
    for (int k = 0; k < limit.rank; k++) step[k] = 1;
    start[limit.rank - 2] = first;
    limit.dim[limit.rank - 2] = last;
    return ir_slice(r->func, x, start, limit.dim, step);
}

/* a⁻¹·b or, ta, a⁻ᵀ·b, of a triangle a. */
static ValueId triangular(const GradRule *r, ValueId a, ValueId b, TriangleAttrs attrs) {
    return func_emit(r->func, OP_triangular_solve, (ValueId[]){a, b}, 2, &attrs);
}

/* l⁻ᵀ·Φ(lᵀ·dl)·l⁻¹, made symmetric; Φ takes the lower triangle with half of the diagonal (Murray 2016, Differentiation
 * of the Cholesky decomposition, section 3.2). */
void grad_cholesky(GradRule *r) {
    const TriangleAttrs turned = {.ta = true, .lower = true};
    ValueId inner = ir_matmul(r->func, r->y, where(r, OP_ge, r->dy), true, false);
    ValueId half = scaled(r, where(r, OP_eq, inner), 0.5), phi = sub(r, where(r, OP_ge, inner), half);
    ValueId left = triangular(r, r->y, phi, turned);
    r->dx[0] = symmetric(r, triangular(r, r->y, transposed(r, left), turned));
}

/* db = a⁻ᵀ·dy, da = -db·yᵀ; the other way round for aᵀ. */
static ValueId matrix_gradient(const GradRule *r, ValueId db, bool ta) {
    ValueId product =
        ta ? ir_matmul(r->func, r->y, db, false, true) : ir_matmul(r->func, db, r->y, false, true);
    return neg(r, product);
}

void grad_solve(GradRule *r) {
    bool ta = solve_attrs(r->node)->ta;
    r->dx[1] = func_emit(r->func, OP_solve, (ValueId[]){r->x[0], r->dy}, 2, &(SolveAttrs){.ta = !ta});
    if (r->wanted[0]) r->dx[0] = matrix_gradient(r, r->dx[1], ta);
}

void grad_triangular_solve(GradRule *r) {
    TriangleAttrs attrs = *triangle_attrs(r->node);
    bool ta = attrs.ta;
    attrs.ta = !ta;
    r->dx[1] = triangular(r, r->x[0], r->dy, attrs);
    if (!r->wanted[0]) return;
    OpKind inside = attrs.unit ? attrs.lower ? OP_gt : OP_lt : attrs.lower ? OP_ge : OP_le;
    r->dx[0] = where(r, inside, matrix_gradient(r, r->dx[1], ta));
}

/* Of values[1, n]: 1 / (v_j - v_i) at row i, column j; 0 on the diagonal and for pairs nearer than 1e-6 of the largest
 * |v|: vectors of equal values may be any of their space, and what is made of that space as a whole does not move with
 * them. */
static ValueId inverse_gaps(const GradRule *r, ValueId values) {
    int64_t last = type_of(r, values)->rank - 1;
    ValueId largest = ir_reduce(r->func, OP_amax, ir_unary(r->func, OP_abs, values), 1, &last, true);
    ValueId gap = sub(r, values, transposed(r, values));
    ValueId width = ir_unary(r->func, OP_abs, gap), one = number(r, 1);
    ValueId near = ir_binary(r->func, OP_le, width, scaled(r, largest, 1e-6));
    ValueId inverse = quotient(r, one, ir_select(r->func, near, one, gap));
    return ir_select(r->func, near, number(r, 0), inverse);
}

/* row[1, n] as the diagonal of a matrix. */
static ValueId diagonal(const GradRule *r, ValueId row) {
    Type type = *type_of(r, row);
    type.dim[type.rank - 2] = type.dim[type.rank - 1];
    return where(r, OP_eq, ir_broadcast(r->func, row, type.rank, type.dim));
}

/* v·(diag(dλ) + F∘(vᵀ·dv))·vᵀ, made symmetric, F_ij = 1 / (λ_j - λ_i) (Giles 2008, An extended collection of matrix
 * derivative results, section 3.1). */
void grad_eigh(GradRule *r) {
    const Type *type = type_of(r, r->x[0]);
    int64_t n = type->dim[type->rank - 1];
    ValueId values = rows(r, r->y, 0, 1), v = rows(r, r->y, 1, n + 1);
    ValueId turn = ir_matmul(r->func, v, rows(r, r->dy, 1, n + 1), true, false);
    ValueId inner = mul(r, turn, inverse_gaps(r, values));
    inner = add(r, inner, diagonal(r, rows(r, r->dy, 0, 1)));
    r->dx[0] = symmetric(r, ir_matmul(r->func, ir_matmul(r->func, v, inner, false, false), v, false, true));
}

/* What one side of an SVD adds: F∘(uᵀ·du - duᵀ·u) inside its columns. */
static ValueId turn_of(const GradRule *r, ValueId u, ValueId du, ValueId gaps) {
    ValueId product = ir_matmul(r->func, u, du, true, false);
    return mul(r, sub(r, product, transposed(r, product)), gaps);
}

/* (1 - u·uᵀ)·du, scaled by 1/s: what turns the columns out of their space. */
static ValueId outside(const GradRule *r, ValueId u, ValueId du, ValueId inverse) {
    ValueId inside = ir_matmul(r->func, u, ir_matmul(r->func, u, du, true, false), false, false);
    return mul(r, sub(r, du, inside), inverse);
}

/* Townsend 2016, Differentiating the singular value decomposition:
 * u·(F∘(uᵀdu - duᵀu)·s + s·F∘(vᵀdv - dvᵀv) + diag(ds))·vᵀ + (1 - uuᵀ)·du·s⁻¹·vᵀ + u·s⁻¹·dvᵀ·(1 - vvᵀ),
 * F_ij = 1 / (s_j² - s_i²); s⁻¹ is 0 where s is below 1e-6 of the largest. */
void grad_svd(GradRule *r) {
    const Type *type = type_of(r, r->x[0]);
    int64_t m = type->dim[type->rank - 2], n = type->dim[type->rank - 1], last = type->rank - 1;
    ValueId u = rows(r, r->y, 0, m), s = rows(r, r->y, m, m + 1), v = rows(r, r->y, m + 1, m + 1 + n);
    ValueId du = rows(r, r->dy, 0, m), ds = rows(r, r->dy, m, m + 1), dv = rows(r, r->dy, m + 1, m + 1 + n);
    ValueId gaps = inverse_gaps(r, mul(r, s, s));
    ValueId inner = mul(r, turn_of(r, u, du, gaps), s);
    ValueId other = turn_of(r, v, dv, gaps);
    inner = add(r, inner, mul(r, other, transposed(r, s)));
    inner = add(r, inner, diagonal(r, ds));
    ValueId largest = ir_reduce(r->func, OP_amax, s, 1, &last, true);
    ValueId tiny = ir_binary(r->func, OP_le, s, scaled(r, largest, 1e-6)), one = number(r, 1);
    ValueId inverse = quotient(r, one, ir_select(r->func, tiny, one, s));
    inverse = ir_select(r->func, tiny, number(r, 0), inverse);
    ValueId left = ir_matmul(r->func, u, inner, false, false);
    if (m > n) left = add(r, left, outside(r, u, du, inverse));
    r->dx[0] = ir_matmul(r->func, left, v, false, true);
    if (n > m) r->dx[0] = add(r, r->dx[0], ir_matmul(r->func, u, outside(r, v, dv, inverse), false, true));
}
