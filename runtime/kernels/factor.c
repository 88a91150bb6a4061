/* Cholesky, LU and triangular solves (Golub and Van Loan, Matrix Computations, 4th edition, sections 3.2, 3.4, 4.2), in
 * f64 whatever the type in memory. Rows are met in blocks, which stay in the cache while all rows behind them are
 * updated. Threads share the matrices of a batch, and columns of right sides. See irregular.h. */
#include "runtime/kernels/irregular.h"
#include "runtime/base/simd.h"
#include "runtime/kernels/elements.h"
#include "runtime/kernels/rows.h"

#include <math.h>

enum { BLOCK = 48 }; /* rows */

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The upper triangle of a[n][n] becomes U, Uᵀ·U = a; NaN from the row on where a is not positive definite. */
VT_CLONES static void factor_symmetric(double *a, int64_t n) {
    for (int64_t first = 0; first < n; first += BLOCK) {
        int64_t last = smaller(first + BLOCK, n);
        for (int64_t i = first; i < n; i++) { /* rows of the block, then those behind it */
            const double *above = a + first * n + i;
            rows_subtract(a + i * n + i, above, n, above, n, smaller(i, last) - first, n - i);
            if (i >= last) continue;
            double pivot = a[i * n + i], root = pivot > 0 ? sqrt(pivot) : (double)NAN;
            a[i * n + i] = root;
            row_scale(a + i * n + i + 1, 1 / root, n - i - 1);
        }
    }
}

void vt_kernel_cholesky(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *s = args[2];
    int64_t n = s[1], from, to;
    bool f64 = s[2];
    double *u = args[3];
    share_of(s[0], thread, threads, &from, &to);
    for (int64_t at = from * n * n; at < to * n * n; at += n * n) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = i; j < n; j++)
                u[i * n + j] =
                    0.5 * (real_at(args[0], at + i * n + j, f64) + real_at(args[0], at + j * n + i, f64));
        factor_symmetric(u, n);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) real_set(args[1], at + i * n + j, f64, j <= i ? u[j * n + i] : 0);
    }
}

static void swap_rows(double *x, double *y, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        double t = x[j];
        x[j] = y[j];
        y[j] = t;
    }
}

/* Columns [first, last) of a[n][width] are eliminated, rows swapped so that the largest element of a column leads. */
static inline void factor_panel(double *a, int64_t n, int64_t width, int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(a[i * width + k]) > fabs(a[best * width + k])) best = i;
        if (best != k) swap_rows(a + best * width, a + k * width, width);
        double inverse = 1 / a[k * width + k];
        for (int64_t i = k + 1; i < n; i++) {
            double *row = a + i * width + k;
            row[0] *= inverse;
            rows_subtract(row + 1, a + k * width + k + 1, width, row, 1, 1, last - k - 1);
        }
    }
}

/* a = [A | B], rows of n + m: B becomes A⁻¹·B. */
VT_CLONES static void solve_augmented(double *a, int64_t n, int64_t m) {
    int64_t width = n + m;
    for (int64_t first = 0; first < n; first += BLOCK) {
        int64_t last = smaller(first + BLOCK, n);
        factor_panel(a, n, width, first, last);
        for (int64_t i = first + 1; i < n; i++)
            rows_subtract(a + i * width + last, a + first * width + last, width, a + i * width + first, 1,
                          smaller(i, last) - first, width - last);
    }
    for (int64_t i = n; i-- > 0;) {
        double *row = a + i * width;
        rows_subtract(row + n, row + width + n, width, row + i + 1, 1, n - 1 - i, m);
        row_scale(row + n, 1 / row[i], m);
    }
}

void vt_kernel_solve(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *s = args[3];
    int64_t n = s[1], m = s[2], width = n + m, from, to;
    bool f64 = s[3], transposed = s[4];
    double *a = args[4];
    share_of(s[0], thread, threads, &from, &to);
    for (int64_t b = from; b < to; b++) {
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < n; j++)
                a[i * width + j] = real_at(args[0], b * n * n + (transposed ? j * n + i : i * n + j), f64);
            for (int64_t j = 0; j < m; j++) a[i * width + n + j] = real_at(args[1], (b * n + i) * m + j, f64);
        }
        solve_augmented(a, n, m);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < m; j++) real_set(args[2], (b * n + i) * m + j, f64, a[i * width + n + j]);
    }
}

/* How a triangle of n rows is read: element (i, j) of what is solved by. */
typedef struct {
    const void *x;
    int64_t n, row, column; /* elements from one row, or column, to the next */
    bool f64, lower, unit;
} Triangle;

/* x[n][m], right sides, become the solutions; `line` has room for n. */
VT_CLONES static void substitute(const Triangle *t, double *line, double *x, int64_t m) {
    int64_t n = t->n;
    for (int64_t k = 0; k < n; k++) {
        int64_t i = t->lower ? k : n - 1 - k, first = t->lower ? 0 : i + 1;
        for (int64_t q = 0; q < k; q++) line[q] = real_at(t->x, i * t->row + (first + q) * t->column, t->f64);
        rows_subtract(x + i * m, x + first * m, m, line, 1, k, m);
        if (!t->unit) row_scale(x + i * m, 1 / real_at(t->x, i * (t->row + t->column), t->f64), m);
    }
}

enum { COLUMNS = 64 }; /* of right sides that are solved for together */

void vt_kernel_triangular_solve(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *s = args[3];
    int64_t n = s[1], m = s[2], blocks = (m - 1) / COLUMNS + 1, from, to;
    bool f64 = s[3], transposed = s[4];
    double *line = args[4], *x = line + n;
    Triangle t = {.n = n,
                  .row = transposed ? 1 : n,
                  .column = transposed ? n : 1,
                  .f64 = f64,
                  .lower = s[5] != s[4],
                  .unit = s[6]};
    share_of(s[0] * blocks, thread, threads, &from, &to);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t b = unit / blocks, first = unit % blocks * COLUMNS, width = smaller(COLUMNS, m - first);
        t.x = (const char *)args[0] + b * n * n * (f64 ? 8 : 4);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < width; j++)
                x[i * width + j] = real_at(args[1], (b * n + i) * m + first + j, f64);
        substitute(&t, line, x, width);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < width; j++)
                real_set(args[2], (b * n + i) * m + first + j, f64, x[i * width + j]);
    }
}
