/* The meaning of factorisations, by the shortest methods that are exact to f64: the kernels' are quicker ones. */
#include "ir/interpret/eval.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Matrices along the last two axes of a value. */
typedef struct {
    int64_t count, rows, columns;
} Matrices;

static Matrices matrices_of(const Type *type) {
    Matrices m = {1, type->dim[type->rank - 2], type->dim[type->rank - 1]};
    for (int k = 0; k < type->rank - 2; k++) m.count *= type->dim[k];
    return m;
}

bool eval_cholesky(Eval *eval) {
    Matrices m = matrices_of(eval->type[0]);
    int64_t n = m.rows;
    memset(eval->y, 0, sizeof *eval->y * (size_t)(m.count * n * n));
    for (int64_t b = 0; b < m.count; b++) {
        const double *x = eval->x[0] + b * n * n;
        double *l = eval->y + b * n * n;
        for (int64_t j = 0; j < n; j++)
            for (int64_t i = j; i < n; i++) {
                double sum = 0.5 * (x[i * n + j] + x[j * n + i]);
                for (int64_t k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
                l[i * n + j] = i > j ? sum / l[j * n + j] : sum > 0 ? sqrt(sum) : (double)NAN;
            }
    }
    return true;
}

static void swap(double *x, double *y, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        double t = x[j];
        x[j] = y[j];
        y[j] = t;
    }
}

/* Gauss and Jordan: rows of [a | y] are cleared by the row with the largest element of each column. */
static void eliminate(double *a, double *y, int64_t n, int64_t m) {
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
        swap(a + k * n, a + best * n, n);
        swap(y + k * m, y + best * m, m);
        for (int64_t i = 0; i < n; i++) {
            double factor = a[i * n + k] / a[k * n + k];
            if (i == k) continue;
            for (int64_t j = 0; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
            for (int64_t j = 0; j < m; j++) y[i * m + j] -= factor * y[k * m + j];
        }
    }
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < m; j++) y[k * m + j] /= a[k * n + k];
}

/* y = a⁻¹·b; `uses`: which elements of a count, for all others it is 0. */
static void solve_all(Eval *eval, bool ta, bool (*uses)(const Eval *, int64_t, int64_t), bool unit) {
    Matrices m = matrices_of(eval->type[1]);
    int64_t n = m.rows;
    double *a = ARENA_ARRAY(eval->arena, double, n *n);
    memcpy(eval->y, eval->x[1], sizeof *eval->y * (size_t)(m.count * n * m.columns));
    for (int64_t b = 0; b < m.count; b++) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                double element = !uses || uses(eval, i, j) ? eval->x[0][(b * n + i) * n + j] : 0;
                a[ta ? j * n + i : i * n + j] = unit && i == j ? 1 : element;
            }
        eliminate(a, eval->y + b * n * m.columns, n, m.columns);
    }
}

bool eval_solve(Eval *eval) {
    solve_all(eval, solve_attrs(eval->node)->ta, NULL, false);
    return true;
}

static bool in_triangle(const Eval *eval, int64_t i, int64_t j) {
    return triangle_attrs(eval->node)->lower ? j <= i : j >= i;
}

bool eval_triangular_solve(Eval *eval) {
    solve_all(eval, triangle_attrs(eval->node)->ta, in_triangle, triangle_attrs(eval->node)->unit);
    return true;
}

/* ---- rotations --------------------------------------------------------------------------------------------------- */

/* Columns p and q of x[rows][n]: (x_p, x_q) <- (c·x_p - s·x_q, s·x_p + c·x_q). */
static void rotate_columns(double *x, int64_t rows, int64_t n, int64_t p, int64_t q, double c, double s) {
    for (int64_t i = 0; i < rows; i++) {
        double a = x[i * n + p], b = x[i * n + q];
        x[i * n + p] = c * a - s * b;
        x[i * n + q] = s * a + c * b;
    }
}

/* The tangent of the smaller angle by which columns with squares a and b and product ab turn to be orthogonal. */
static double tangent(double a, double b, double ab) {
    double zeta = (b - a) / (2 * ab);
    return copysign(1, zeta) / (fabs(zeta) + hypot(1, zeta));
}

