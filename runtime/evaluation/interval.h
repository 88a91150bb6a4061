/* A mean and how well it is known. */
#ifndef VITC_RUNTIME_EVALUATION_INTERVAL_H
#define VITC_RUNTIME_EVALUATION_INTERVAL_H

/* The mean of x[n], and half the width of its 95 % confidence interval: t · s / √n, t being the 97.5 % quantile of
 * Student's distribution with n - 1 degrees of freedom, s the unbiased deviation. NaN for n = 1. */
typedef struct {
    double mean, half;
} VtInterval;
VtInterval vt_interval(const double *x, int n);

#endif
