/* Weighted k-NN classification on frozen features: see knn.h. The largest similarity is subtracted first, which changes
 * no ratio of votes and overflows for no temperature. */
#include "runtime/evaluation/knn.h"
#include "runtime/base/error.h"
#include "runtime/evaluation/neighbours.h"
#include "runtime/threads/team.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {     /* a thread's room */
    double *weights; /* of each neighbour: its vote */
    double *votes;   /* of each class, zero between votes */
    int *first;      /* of each class with votes: its nearest neighbour */
    int64_t *hits;   /* of each result: right among the first, among the first five */
} Scratch;

typedef struct {
    const VtDirections *train, *test;
    const VtKnn *options;
    int32_t *classes; /* labels of the training images, ascending, each once */
    int32_t *numbers; /* of each training image: its label's place among them */
    int n_classes, k; /* the most neighbours asked for */
    int threads, n_results;
    Scratch *scratch; /* of each thread */
} Knn;

/* ---- votes ------------------------------------------------------------------------------------------------------- */

/* How many classes with votes come before the true one: those with more votes and, of equal votes, those whose nearest
 * image is nearer; INT_MAX if it has none. */
static int rank_of_truth(const Knn *q, const Scratch *b, const VtNeighbour *nearest, int count,
                         int32_t truth) {
    const int32_t *numbers = q->numbers;
    int rank = 0, own = -1;
    for (int i = 0; i < count; i++) {
        int32_t c = numbers[nearest[i].index];
        if (b->votes[c] == 0) b->first[c] = i;
        b->votes[c] += b->weights[i];
        if (q->classes[c] == truth) own = c;
    }
    for (int i = 0; i < count && own >= 0; i++) {
        int32_t c = numbers[nearest[i].index];
        if (b->first[c] == i && c != own) /* each class once */
            rank += b->votes[c] > b->votes[own] || (b->votes[c] == b->votes[own] && i < b->first[own]);
    }
    for (int i = 0; i < count; i++) b->votes[numbers[nearest[i].index]] = 0;
    return own < 0 ? INT_MAX : rank;
}

static void vote(void *user, int thread, int64_t query, const VtNeighbour *nearest) {
    const Knn *q = user;
    const Scratch *b = &q->scratch[thread];
    const VtKnn *o = q->options;
    if (vt_direction_is_zero(q->test, query)) return;
    for (int t = 0; t < o->n_temperatures; t++) {
        for (int i = 0; i < q->k; i++) /* what underflows is still a vote */
            b->weights[i] =
                exp((nearest[i].similarity - nearest[0].similarity) / o->temperatures[t]) + 0x1p-1000;
        for (int i = 0; i < o->n_ks; i++) {
            int rank = rank_of_truth(q, b, nearest, o->ks[i], q->test->labels[query]);
            int64_t *hits = b->hits + 2 * (t * o->n_ks + i);
            hits[0] += rank < 1;
            hits[1] += rank < 5;
        }
    }
}