/* The places of values in order, the first of equals first. */
static void order_values(const double *values, bool downwards, int64_t *order, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i;
        for (; at > 0; at--) {
            double before = values[order[at - 1]];
            if (downwards ? before >= values[i] : before <= values[i]) break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

/* 1 or -1: what makes the largest element of column p of x[n][k], the first of equals, positive. */
static double sign_of_column(const double *x, int64_t n, int64_t k, int64_t p) {
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        if (fabs(x[i * k + p]) > fabs(largest)) largest = x[i * k + p];
    return largest < 0 ? -1 : 1;
}

static double *identity(Arena *arena, int64_t n) {
    double *v = ARENA_ARRAY(arena, double, n *n);
    memset(v, 0, sizeof *v * (size_t)(n * n));
    for (int64_t i = 0; i < n; i++) v[i * n + i] = 1;
    return v;
}

static bool is_finite(const double *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

static void fill_nan(double *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = NAN;
}

enum { MOST_SWEEPS = 60 };

/* Cyclic Jacobi (Golub and Van Loan, Matrix Computations, 4th edition, 8.5): a becomes diagonal, v the vectors. */
static void diagonalise(double *a, double *v, int64_t n) {
    bool turned = true;
    for (int sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
        turned = false;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) {
                double aa = a[p * n + p], bb = a[q * n + q], ab = a[p * n + q];
                if (fabs(ab) <= 0.1 * DBL_EPSILON * sqrt(fabs(aa)) * sqrt(fabs(bb)) || fabs(ab) < DBL_MIN)
                    continue;
                double t = tangent(aa, bb, ab), c = 1 / hypot(1, t), s = c * t;
                rotate_columns(a, n, n, p, q, c, s);
                for (int64_t j = 0; j < n; j++) { /* rows alike */
                    double x = a[p * n + j], y = a[q * n + j];
                    a[p * n + j] = c * x - s * y;
                    a[q * n + j] = s * x + c * y;
                }
                rotate_columns(v, n, n, p, q, c, s);
                turned = true;
            }
    }
}

bool eval_eigh(Eval *eval) {
    Matrices m = matrices_of(eval->type[0]);
    int64_t n = m.rows, *order = ARENA_ARRAY(eval->arena, int64_t, n);
    double *a = ARENA_ARRAY(eval->arena, double, n *n), *values = ARENA_ARRAY(eval->arena, double, n);
    for (int64_t b = 0; b < m.count; b++) {
        const double *x = eval->x[0] + b * n * n;
        double *y = eval->y + b * (n + 1) * n, *v = identity(eval->arena, n);
        fill_nan(y, (n + 1) * n);
        if (!is_finite(x, n * n)) continue;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) a[i * n + j] = 0.5 * (x[i * n + j] + x[j * n + i]);
        diagonalise(a, v, n);
        for (int64_t i = 0; i < n; i++) values[i] = a[i * n + i];
        order_values(values, false, order, n);
        for (int64_t i = 0; i < n; i++) {
            double sign = sign_of_column(v, n, n, order[i]);
            y[i] = values[order[i]];
            for (int64_t j = 0; j < n; j++) y[(1 + j) * n + i] = sign * v[j * n + order[i]];
        }
    }
    return true;
}

/* Columns of w[rows][k] become orthogonal; v gathers the rotations. */
static void orthogonalise(double *w, double *v, int64_t rows, int64_t k) {
    bool turned = true;
    for (int sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
        turned = false;
        for (int64_t p = 0; p < k; p++)
            for (int64_t q = p + 1; q < k; q++) {
                double aa = 0, bb = 0, ab = 0;
                for (int64_t i = 0; i < rows; i++) {
                    double x = w[i * k + p], y = w[i * k + q];
                    aa += x * x;
                    bb += y * y;
                    ab += x * y;
                }
                if (!(fabs(ab) > 4 * DBL_EPSILON * sqrt(aa) * sqrt(bb))) continue;
                double t = tangent(aa, bb, ab), c = 1 / hypot(1, t);
                rotate_columns(w, rows, k, p, q, c, c * t);
                rotate_columns(v, k, k, p, q, c, c * t);
                turned = true;
            }
    }
}

/* Column p of w[rows][k], `order` telling which: a unit vector made orthogonal to the columns before, that of which
 * most is left. */
static void complete_column(double *w, int64_t rows, int64_t k, const int64_t *order, int64_t at) {
    int64_t best = 0, p = order[at];
    double most = -1;
    for (int64_t i = 0; i < rows; i++) {
        double left = 1;
        for (int64_t r = 0; r < at; r++) left -= w[i * k + order[r]] * w[i * k + order[r]];
        if (left > most) best = i, most = left;
    }
    for (int64_t i = 0; i < rows; i++) w[i * k + p] = i == best;
    for (int64_t r = 0; r < 2 * at; r++) { /* twice */
        double along = 0;
        for (int64_t i = 0; i < rows; i++) along += w[i * k + p] * w[i * k + order[r % at]];
        for (int64_t i = 0; i < rows; i++) w[i * k + p] -= along * w[i * k + order[r % at]];
    }
    double square = 0;
    for (int64_t i = 0; i < rows; i++) square += w[i * k + p] * w[i * k + p];
    for (int64_t i = 0; i < rows; i++) w[i * k + p] /= sqrt(square);
}

bool eval_svd(Eval *eval) {
    Matrices all = matrices_of(eval->type[0]);
    int64_t m = all.rows, n = all.columns, k = m < n ? m : n, rows = m < n ? n : m;
    double *w = ARENA_ARRAY(eval->arena, double, rows *k), *values = ARENA_ARRAY(eval->arena, double, k);
    int64_t *order = ARENA_ARRAY(eval->arena, int64_t, k);
    for (int64_t b = 0; b < all.count; b++) {
        const double *x = eval->x[0] + b * m * n;
        double *y = eval->y + b * (m + 1 + n) * k, *v = identity(eval->arena, k);
        fill_nan(y, (m + 1 + n) * k);
        if (!is_finite(x, m * n)) continue;
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) w[m < n ? j * k + i : i * k + j] = x[i * n + j];
        orthogonalise(w, v, rows, k);
        for (int64_t p = 0; p < k; p++) {
            values[p] = 0;
            for (int64_t i = 0; i < rows; i++) values[p] += w[i * k + p] * w[i * k + p];
            values[p] = sqrt(values[p]);
        }
        order_values(values, true, order, k);
        for (int64_t at = 0; at < k; at++) {
            int64_t p = order[at];
            if (values[p] > DBL_EPSILON * (double)rows * values[order[0]])
                for (int64_t i = 0; i < rows; i++) w[i * k + p] /= values[p];
            else
                complete_column(w, rows, k, order, at);
            const double *u = m < n ? v : w, *right = m < n ? w : v;
            double sign = sign_of_column(right, n, k, p);
            for (int64_t i = 0; i < m; i++) y[i * k + at] = sign * u[i * k + p];
            y[m * k + at] = values[p];
            for (int64_t j = 0; j < n; j++) y[(m + 1 + j) * k + at] = sign * right[j * k + p];
        }
    }
    return true;
}
