/* Eigenvalues of symmetric matrices by Householder tridiagonalisation and implicit QR steps with Wilkinson's shift
 * (Golub and Van Loan, Matrix Computations, 4th edition, algorithms 8.3.1 to 8.3.3); singular values by one-sided
 * Jacobi rotations (Hestenes 1958; 8.6.3 there), of a triangle where the matrix is long. In f64 whatever the type in
 * memory; vectors being found lie in rows. Threads share the matrices of a batch. See irregular.h. */
#include "runtime/kernels/irregular.h"
#include "runtime/base/simd.h"
#include "runtime/kernels/elements.h"
#include "runtime/kernels/rows.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Makes the element of largest size in x, the first of equals, positive; tells whether that changed the sign. */
static bool largest_positive(double *x, int64_t n) {
    int64_t best = 0;
    for (int64_t j = 1; j < n; j++)
        if (fabs(x[j]) > fabs(x[best])) best = j;
    if (!(x[best] < 0)) return false;
    row_scale(x, -1, n);
    return true;
}

static bool all_finite(const double *x, int64_t n) {
    double zero = 0;
    for (int64_t j = 0; j < n; j++) zero += 0 * x[j];
    return zero == 0;
}

/* ---- symmetric matrices ------------------------------------------------------------------------------------------ */

/* a[n][n] with room beside it. */
typedef struct {
    double *a, *z; /* z[n][n]: a row an eigenvector */
    double *diagonal, *beside,
        *scales; /* n each: of the tridiagonal matrix; 2/vᵀv of Householder vectors v */
    double *spare;
    int64_t n;
} Symmetric;

/* Rows and columns from k + 1 on of a are reflected so that row k has but one element beside the diagonal; the vector
 * of the reflection stays there. */
static inline void reflect(Symmetric *s, int64_t k) {
    int64_t n = s->n, m = n - k - 1;
    double *v = s->a + k * n + k + 1, *p = s->spare, length = sqrt(row_dot(v, v, m));
    s->beside[k] = v[0] > 0 ? -length : length;
    v[0] -= s->beside[k];
    double square = row_dot(v, v, m);
    s->scales[k] = square > 0 ? 2 / square : 0;
    if (square == 0) return;
    for (int64_t i = 0; i < m; i++) p[i] = s->scales[k] * row_dot(s->a + (k + 1 + i) * n + k + 1, v, m);
    double half = 0.5 * s->scales[k] * row_dot(p, v, m);
    for (int64_t i = 0; i < m; i++) p[i] -= half * v[i];
    for (int64_t i = 0; i < m; i++) { /* a - v·pᵀ - p·vᵀ */
        double *row = s->a + (k + 1 + i) * n + k + 1, vi = v[i], pi = p[i];
        for (int64_t j = 0; j < m; j++) row[j] -= vi * p[j] + pi * v[j];
    }
}

/* The product of all reflections, transposed, into z. */
static inline void gather_reflections(Symmetric *s) {
    int64_t n = s->n;
    memset(s->z, 0, sizeof *s->z * (size_t)(n * n));
    for (int64_t i = 0; i < n; i++) s->z[i * n + i] = 1;
    for (int64_t k = n - 2; k-- > 0;) {
        const double *v = s->a + k * n + k + 1;
        for (int64_t i = k + 1; i < n; i++) {
            double *row = s->z + i * n + k + 1, along = s->scales[k] * row_dot(row, v, n - k - 1);
            rows_subtract(row, v, 0, &along, 0, 1, n - k - 1);
        }
    }
}

VT_CLONES static void tridiagonalise(Symmetric *s) {
    int64_t n = s->n;
    for (int64_t k = 0; k + 2 < n; k++) reflect(s, k);
    for (int64_t k = 0; k < n; k++) s->diagonal[k] = s->a[k * n + k];
    if (n > 1) s->beside[n - 2] = s->a[(n - 2) * n + n - 1];
    gather_reflections(s);
}

/* One implicit QR step on the block first..last of the tridiagonal matrix. */
static inline void chase(Symmetric *s, int64_t first, int64_t last) {
    double *d = s->diagonal, *e = s->beside;
    double half = 0.5 * (d[last - 1] - d[last]), below = e[last - 1];
    double shift = d[last] - below / (half / below + copysign(hypot(half / below, 1), half * below));
    double x = d[first] - shift, y = e[first];
    for (int64_t k = first; k < last; k++) {
        double r = hypot(x, y), c = r > 0 ? x / r : 1, sn = r > 0 ? -y / r : 0;
        if (k > first) e[k - 1] = r;
        double a = d[k], b = e[k], g = d[k + 1];
        d[k] = c * c * a - 2 * c * sn * b + sn * sn * g;
        d[k + 1] = sn * sn * a + 2 * c * sn * b + c * c * g;
        e[k] = c * sn * (a - g) + (c * c - sn * sn) * b;
        x = e[k];
        if (k + 1 < last) {
            y = -sn * e[k + 1];
            e[k + 1] *= c;
        }
        rows_rotate(s->z + k * s->n, s->z + (k + 1) * s->n, c, sn, s->n);
    }
}

