/* Inside runtime/kernels: what factorisations do with rows of f64. Sums have an order of their own, so that wide
 * vectors give the same bits (runtime/base/simd.h). */
#ifndef VITC_RUNTIME_KERNELS_ROWS_H
#define VITC_RUNTIME_KERNELS_ROWS_H

#include <stdint.h>

/* y[0..n) -= c[0]·x[0] + c[1]·x[1] …, of `count` rows x that lie `x_stride` apart, coefficients `c_stride` apart. Four
 * rows at a time: y is loaded and stored once for them. */
static inline void rows_subtract(double *restrict y, const double *x, int64_t x_stride, const double *c,
                                 int64_t c_stride, int64_t count, int64_t n) {
    int64_t q = 0;
    for (; q + 4 <= count; q += 4) {
        const double *a = x + q * x_stride, *b = a + x_stride, *d = b + x_stride, *e = d + x_stride;
        double ca = c[q * c_stride], cb = c[(q + 1) * c_stride], cd = c[(q + 2) * c_stride],
               ce = c[(q + 3) * c_stride];
        for (int64_t j = 0; j < n; j++) y[j] -= (ca * a[j] + cb * b[j]) + (cd * d[j] + ce * e[j]);
    }
    for (; q < count; q++)
        for (int64_t j = 0; j < n; j++) y[j] -= c[q * c_stride] * x[q * x_stride + j];
}

static inline void row_scale(double *x, double by, int64_t n) {
    for (int64_t j = 0; j < n; j++) x[j] *= by;
}

/* Σ x·y: eight sums side by side, then those. */
static inline double row_dot(const double *x, const double *y, int64_t n) {
    double lane[8] = {0};
    int64_t j = 0;
    for (; j + 8 <= n; j += 8)
        for (int l = 0; l < 8; l++) lane[l] += x[j + l] * y[j + l];
    for (; j < n; j++) lane[j & 7] += x[j] * y[j];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* (x, y) <- (c·x - s·y, s·x + c·y) */
static inline void rows_rotate(double *restrict x, double *restrict y, double c, double s, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        double a = x[j], b = y[j];
        x[j] = c * a - s * b;
        y[j] = s * a + c * b;
    }
}

#endif
