/* Weighted k-NN classification on frozen features (Wu et al. 2018, as the self-supervised literature evaluates): cosine similarity, votes exp(sim / T). */
#include "runtime/runtime.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 256 };

typedef struct {
    const float *train, *test; /* normalised */
    const int32_t *train_labels, *test_labels;
    int64_t n_train, n_test, dim;
    int classes, k;
    double temperature;
    uint8_t *hit1, *hit5; /* of each test image */
} Knn;

static float *normalized(const float *x, int64_t n, int64_t dim) {
    float *out = malloc(sizeof *out * (size_t)(n * dim) + 64);
    for (int64_t i = 0; out && i < n; i++) {
        double sum = 0;
        for (int64_t d = 0; d < dim; d++) sum += (double)x[i * dim + d] * x[i * dim + d];
        double scale = 1 / fmax(sqrt(sum), 1e-12);
        for (int64_t d = 0; d < dim; d++) out[i * dim + d] = (float)(x[i * dim + d] * scale);
    }
    return out;
}

/* Keeps the k largest similarities, largest first; of equals the earlier. */
static void keep_best(float *best, int32_t *label, int *count, int k, float similarity, int32_t of) {
    if (*count == k && similarity <= best[k - 1]) return;
    int at = *count < k ? (*count)++ : k - 1;
    for (; at > 0 && best[at - 1] < similarity; at--) {
        best[at] = best[at - 1];
        label[at] = label[at - 1];
    }
    best[at] = similarity;
    label[at] = of;
}

static void similarities(const Knn *q, int64_t t, int64_t from, int64_t to, float *out) {
    const float *a = q->test + t * q->dim;
    for (int64_t i = from; i < to; i++) {
        const float *b = q->train + i * q->dim;
        float sums[16] = {0};
        int64_t d = 0;
        for (; d + 16 <= q->dim; d += 16)
            for (int l = 0; l < 16; l++) sums[l] += a[d + l] * b[d + l];
        float sum = 0;
        for (int l = 0; l < 16; l++) sum += sums[l];
        for (; d < q->dim; d++) sum += a[d] * b[d];
        out[i - from] = sum;
    }
}

static void vote(const Knn *q, int64_t t, const float *best, const int32_t *label, int count, double *votes) {
    memset(votes, 0, sizeof *votes * (size_t)q->classes);
    for (int i = 0; i < count; i++)
        if (label[i] >= 0) votes[label[i]] += exp(best[i] / q->temperature);
    int truth = q->test_labels[t], better = 0;
    if (truth < 0) return;
    for (int c = 0; c < q->classes; c++)
        better += votes[c] > votes[truth] || (votes[c] == votes[truth] && c < truth);
    q->hit1[t] = better < 1;
    q->hit5[t] = better < 5;
}

static void classify(void *user, int thread, int threads) {
    enum { GROUP = 16 }; /* test images that share a tile of training features */
    const Knn *q = user;
    float *best = malloc(sizeof *best * (size_t)q->k * GROUP), tile[TILE];
    int32_t *label = malloc(sizeof *label * (size_t)q->k * GROUP);
    double *votes = malloc(sizeof *votes * (size_t)q->classes);
    if (!best || !label || !votes) abort();
    int64_t groups = (q->n_test + GROUP - 1) / GROUP;
    for (int64_t g = groups * thread / threads; g < groups * (thread + 1) / threads; g++) {
        int count[GROUP] = {0}, n = (int)(q->n_test - g * GROUP < GROUP ? q->n_test - g * GROUP : GROUP);
        for (int64_t from = 0; from < q->n_train; from += TILE) {
            int64_t to = from + TILE < q->n_train ? from + TILE : q->n_train;
            for (int t = 0; t < n; t++) {
                similarities(q, g * GROUP + t, from, to, tile);
                for (int64_t i = from; i < to; i++)
                    keep_best(best + t * q->k, label + t * q->k, &count[t], q->k, tile[i - from],
                              q->train_labels[i]);
            }
        }
        for (int t = 0; t < n; t++)
            vote(q, g * GROUP + t, best + t * q->k, label + t * q->k, count[t], votes);
    }
    free(best);
    free(label);
    free(votes);
}

void vt_knn(const float *train, const int32_t *train_labels, int64_t n_train, const float *test,
            const int32_t *test_labels, int64_t n_test, int64_t dim, int classes, int k, double temperature,
            double *top1, double *top5) {
    Knn q = {.train_labels = train_labels,
             .test_labels = test_labels,
             .n_train = n_train,
             .n_test = n_test,
             .dim = dim,
             .classes = classes,
             .k = k,
             .temperature = temperature};
    if (q.k > n_train) q.k = (int)n_train;
    float *a = normalized(train, n_train, dim), *b = normalized(test, n_test, dim);
    q.train = a;
    q.test = b;
    q.hit1 = calloc((size_t)n_test + 1, 1);
    q.hit5 = calloc((size_t)n_test + 1, 1);
    if (!a || !b || !q.hit1 || !q.hit5) abort();
    vt_parallel(classify, &q);
    int64_t one = 0, five = 0;
    for (int64_t t = 0; t < n_test; t++) {
        one += q.hit1[t];
        five += q.hit5[t];
    }
    *top1 = 100.0 * (double)one / (double)n_test;
    *top5 = 100.0 * (double)five / (double)n_test;
    free(a);
    free(b);
    free(q.hit1);
    free(q.hit5);
}
