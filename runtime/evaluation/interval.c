/* A mean and how well it is known: see interval.h. */
#include "runtime/evaluation/interval.h"

#include <math.h>

/* The probability that Student's t with v degrees of freedom is within ±√v·tan(angle): the finite series 26.7.3 and
 * 26.7.4 of Abramowitz and Stegun, Handbook of Mathematical Functions. */
static double probability_within(double angle, int v) {
    double c = cos(angle), square = c * c, term = v % 2 ? c : 1, sum = 0;
    for (int i = v % 2 ? 3 : 2; i <= v; i += 2) {
        sum += term;
        term *= square * (i - 1) / i;
    }
    return v % 2 ? 2 / acos(-1.0) * (angle + sin(angle) * sum) : sin(angle) * sum;
}

static double student_quantile(int v) {
    double low = 0, high = acos(-1.0) / 2;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (probability_within(middle, v) < 0.95)
            low = middle;
        else
            high = middle;
    }
    return sqrt((double)v) * tan(low);
}

VtInterval vt_interval(const double *x, int n) {
    double mean = 0, squares = 0;
    for (int i = 0; i < n; i++) mean += x[i] / n;
    for (int i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    return (VtInterval){mean, n > 1 ? student_quantile(n - 1) * sqrt(squares / (n - 1) / n) : (double)NAN};
}