/* The diagonal becomes the eigenvalues, the rows of z the eigenvectors; false where that takes too long. */
VT_CLONES static bool diagonalise(Symmetric *s) {
    double *d = s->diagonal, *e = s->beside;
    int64_t last = s->n - 1;
    for (int64_t steps = 60 * s->n; last > 0 && steps > 0; steps--) {
        for (int64_t k = 0; k < last; k++)
            if (fabs(e[k]) <= DBL_EPSILON * (fabs(d[k]) + fabs(d[k + 1]))) e[k] = 0;
        while (last > 0 && e[last - 1] == 0) last--;
        int64_t first = last;
        while (first > 0 && e[first - 1] != 0) first--;
        if (first < last) chase(s, first, last);
    }
    return last == 0;
}

/* The place of the smallest element at or after `from`, which is then exchanged with that: rows of z go along. */
static void sort_upwards(Symmetric *s) {
    for (int64_t k = 0; k < s->n; k++) {
        int64_t best = k;
        for (int64_t j = k + 1; j < s->n; j++)
            if (s->diagonal[j] < s->diagonal[best]) best = j;
        if (best == k) continue;
        double value = s->diagonal[k];
        s->diagonal[k] = s->diagonal[best];
        s->diagonal[best] = value;
        rows_rotate(s->z + k * s->n, s->z + best * s->n, 0, 1, s->n); /* the sign is set later */
    }
}

void vt_kernel_eigh(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *numbers = args[2];
    int64_t n = numbers[1], from, to;
    bool f64 = numbers[2];
    Symmetric s = {.a = args[3], .n = n};
    s.z = s.a + n * n;
    s.diagonal = s.z + n * n;
    s.beside = s.diagonal + n;
    s.scales = s.beside + n;
    s.spare = s.scales + n;
    share_of(numbers[0], thread, threads, &from, &to);
    for (int64_t b = from; b < to; b++) {
        int64_t at = b * n * n, out = b * (n + 1) * n;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++)
                s.a[i * n + j] =
                    0.5 * (real_at(args[0], at + i * n + j, f64) + real_at(args[0], at + j * n + i, f64));
        bool good = all_finite(s.a, n * n);
        if (good) tridiagonalise(&s);
        good = good && diagonalise(&s);
        if (good) sort_upwards(&s);
        for (int64_t i = 0; i < n; i++) {
            if (good) largest_positive(s.z + i * n, n);
            real_set(args[1], out + i, f64, good ? s.diagonal[i] : (double)NAN);
            for (int64_t j = 0; j < n; j++)
                real_set(args[1], out + (1 + j) * n + i, f64, good ? s.z[i * n + j] : (double)NAN);
        }
    }
}

/* ---- singular values --------------------------------------------------------------------------------------------- */

enum { MOST_SWEEPS = 60 };

/* Rows of w[k][length] are rotated until all are orthogonal; v[k][k] holds the product of the rotations. */
VT_CLONES static void orthogonalise(double *w, double *v, int64_t k, int64_t length) {
    memset(v, 0, sizeof *v * (size_t)(k * k));
    for (int64_t i = 0; i < k; i++) v[i * k + i] = 1;
    bool turned = true;
    for (int sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
        turned = false;
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = i + 1; j < k; j++) {
                double *x = w + i * length, *y = w + j * length;
                double xx = row_dot(x, x, length), yy = row_dot(y, y, length), xy = row_dot(x, y, length);
                if (!(fabs(xy) > 4 * DBL_EPSILON * sqrt(xx) * sqrt(yy))) continue;
                double zeta = (yy - xx) / (2 * xy);
                double t = copysign(1, zeta) / (fabs(zeta) + hypot(1, zeta)), c = 1 / hypot(1, t);
                rows_rotate(x, y, c, c * t, length);
                rows_rotate(v + i * k, v + j * k, c, c * t, k);
                turned = true;
            }
    }
}

/* Rows of w[k][length] become orthonormal, or 0 where they depend on those before; l[k][k], lower, times them is what
 * they were. By classical Gram and Schmidt, twice (Golub and Van Loan 5.2.8); `spare` has room for k. */
VT_CLONES static void separate(double *w, double *l, double *spare, int64_t k, int64_t length) {
    memset(l, 0, sizeof *l * (size_t)(k * k));
    for (int64_t i = 0; i < k; i++) {
        double *row = w + i * length, *known = l + i * k, size = sqrt(row_dot(row, row, length));
        for (int twice = 0; twice < 2; twice++) {
            for (int64_t r = 0; r < i; r++) spare[r] = row_dot(row, w + r * length, length);
            for (int64_t r = 0; r < i; r++) known[r] += spare[r];
            rows_subtract(row, w, length, spare, 1, i, length);
        }
        double left = sqrt(row_dot(row, row, length));
        bool depends = !(left > DBL_EPSILON * (double)length * size);
        known[i] = depends ? 0 : left;
        row_scale(row, depends ? 0 : 1 / left, length);
    }
}