static int ascending(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static bool number_classes(Knn *q) {
    int64_t n = q->train->n;
    q->classes = vt_directions_classes(q->train, &q->n_classes);
    q->numbers = malloc(sizeof *q->numbers * (size_t)n + 64);
    for (int64_t i = 0; q->classes && q->numbers && i < n; i++) {
        const int32_t *place =
            bsearch(&q->train->labels[i], q->classes, (size_t)q->n_classes, sizeof *q->classes, ascending);
        q->numbers[i] = (int32_t)(place - q->classes);
    }
    return q->classes && q->numbers;
}

static bool make_scratch(Knn *q) {
    q->threads = vt_threads();
    q->scratch = calloc((size_t)q->threads, sizeof *q->scratch);
    for (int t = 0; q->scratch && t < q->threads; t++) {
        Scratch *b = &q->scratch[t];
        *b = (Scratch){malloc(sizeof *b->weights * (size_t)q->k),
                       calloc((size_t)q->n_classes, sizeof *b->votes),
                       malloc(sizeof *b->first * (size_t)q->n_classes),
                       calloc(2 * (size_t)q->n_results, sizeof *b->hits)};
        if (!b->weights || !b->votes || !b->first || !b->hits) return false;
    }
    return q->scratch != NULL;
}

static void free_room(Knn *q) {
    for (int t = 0; q->scratch && t < q->threads; t++) {
        free(q->scratch[t].weights);
        free(q->scratch[t].votes);
        free(q->scratch[t].first);
        free(q->scratch[t].hits);
    }
    free(q->scratch);
    free(q->numbers);
    free(q->classes);
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

static bool check_options(const VtKnn *o, VtError *error) {
    for (int i = 0; i < o->n_temperatures; i++)
        if (!(o->temperatures[i] > 0) || !isfinite(o->temperatures[i]))
            return vt_fail(error, 2, "the temperature of k-NN is above 0, not %g", o->temperatures[i]);
    return true;
}

static bool check_sides(const Knn *q, VtError *error) {
    if (!vt_directions_check(q->train, "k-NN", "training images", error) ||
        !vt_directions_check(q->test, "k-NN", "test images", error))
        return false;
    if (q->n_classes < 2)
        return vt_fail(error, 2,
                       "all %lld training images are of one class: k-NN is always right then, and says "
                       "nothing about the features",
                       (long long)q->train->n);
    for (int i = 0; i < q->options->n_ks; i++) {
        int k = q->options->ks[i];
        if (k < 1 || k > q->train->n)
            return vt_fail(error, 2, "k = %d neighbours of %lld training images: k is from 1 to %lld", k,
                           (long long)q->train->n, (long long)q->train->n);
    }
    return true;
}

static void fill_results(const Knn *q, VtKnnResult *results) {
    const VtDirections *a = q->train, *b = q->test;
    for (int r = 0; r < q->n_results; r++) {
        int64_t hits[2] = {0};
        for (int t = 0; t < q->threads; t++)
            for (int i = 0; i < 2; i++) hits[i] += q->scratch[t].hits[2 * r + i];
        results[r] = (VtKnnResult){.k = q->options->ks[r % q->options->n_ks],
                                   .temperature = q->options->temperatures[r / q->options->n_ks],
                                   .top1 = 100.0 * (double)hits[0] / (double)b->n,
                                   .top5 = 100.0 * (double)hits[1] / (double)b->n,
                                   .train = a->n,
                                   .test = b->n,
                                   .classes = q->n_classes,
                                   .unlabelled = a->unlabelled + b->unlabelled,
                                   .zero = a->zero + b->zero};
    }
}

static bool classify(Knn *q, VtSimilarities *similarities, VtKnnResult *results, VtError *error) {
    for (int i = 0; i < q->options->n_ks; i++)
        if (q->options->ks[i] > q->k) q->k = q->options->ks[i];
    q->n_results = q->options->n_ks * q->options->n_temperatures;
    if (!make_scratch(q)) return vt_fail(error, 1, "out of memory in k-NN");
    if (!vt_neighbours(similarities, q->test, q->train, &(VtNeighbourUse){q->k, q, vote}, error))
        return false;
    fill_results(q, results);
    return true;
}

bool vt_knn(VtInstance *instance, const VtProgram *program, const VtFeatures *train, const VtFeatures *test,
            const VtKnn *options, VtKnnResult *results, VtError *error) {
    VtDirections a = {0}, b = {0};
    VtSimilarities similarities = {0};
    Knn q = {.train = &a, .test = &b, .options = options};
    bool good = check_options(options, error) &&
                vt_similarities_open(&similarities, instance, program, error) &&
                vt_similarities_directions(&similarities, train, false, &a, error) &&
                vt_similarities_directions(&similarities, test, true, &b, error);
    if (good && !number_classes(&q)) good = vt_fail(error, 1, "out of memory in k-NN");
    good = good && check_sides(&q, error) && classify(&q, &similarities, results, error);
    free_room(&q);
    vt_directions_free(&a);
    vt_directions_free(&b);
    vt_similarities_close(&similarities);
    return good;
}
