/* The median of measurements. */
#ifndef VITC_BENCH_MEDIAN_H
#define VITC_BENCH_MEDIAN_H

#include <stdlib.h>

static inline int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n values, an odd number of them, which it sorts. */
static inline double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, by_size);
    return values[n / 2];
}

#endif
