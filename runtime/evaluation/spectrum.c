/* How much of their space features fill: the effective rank and the standard deviation that tell a collapse. */
#include "runtime/evaluation/spectrum.h"
#include "runtime/base/error.h"
#include "runtime/evaluation/features.h"
#include "runtime/threads/team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1024 /* rows of a matrix whose eigenvalues are taken */ };

/* ---- eigenvalues of a symmetric matrix --------------------------------------------------------------------------- */

/* Householder reflections make a[n][n] tridiagonal: its diagonal, and the squares beside it (Golub and Van Loan,
 * 8.3.1). */
static void tridiagonal(double *a, int n, double *diagonal, double *beside, double *v, double *w) {
    for (int k = 0; k < n; k++) {
        int m = n - k - 1;
        diagonal[k] = a[k * (int64_t)n + k];
        double norm = 0, dot = 0;
        for (int i = 0; i < m; i++) {
            v[i] = a[k * (int64_t)n + k + 1 + i];
            norm += v[i] * v[i];
        }
        beside[k] = norm;
        if (m < 2 || norm == 0) continue;
        v[0] += copysign(sqrt(norm), v[0]);
        double length = 0;
        for (int i = 0; i < m; i++) length += v[i] * v[i];
        memset(w, 0, sizeof *w * (size_t)m);
        for (int i = 0; i < m; i++) {
            const double *row = a + (k + 1 + i) * (int64_t)n + k + 1;
            for (int j = 0; j < m; j++) w[j] += row[j] * v[i];
        }
        for (int i = 0; i < m; i++) w[i] *= 2 / length;
        for (int i = 0; i < m; i++) dot += w[i] * v[i];
        for (int i = 0; i < m; i++) w[i] -= dot / length * v[i];
        for (int i = 0; i < m; i++) {
            double *row = a + (k + 1 + i) * (int64_t)n + k + 1;
            for (int j = 0; j < m; j++) row[j] -= v[i] * w[j] + w[i] * v[j];
        }
    }
}

/* How many eigenvalues of the tridiagonal matrix are below x: sign changes of a Sturm sequence (the same, 8.4.1). */
static int below(const double *diagonal, const double *beside, int n, double x, double tiny) {
    int count = 0;
    double q = 1;
    for (int i = 0; i < n; i++) {
        q = diagonal[i] - x - (i ? beside[i - 1] / q : 0);
        if (fabs(q) < tiny) q = -tiny;
        count += q < 0;
    }
    return count;
}

/* The square roots of the eigenvalues of a positive matrix, in place of its diagonal. */
static void roots(double *diagonal, const double *beside, int n, double *out) {
    double bound = 0;
    for (int i = 0; i < n; i++)
        bound = fmax(bound, fabs(diagonal[i]) + sqrt(beside[i]) + (i ? sqrt(beside[i - 1]) : 0));
    for (int k = 0; k < n; k++) {
        double low = 0, high = bound; /* the k-th lies between */
        for (int i = 0; i < 60 && high - low > 1e-16 * bound; i++) {
            double mid = (low + high) / 2;
            if (below(diagonal, beside, n, mid, 1e-300 + 1e-30 * bound) > k)
                high = mid;
            else
                low = mid;
        }
        out[k] = sqrt((low + high) / 2);
    }
}

/* ---- features ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const VtFeatures *features;
    int64_t rows;
    bool across; /* products of rows, not of columns */
    int size;
    double scale, *out; /* [size][size] */
} Gram;

static const float *row_of(const Gram *g, int64_t i) { /* spread over the set */
    return g->features->values + i * g->features->n / g->rows * g->features->dim;
}

static void gram_share(void *user, int thread, int threads) {
    Gram *g = user;
    int64_t dim = g->features->dim;
    for (int i = thread; i < g->size; i += threads) {
        double *out = g->out + i * (int64_t)g->size;
        for (int64_t r = 0; r < g->rows && !g->across; r++) {
            const float *x = row_of(g, r);
            double factor = x[i] * g->scale;
            for (int j = 0; j < g->size; j++) out[j] += factor * (x[j] * g->scale);
        }
        for (int j = 0; j < g->size && g->across; j++) {
            const float *x = row_of(g, i), *y = row_of(g, j);
            for (int64_t d = 0; d < dim; d++) out[j] += x[d] * g->scale * (y[d] * g->scale);
        }
    }
}

bool vt_effective_rank(const VtFeatures *features, double *rank, VtError *error) {
    Gram g = {.features = features, .across = features->dim > MOST};
    int64_t most = g.across ? MOST : 4 * MOST;
    g.rows = features->n < most ? features->n : most;
    g.across = g.across || g.rows < features->dim;
    g.size = (int)(g.across ? g.rows : features->dim);
    float largest = 0;
    for (int64_t i = 0; i < features->n * features->dim; i++)
        largest = fmaxf(largest, fabsf(features->values[i]));
    *rank = 0;
    if (largest == 0) return true;
    g.scale = 1 / (double)largest;
    double *room = calloc((size_t)g.size * (size_t)g.size + 5 * (size_t)g.size, sizeof *room);
    if (!room) return vt_fail(error, 1, "out of memory for the effective rank of features");
    g.out = room;
    double *diagonal = room + (size_t)g.size * (size_t)g.size, *beside = diagonal + g.size,
           *singular = beside + g.size;
    vt_parallel(gram_share, &g);
    tridiagonal(g.out, g.size, diagonal, beside, singular, singular + g.size);
    roots(diagonal, beside, g.size, singular);
    double sum = 0, entropy = 0;
    for (int i = 0; i < g.size; i++) sum += singular[i];
    for (int i = 0; i < g.size; i++)
        if (singular[i] > 0) entropy -= singular[i] / sum * log(singular[i] / sum);
    *rank = exp(entropy);
    free(room);
    return true;
}

bool vt_feature_std(const VtFeatures *features, double *std, VtError *error) {
    int64_t n = features->n, dim = features->dim;
    double total = 0, *sums = calloc(2 * (size_t)dim, sizeof *sums);
    if (!sums) return vt_fail(error, 1, "out of memory for the spread of features");
    for (int64_t i = 0; i < n; i++) {
        const float *x = features->values + i * dim;
        double squares = 0;
        for (int64_t d = 0; d < dim; d++) squares += (double)x[d] * x[d];
        double scale = squares > 0 ? 1 / sqrt(squares) : 0;
        for (int64_t d = 0; d < dim; d++) sums[d] += x[d] * scale;
        for (int64_t d = 0; d < dim; d++) sums[dim + d] += x[d] * scale * (x[d] * scale);
    }
    for (int64_t d = 0; d < dim; d++) {
        double mean = sums[d] / (double)n;
        total += sqrt(fmax(sums[dim + d] / (double)n - mean * mean, 0));
    }
    free(sums);
    *std = total / sqrt((double)dim);
    return true;
}
