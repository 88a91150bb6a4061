/* The meaning of operators on whole rows. */
#include "ir/interpret/eval.h"

#include <math.h>

static double row_max(const double *x, int64_t n) {
    double largest = -INFINITY;
    for (int64_t j = 0; j < n; j++) largest = larger_of(largest, x[j]);
    return largest;
}

static double row_exp_sum(const double *x, int64_t n, double shift) {
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += exp(x[j] - shift);
    return sum;
}

bool eval_softmax(Eval *eval) {
    Lines l = lines_along(eval->type[0], -1);
    for (int64_t i = 0; i < l.outer; i++) {
        const double *x = eval->x[0] + i * l.n;
        double largest = row_max(x, l.n), sum = row_exp_sum(x, l.n, largest);
        for (int64_t j = 0; j < l.n; j++) eval->y[i * l.n + j] = exp(x[j] - largest) / sum;
    }
    return true;
}

bool eval_log_softmax(Eval *eval) {
    Lines l = lines_along(eval->type[0], -1);
    for (int64_t i = 0; i < l.outer; i++) {
        const double *x = eval->x[0] + i * l.n;
        double largest = row_max(x, l.n), log_sum = log(row_exp_sum(x, l.n, largest));
        for (int64_t j = 0; j < l.n; j++) eval->y[i * l.n + j] = x[j] - largest - log_sum;
    }
    return true;
}

bool eval_layernorm(Eval *eval) {
    Lines l = lines_along(eval->type[0], -1);
    double eps = layernorm_attrs(eval->node)->eps;
    for (int64_t i = 0; i < l.outer; i++) {
        const double *x = eval->x[0] + i * l.n;
        double mean = 0, variance = 0;
        for (int64_t j = 0; j < l.n; j++) mean += x[j];
        mean /= (double)l.n;
        for (int64_t j = 0; j < l.n; j++) variance += (x[j] - mean) * (x[j] - mean);
        double rstd = 1 / sqrt(variance / (double)l.n + eps);
        for (int64_t j = 0; j < l.n; j++)
            eval->y[i * l.n + j] = (x[j] - mean) * rstd * eval->x[1][j] + eval->x[2][j];
    }
    return true;
}
