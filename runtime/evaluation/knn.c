/* Weighted k-NN classification on frozen features, as the self-supervised literature evaluates them (Wu et al. 2018,
 * section 3.4): cosine similarity s, votes exp(s / T). The largest similarity is subtracted first, which changes no
 * ratio of votes and overflows for no T. */
#include "runtime/evaluation/knn.h"
#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/evaluation/features.h"
#include "runtime/threads/team.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 256, GROUP = 16 /* test images that share a tile of training features */ };

typedef struct { /* the images of a set that take part, as unit vectors */
    float *x;
    int32_t *labels;
    int64_t n, unlabelled, zero;
} Side;

typedef struct {
    float similarity;
    int32_t label;
} Neighbour;

typedef struct {
    const Side *train, *test;
    int64_t dim;
    const int32_t *classes; /* labels of the training images, ascending, each once */
    int n_classes, k;       /* the most neighbours asked for */
    const int *ks;
    int n_ks;
    double temperature;
    int64_t *hits; /* [n_ks][top-1, top-5] */
    bool no_memory, stopped;
} Knn;

/* ---- the two sets ------------------------------------------------------------------------------------------------ */

static void side_free(Side *side) {
    free(side->x);
    free(side->labels);
}

/* What has no label cannot be judged, and what is zero has no direction: both are left out and counted. A zero test
 * image stays, as one that is never right. */
static bool side_make(Side *side, const VtFeatures *f, bool is_test) {
    *side = (Side){.x = malloc(sizeof(float) * (size_t)(f->n * f->dim) + 64),
                   .labels = malloc(sizeof(int32_t) * (size_t)f->n + 64)};
    if (!side->x || !side->labels) return false;
    for (int64_t i = 0; i < f->n; i++) {
        const float *x = f->values + i * f->dim;
        float *out = side->x + side->n * f->dim;
        double sum = 0;
        for (int64_t d = 0; d < f->dim; d++) sum += (double)x[d] * x[d];
        bool labelled = f->labels[i] >= 0;
        side->unlabelled += !labelled;
        side->zero += labelled && sum == 0;
        if (!labelled || (sum == 0 && !is_test)) continue;
        double scale = sum == 0 ? 0 : 1 / sqrt(sum);
        for (int64_t d = 0; d < f->dim; d++) out[d] = (float)(x[d] * scale);
        side->labels[side->n++] = f->labels[i];
    }
    return true;
}