enum { COLUMNS = 64 };

/* w[k][length] becomes l·w; `spare` has room for COLUMNS columns of it. */
VT_CLONES static void multiply_rows(double *w, const double *l, double *spare, int64_t k, int64_t length) {
    for (int64_t first = 0; first < length; first += COLUMNS) {
        int64_t width = length - first < COLUMNS ? length - first : COLUMNS;
        memset(spare, 0, sizeof *spare * (size_t)(k * COLUMNS));
        for (int64_t i = 0; i < k; i++)
            rows_subtract(spare + i * COLUMNS, w + first, length, l + i * k, 1, k, width);
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < width; j++) w[i * length + first + j] = -spare[i * COLUMNS + j];
    }
}

/* The same for rows that are much longer than there are many: what is rotated are the rows of l. */
static void orthogonalise_long(double *w, double *v, double *room, int64_t k, int64_t length) {
    double *l = room, *spare = room + k * k;
    separate(w, l, spare, k, length);
    orthogonalise(l, v, k, k);
    multiply_rows(w, l, spare, k, length);
}

/* Orthonormal rows of w[k][length], of which the first `count` are: each of the others is the unit vector, made
 * orthogonal to those before, of which most is left. */
static void complete_rows(double *w, int64_t count, int64_t k, int64_t length) {
    for (int64_t i = count; i < k; i++) {
        double *row = w + i * length;
        int64_t best = 0;
        double most = -1;
        for (int64_t j = 0; j < length; j++) { /* what is left of unit vector j: 1 - Σ w_ij² */
            double left = 1;
            for (int64_t r = 0; r < i; r++) left -= w[r * length + j] * w[r * length + j];
            if (left > most) best = j, most = left;
        }
        memset(row, 0, sizeof *row * (size_t)length);
        row[best] = 1;
        for (int twice = 0; twice < 2; twice++)
            for (int64_t r = 0; r < i; r++) {
                double along = row_dot(row, w + r * length, length);
                rows_subtract(row, w + r * length, 0, &along, 0, 1, length);
            }
        row_scale(row, 1 / sqrt(row_dot(row, row, length)), length);
    }
}

/* Orders rows of w by their lengths, which go into `values`, downwards, and makes them unit vectors; v goes along. */
static void order_rows(double *w, double *v, double *values, int64_t k, int64_t length) {
    for (int64_t i = 0; i < k; i++) values[i] = sqrt(row_dot(w + i * length, w + i * length, length));
    int64_t count = 0; /* rows that are not 0 */
    for (int64_t i = 0; i < k; i++) {
        int64_t best = i;
        for (int64_t j = i + 1; j < k; j++)
            if (values[j] > values[best]) best = j;
        double value = values[best];
        if (best != i) {
            values[best] = values[i];
            values[i] = value;
            rows_rotate(w + i * length, w + best * length, 0, 1, length); /* with a sign, which both get */
            rows_rotate(v + i * k, v + best * k, 0, 1, k);
        }
        if (!(value > DBL_EPSILON * (double)length * values[0])) continue;
        row_scale(w + i * length, 1 / value, length);
        count = i + 1;
    }
    complete_rows(w, count, k, length);
}

void vt_kernel_svd(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *numbers = args[2];
    int64_t m = numbers[1], n = numbers[2], from, to;
    bool f64 = numbers[3], wide = m < n; /* then the rows of x are rotated, else its columns */
    int64_t k = wide ? m : n, length = wide ? n : m;
    double *w = args[3], *v = w + k * length, *values = v + k * k, *room = values + k;
    share_of(numbers[0], thread, threads, &from, &to);
    for (int64_t b = from; b < to; b++) {
        int64_t at = b * m * n, out = b * (m + 1 + n) * k;
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < length; j++)
                w[i * length + j] = real_at(args[0], at + (wide ? i * n + j : j * n + i), f64);
        bool good = all_finite(w, k * length);
        if (good && length > 2 * k)
            orthogonalise_long(w, v, room, k, length);
        else if (good)
            orthogonalise(w, v, k, length);
        if (good) order_rows(w, v, values, k, length);
        const double *left = wide ? v : w, *right = wide ? w : v; /* rows of m and of n */
        for (int64_t i = 0; i < k; i++) {
            if (good && largest_positive((wide ? w : v) + i * n, n)) row_scale((wide ? v : w) + i * m, -1, m);
            for (int64_t j = 0; j < m; j++)
                real_set(args[1], out + j * k + i, f64, good ? left[i * m + j] : (double)NAN);
            real_set(args[1], out + m * k + i, f64, good ? values[i] : (double)NAN);
            for (int64_t j = 0; j < n; j++)
                real_set(args[1], out + (m + 1 + j) * k + i, f64, good ? right[i * n + j] : (double)NAN);
        }
    }
}