static int ascending(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The classes of the training images; each label becomes its class's number. */
static int32_t *number_classes(const Side *train, int *n_classes) {
    int32_t *classes = malloc(sizeof *classes * (size_t)train->n + 64);
    if (!classes) return NULL;
    memcpy(classes, train->labels, sizeof *classes * (size_t)train->n);
    qsort(classes, (size_t)train->n, sizeof *classes, ascending);
    int n = 0;
    for (int64_t i = 0; i < train->n; i++)
        if (n == 0 || classes[n - 1] != classes[i]) classes[n++] = classes[i];
    for (int64_t i = 0; i < train->n; i++)
        train->labels[i] =
            (int32_t)((int32_t *)bsearch(&train->labels[i], classes, (size_t)n, sizeof *classes, ascending) -
                      classes);
    *n_classes = n;
    return classes;
}

/* ---- neighbours -------------------------------------------------------------------------------------------------- */

/* Keeps the k largest similarities, largest first; of equals the earlier training image. */
static void keep_best(Neighbour *best, int *count, int k, Neighbour candidate) {
    if (*count == k && candidate.similarity <= best[k - 1].similarity) return;
    int low = 0, high = *count;
    while (low < high) {
        int mid = (low + high) / 2;
        if (best[mid].similarity >= candidate.similarity)
            low = mid + 1;
        else
            high = mid;
    }
    if (*count < k) ++*count;
    memmove(best + low + 1, best + low, sizeof *best * (size_t)(*count - low - 1));
    best[low] = candidate;
}

static void similarities(const Knn *q, int64_t t, int64_t from, int64_t to, float *out) {
    const float *a = q->test->x + t * q->dim;
    for (int64_t i = from; i < to; i++) {
        const float *b = q->train->x + i * q->dim;
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

/* How many classes with votes come before the true one: those with more votes and, of equal votes, those whose nearest
 * image is nearer; INT_MAX if it has none. `votes`, of n_classes, is zero before and after; `first` is room for as
 * many. */
static int rank_of_truth(const Knn *q, const Neighbour *best, int count, int32_t truth, double *votes,
                         int *first) {
    int rank = 0, own = -1;
    for (int i = 0; i < count; i++) {
        int32_t c = best[i].label;
        if (votes[c] == 0) first[c] = i;
        /* what underflows is still a vote */
        votes[c] += exp((best[i].similarity - best[0].similarity) / q->temperature) + 0x1p-1000;
        if (q->classes[c] == truth) own = c;
    }
    for (int i = 0; i < count && own >= 0; i++) {
        int32_t c = best[i].label;
        if (first[c] == i && c != own) /* each class once */
            rank += votes[c] > votes[own] || (votes[c] == votes[own] && i < first[own]);
    }
    for (int i = 0; i < count; i++) votes[best[i].label] = 0;
    return own < 0 ? INT_MAX : rank;
}

static bool is_zero(const float *x, int64_t dim) {
    for (int64_t d = 0; d < dim; d++)
        if (x[d] != 0) return false;
    return true;
}

/* Of `n` test images, at most GROUP. `best` is room for k neighbours of each. */
static void classify_group(const Knn *q, int64_t first_test, int n, Neighbour *best, double *votes,
                           int *first, int64_t *hits) {
    int count[GROUP] = {0};
    float tile[TILE];
    for (int64_t from = 0; from < q->train->n; from += TILE) {
        int64_t to = from + TILE < q->train->n ? from + TILE : q->train->n;
        for (int t = 0; t < n; t++) {
            similarities(q, first_test + t, from, to, tile);
            for (int64_t i = from; i < to; i++)
                keep_best(best + (int64_t)t * q->k, &count[t], q->k,
                          (Neighbour){tile[i - from], q->train->labels[i]});
        }
    }
    for (int t = 0; t < n; t++) {
        if (is_zero(q->test->x + (first_test + t) * q->dim, q->dim)) continue;
        for (int i = 0; i < q->n_ks; i++) {
            int rank = rank_of_truth(q, best + (int64_t)t * q->k, q->ks[i], q->test->labels[first_test + t],
                                     votes, first);
            hits[2 * i] += rank < 1;
            hits[2 * i + 1] += rank < 5;
        }
    }
}

static void classify(void *user, int thread, int threads) {
    Knn *q = user;
    Neighbour *best = malloc(sizeof *best * (size_t)q->k * GROUP);
    double *votes = calloc((size_t)q->n_classes, sizeof *votes);
    int *first = malloc(sizeof *first * (size_t)q->n_classes);
    int64_t *hits = calloc(2 * (size_t)q->n_ks, sizeof *hits);
    bool good = best && votes && first && hits;
    int64_t groups = (q->test->n + GROUP - 1) / GROUP;
    for (int64_t g = groups * thread / threads; good && g < groups * (thread + 1) / threads; g++) {
        if (vt_stop_signal()) {
            __atomic_store_n(&q->stopped, true, __ATOMIC_RELAXED);
            break;
        }
        int64_t left = q->test->n - g * GROUP;
        classify_group(q, g * GROUP, (int)(left < GROUP ? left : GROUP), best, votes, first, hits);
    }
    if (!good) __atomic_store_n(&q->no_memory, true, __ATOMIC_RELAXED);
    for (int i = 0; good && i < 2 * q->n_ks; i++) __atomic_fetch_add(&q->hits[i], hits[i], __ATOMIC_RELAXED);
    free(best);
    free(votes);
    free(first);
    free(hits);
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

static bool check_sides(const Side *train, const Side *test, int n_classes, const int *ks, int n_ks,
                        VtError *error) {
    static const char *const names[] = {"training", "test"};
    const Side *sides[] = {train, test};
    for (int i = 0; i < 2; i++) {
        if (sides[i]->n == 0 && sides[i]->zero == 0)
            return vt_fail(error, 2, "k-NN needs labels, and no %s image has one (%lld images)", names[i],
                           (long long)sides[i]->unlabelled);
        if (sides[i]->zero > 0 && (sides[i]->n == 0 || sides[i]->zero == sides[i]->n))
            return vt_fail(error, 1, "the features of all %lld %s images are zero: they say nothing",
                           (long long)sides[i]->zero, names[i]);
    }
    if (n_classes < 2)
        return vt_fail(error, 2,
                       "all %lld training images are of one class: k-NN is always right then, and says "
                       "nothing about the features",
                       (long long)train->n);
    for (int i = 0; i < n_ks; i++)
        if (ks[i] < 1 || ks[i] > train->n)
            return vt_fail(error, 2, "k = %d neighbours of %lld training images: k is from 1 to %lld", ks[i],
                           (long long)train->n, (long long)train->n);
    return true;
}

static bool count_hits(Knn *q, const VtKnn *options, VtKnnResult *results, VtError *error) {
    vt_parallel(classify, q);
    if (q->no_memory) return vt_fail(error, 1, "out of memory in k-NN");
    if (q->stopped) return vt_stopped(error);
    for (int i = 0; i < options->n_ks; i++) {
        results[i].top1 = 100.0 * (double)q->hits[2 * i] / (double)q->test->n;
        results[i].top5 = 100.0 * (double)q->hits[2 * i + 1] / (double)q->test->n;
    }
    return true;
}

bool vt_knn(const VtFeatures *train, const VtFeatures *test, const VtKnn *options, VtKnnResult *results,
            VtError *error) {
    Side a = {0}, b = {0};
    Knn q = {.train = &a,
             .test = &b,
             .dim = train->dim,
             .ks = options->ks,
             .n_ks = options->n_ks,
             .temperature = options->temperature};
    int32_t *classes = NULL;
    if (!(options->temperature > 0) || !isfinite(options->temperature))
        return vt_fail(error, 2, "the temperature of k-NN is above 0, not %g", options->temperature);
    bool good = side_make(&a, train, false) && side_make(&b, test, true);
    good = good && (classes = number_classes(&a, &q.n_classes)) &&
           (q.hits = calloc(2 * (size_t)options->n_ks + 1, sizeof *q.hits));
    if (!good) vt_fail(error, 1, "out of memory in k-NN");
    good = good && check_sides(&a, &b, q.n_classes, options->ks, options->n_ks, error);
    q.classes = classes;
    for (int i = 0; good && i < options->n_ks; i++) {
        if (options->ks[i] > q.k) q.k = options->ks[i];
        results[i] = (VtKnnResult){.train = a.n,
                                   .test = b.n,
                                   .classes = q.n_classes,
                                   .unlabelled = a.unlabelled + b.unlabelled,
                                   .zero = a.zero + b.zero};
    }
    good = good && count_hits(&q, options, results, error);
    free(classes);
    free(q.hits);
    side_free(&a);
    side_free(&b);
    return good;
}
