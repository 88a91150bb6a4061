/* Weighted k-NN against the official protocol's results, its edges; neighbours and retrieval against naive loops; and
 * the measures of collapse. */
#include "runtime/runtime.h"
#include "tests/runtime/comparing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *read_as(VtTensorFile *file, const char *name, int dtype, VtTensor *shape) {
    VtError error;
    int i = vt_tensors_find(file, name);
    assert_true(i >= 0);
    vt_tensors_type(file, i, shape);
    shape->dtype = dtype;
    void *data = malloc(vt_bytes(shape));
    assert_true(vt_tensors_read(file, i, dtype, data, &error));
    return data;
}

static bool knn(const VtFeatures *train, const VtFeatures *test, int k, double temperature,
                VtKnnResult *result, VtError *error) {
    VtInstance *instance = comparing_instance(train->dim);
    assert_non_null(instance);
    bool good =
        vt_knn(instance, &comparing_program, train, test, &(VtKnn){&k, 1, &temperature, 1}, result, error);
    vt_instance_free(instance);
    return good;
}

/* Top-5 by brute force, with classes that got no vote as candidates in the order of their numbers, as the official
 * protocol has it, or without them. */
static double brute_top5(const VtFeatures *train, const VtFeatures *test, int k, double temperature,
                         bool voteless) {
    enum { CLASSES = 6 };
    int64_t hits = 0;
    for (int64_t t = 0; t < test->n; t++) {
        double votes[CLASSES] = {0}, *s = malloc(sizeof *s * (size_t)train->n);
        for (int64_t i = 0; i < train->n; i++) {
            double dot = 0, a = 0, b = 0;
            for (int64_t d = 0; d < train->dim; d++) {
                float x = train->values[i * train->dim + d], y = test->values[t * train->dim + d];
                dot += (double)x * y;
                a += (double)x * x;
                b += (double)y * y;
            }
            s[i] = dot / sqrt(a * b);
        }
        for (int n = 0; n < k; n++) {
            int64_t best = 0;
            for (int64_t i = 1; i < train->n; i++)
                if (s[i] > s[best]) best = i;
            votes[train->labels[best]] += exp(s[best] / temperature);
            s[best] = -INFINITY;
        }
        int truth = test->labels[t], rank = 0;
        for (int c = 0; c < CLASSES; c++)
            rank += votes[c] > votes[truth] || (votes[c] == votes[truth] && c < truth);
        hits += rank < 5 && (voteless || votes[truth] > 0);
        free(s);
    }
    return 100.0 * (double)hits / (double)test->n;
}

static void test_golden(void **state) {
    (void)state;
    VtError error;
    VtTensor train_shape, test_shape, shape;
    VtTensorFile *file = vt_tensors_open(TEST_DIR "/golden/evals.safetensors", &error);
    assert_non_null(file);
    float *train = read_as(file, "train", VT_F32, &train_shape),
          *test = read_as(file, "test", VT_F32, &test_shape);
    int32_t *train_labels = read_as(file, "train_labels", VT_I32, &shape),
            *test_labels = read_as(file, "test_labels", VT_I32, &shape);
    static const struct {
        const char *name;
        int k;
    } cases[] = {{"knn.1", 1}, {"knn.10", 10}, {"knn.20", 20}};
    for (int threads = 1; threads <= 3; threads++)
        for (int c = 0; c < 3; c++) {
            VtKnnResult result;
            float *want = read_as(file, cases[c].name, VT_F32, &shape);
            vt_set_threads(threads);
            VtFeatures a = {train, train_labels, train_shape.dim[0], train_shape.dim[1], 0, {0}},
                       b = {test, test_labels, test_shape.dim[0], test_shape.dim[1], 0, {0}};
            assert_true(knn(&a, &b, cases[c].k, 0.07, &result, &error));
            assert_float_equal(result.top1, want[0], 1e-4);
            assert_float_equal(result.top5, brute_top5(&a, &b, cases[c].k, 0.07, false), 1e-4);
            if (cases[c].k >= 10)
                assert_float_equal(brute_top5(&a, &b, cases[c].k, 0.07, true), want[1], 1e-4);
            free(want);
        }
    free(train);
    free(test);
    free(train_labels);
    free(test_labels);
    vt_tensors_close(file);
}

/* Four training images at 0, 10, 20 and 90 degrees. */
static float angles[] = {1, 0, 0.98481f, 0.17365f, 0.93969f, 0.34202f, 0, 1};
static int32_t labels[] = {0, 1, 1, 2};

static VtFeatures set_of(float *values, int32_t *of, int64_t n) {
    return (VtFeatures){values, of, n, 2, 0, {0}};
}

static VtKnnResult classify(const VtFeatures *train, const VtFeatures *test, int k, double temperature) {
    VtKnnResult result;
    VtError error;
    assert_true(knn(train, test, k, temperature, &result, &error));
    return result;
}

/* Classes without a vote are no candidates, however few there are. */
static void test_only_votes_count(void **state) {
    (void)state;
    float test[] = {1, 0.01f, 0, 1};
    int32_t truth[] = {1, 0};
    VtFeatures a = set_of(angles, labels, 4), b = set_of(test, truth, 2);
    VtKnnResult one = classify(&a, &b, 1, 0.07);
    assert_float_equal(one.top1, 0, 0);
    assert_float_equal(one.top5, 0, 0);
    VtKnnResult two =
        classify(&a, &b, 2, 0.07); /* the first finds class 1 second, the second classes 2 and 1 */
    assert_float_equal(two.top1, 0, 0);
    assert_float_equal(two.top5, 50, 0);
    assert_int_equal(two.classes, 3);
}

/* exp(1 / 0.001) is no number: votes are of differences. */
static void test_small_temperature(void **state) {
    (void)state;
    float test[] = {1, 0.02f, 0.98f, 0.18f, 0.1f, 1};
    int32_t truth[] = {0, 1, 2};
    VtFeatures a = set_of(angles, labels, 4), b = set_of(test, truth, 3);
    for (double t = 1e-4; t < 0.02; t *= 10) assert_float_equal(classify(&a, &b, 4, t).top1, 100, 0);
}

/* Equal votes: the class of the nearest image; equally near: the earlier image, whatever its class's number. */
static void test_ties(void **state) {
    (void)state;
    float train[] = {1, 0, 1, 0, 0.9f, 0.1f}, test[] = {1, 0};
    int32_t of[] = {7, 3, 3}, truth[] = {7};
    VtFeatures a = set_of(train, of, 2), b = set_of(test, truth, 1);
    assert_float_equal(classify(&a, &b, 2, 0.07).top1, 100, 0);
    a.n = 3; /* two votes beat one */
    assert_float_equal(classify(&a, &b, 3, 1).top1, 0, 0);
    assert_float_equal(classify(&a, &b, 3, 1).top5, 100, 0);
}

static void test_left_out(void **state) {
    (void)state;
    float train[] = {1, 0, 0, 0, 0, 1, 1, 0}, test[] = {1, 0, 0, 1, 0, 0, 1, 0};
    int32_t of[] = {0, 0, 1, -1}, truth[] = {0, 1, 0, -1};
    VtFeatures a = set_of(train, of, 4), b = set_of(test, truth, 4);
    VtKnnResult result = classify(&a, &b, 1, 0.07);
    assert_int_equal(result.train, 2);
    assert_int_equal(result.test, 3); /* that of features 0 is wrong, and counts */
    assert_int_equal(result.unlabelled, 2);
    assert_int_equal(result.zero, 2);
    assert_float_equal(result.top1, 200.0 / 3, 1e-9);
    truth[0] = INT32_MAX; /* a class that is not in training */
    assert_float_equal(classify(&a, &b, 1, 0.07).top1, 100.0 / 3, 1e-9);
}

static void refused(VtFeatures a, VtFeatures b, int k, double temperature, const char *why) {
    VtKnnResult result;
    VtError error = {0};
    assert_false(knn(&a, &b, k, temperature, &result, &error));
    if (!strstr(error.message, why)) print_message("message was: %s\n", error.message);
    assert_non_null(strstr(error.message, why));
}

static void test_refusals(void **state) {
    (void)state;
    float zero[4] = {0};
    int32_t none[] = {-1, -1, -1, -1}, one[] = {5, 5, 5, 5};
    VtFeatures a = set_of(angles, labels, 4);
    refused(a, a, 5, 0.07, "k = 5 neighbours of 4 training images");
    refused(a, a, 0, 0.07, "k is from 1 to 4");
    refused(set_of(angles, none, 4), a, 1, 0.07, "none of the 4 training images has one");
    refused(a, set_of(angles, none, 4), 1, 0.07, "none of the 4 test images has one");
    refused(set_of(angles, one, 4), a, 1, 0.07, "one class");
    refused(set_of(zero, labels, 2), a, 1, 0.07, "zero");
    refused(a, set_of(zero, labels, 2), 1, 0.07, "zero");
    refused(a, a, 1, 0, "temperature");
    refused(a, a, 1, NAN, "temperature");
}

static void test_stop(void **state) {
    (void)state;
    VtKnnResult result;
    VtError error = {0};
    VtFeatures a = set_of(angles, labels, 4);
    vt_stop_request(15);
    assert_false(knn(&a, &a, 1, 0.07, &result, &error));
    assert_true(error.stopped);
    vt_stop_request(0);
}

/* ---- neighbours and retrieval against naive loops ---------------------------------------------------------------- */

enum { KINDS = 6, KEYS = 203, QUERIES = 37, WIDTH = 70 };

/* Images of KINDS classes, whose features lean to their class's direction. Every seventh is a copy of the one before,
 * which is as near to all others. */
static VtFeatures drawn(int64_t n, uint64_t seed) {
    VtFeatures f = {
        malloc(sizeof(float) * (size_t)n * WIDTH), malloc(sizeof(int32_t) * (size_t)n), n, WIDTH, 0, {0}};
    VtRng rng = {.seed = seed, .stream = vt_stream("drawn")};
    for (int64_t i = 0; i < n; i++) {
        f.labels[i] = (int32_t)(vt_rng_below(&rng, KINDS));
        float *x = f.values + i * WIDTH;
        for (int d = 0; d < WIDTH; d++)
            x[d] = (float)vt_rng_uniform(&rng) - 0.5f + (d % KINDS == f.labels[i] ? 0.2f : 0);
        if (i % 7 != 6) continue;
        memcpy(x, x - WIDTH, sizeof *x * WIDTH);
        f.labels[i] = f.labels[i - 1];
    }
    return f;
}

static double cosine(const VtFeatures *a, int64_t i, const VtFeatures *b, int64_t j) {
    double dot = 0, x = 0, y = 0;
    for (int64_t d = 0; d < a->dim; d++) {
        double p = a->values[i * a->dim + d], q = b->values[j * b->dim + d];
        dot += p * q, x += p * p, y += q * q;
    }
    return dot / sqrt(x * y);
}

/* All keys, nearest first, of equally near ones the earlier: order[n]. `self`: one that is left out, or -1. */
static int64_t naive_order(const VtFeatures *queries, int64_t q, const VtFeatures *keys, int64_t self,
                           int *order) {
    double s[KEYS];
    int64_t n = 0;
    for (int64_t i = 0; i < keys->n; i++) {
        s[i] = cosine(queries, q, keys, i);
        if (i == self) continue;
        int64_t at = n++;
        for (; at > 0 && s[order[at - 1]] < s[i] - 1e-12; at--) order[at] = order[at - 1];
        order[at] = (int)i;
    }
    return n;
}

typedef struct {
    const VtFeatures *queries, *keys;
    int k;
    int64_t seen, wrong;
} Expected;

static void compare(void *user, int thread, int64_t query, const VtNeighbour *nearest) {
    Expected *e = user;
    int order[KEYS];
    (void)thread;
    naive_order(e->queries, query, e->keys, -1, order);
    int64_t wrong = 0;
    for (int i = 0; i < e->k; i++)
        wrong += nearest[i].index != order[i] ||
                 fabs(nearest[i].similarity - cosine(e->queries, query, e->keys, order[i])) > 1e-6;
    __atomic_fetch_add(&e->wrong, wrong, __ATOMIC_RELAXED);
    __atomic_fetch_add(&e->seen, 1, __ATOMIC_RELAXED);
}

/* Whatever k is, in one part and in several, on one thread and on some. */
static void test_neighbours(void **state) {
    static const int ks[] = {1, 2, 20, 100, KEYS - 1, KEYS};
    VtFeatures keys = drawn(KEYS, 1), queries = drawn(QUERIES, 2);
    VtError error;
    (void)state;
    for (int64_t width = 9; width <= WIDTH + 9; width += 31) {
        VtInstance *instance = comparing_instance(width);
        VtSimilarities s;
        VtDirections a, b;
        assert_true(vt_similarities_open(&s, instance, &comparing_program, &error) &&
                    vt_similarities_directions(&s, &keys, false, &a, &error) &&
                    vt_similarities_directions(&s, &queries, true, &b, &error));
        for (size_t c = 0; c < sizeof ks / sizeof *ks; c++) {
            Expected e = {.queries = &queries, .keys = &keys, .k = ks[c]};
            vt_set_threads(1 + (int)c % 3);
            assert_true(vt_neighbours(&s, &b, &a, &(VtNeighbourUse){ks[c], &e, compare}, &error));
            assert_int_equal(e.seen, QUERIES);
            assert_int_equal(e.wrong, 0);
        }
        vt_directions_free(&a);
        vt_directions_free(&b);
        vt_similarities_close(&s);
        vt_instance_free(instance);
    }
    vt_features_free(&keys);
    vt_features_free(&queries);
}

/* Several k and T in one pass are what one of each gives. */
static void test_grid(void **state) {
    VtFeatures train = drawn(KEYS, 3), test = drawn(QUERIES, 4);
    const int ks[] = {20, 1, 200, 5};
    const double temperatures[] = {0.07, 0.005, 1};
    VtKnnResult results[12], one;
    VtError error;
    VtInstance *instance = comparing_instance(WIDTH);
    (void)state;
    assert_true(vt_knn(instance, &comparing_program, &train, &test, &(VtKnn){ks, 4, temperatures, 3}, results,
                       &error));
    vt_instance_free(instance);
    for (int i = 0; i < 12; i++) {
        assert_true(knn(&train, &test, ks[i % 4], temperatures[i / 4], &one, &error));
        assert_int_equal(results[i].k, ks[i % 4]);
        assert_float_equal(results[i].temperature, temperatures[i / 4], 0);
        assert_float_equal(results[i].top1, one.top1, 0);
        assert_float_equal(results[i].top5, one.top5, 0);
        assert_float_equal(results[i].top5, brute_top5(&train, &test, ks[i % 4], temperatures[i / 4], false),
                           1e-9);
    }
    vt_features_free(&train);
    vt_features_free(&test);
}

static VtRetrievalResult naive_retrieval(const VtFeatures *database, const VtFeatures *queries, bool within) {
    VtRetrievalResult r = {0};
    for (int64_t q = 0; q < queries->n; q++) {
        int order[KEYS];
        double sum = 0, found = 0;
        int64_t n = naive_order(queries, q, database, within ? q : -1, order), first = n;
        for (int64_t i = 0; i < n; i++)
            if (database->labels[order[i]] == queries->labels[q]) {
                first = found == 0 ? i : first;
                sum += ++found / (double)(i + 1);
            }
        r.alone += found == 0;
        if (found == 0) continue;
        r.queries++;
        r.map += 100 * sum / found;
        for (int k = 0; k < VT_RECALLS; k++) r.recall[k] += 100 * (first < vt_recall_at[k]);
    }
    r.map /= (double)r.queries;
    for (int k = 0; k < VT_RECALLS; k++) r.recall[k] /= (double)r.queries;
    return r;
}

static void test_retrieval(void **state) {
    VtFeatures database = drawn(KEYS, 5), queries = drawn(QUERIES, 6);
    VtError error;
    (void)state;
    database.labels[11] = 99; /* alone within */
    queries.labels[3] = 98;   /* has nothing to find */
    for (int within = 0; within < 2; within++)
        for (int64_t width = 16; width <= WIDTH; width += WIDTH - 16) {
            VtRetrievalResult got, want = naive_retrieval(&database, within ? &database : &queries, within);
            VtInstance *instance = comparing_instance(width);
            vt_set_threads(width == WIDTH ? 3 : 1);
            assert_true(vt_retrieval(instance, &comparing_program, &database, within ? NULL : &queries, &got,
                                     &error));
            assert_float_equal(got.map, want.map, 1e-9);
            for (int k = 0; k < VT_RECALLS; k++) assert_float_equal(got.recall[k], want.recall[k], 1e-9);
            assert_int_equal(got.queries, want.queries);
            assert_int_equal(got.alone, 1);
            assert_int_equal(got.database, KEYS);
            assert_int_equal(got.classes, KINDS + 1);
            assert_true(got.map > 20 && got.recall[2] > got.recall[0]); /* there is something to find */
            vt_instance_free(instance);
        }
    /* a query without direction finds nothing, and counts */
    VtRetrievalResult before, after;
    VtInstance *instance = comparing_instance(WIDTH);
    assert_true(vt_retrieval(instance, &comparing_program, &database, &queries, &before, &error));
    memset(queries.values, 0, sizeof(float) * WIDTH);
    assert_true(vt_retrieval(instance, &comparing_program, &database, &queries, &after, &error));
    assert_int_equal(after.queries, before.queries);
    assert_int_equal(after.zero, 1);
    assert_true(after.map < before.map);
    for (int64_t i = 0; i < KEYS; i++) database.labels[i] = 3;
    assert_false(vt_retrieval(instance, &comparing_program, &database, &queries, &after, &error));
    assert_non_null(strstr(error.message, "of one class"));
    vt_instance_free(instance);
    vt_features_free(&database);
    vt_features_free(&queries);
}

/* A program that was built before there was the function. */
static void test_older_program(void **state) {
    VtProgram older = comparing_program;
    VtKnnResult result;
    VtError error = {0};
    VtFeatures a = set_of(angles, labels, 4);
    (void)state;
    older.n_functions = 0;
    VtInstance *instance = vt_instance_new(&older, &error);
    assert_false(
        vt_knn(instance, &older, &a, &a, &(VtKnn){(int[]){1}, 1, (double[]){1}, 1}, &result, &error));
    assert_int_equal(error.code, 2);
    assert_non_null(strstr(error.message, "build it again"));
    vt_instance_free(instance);
}

/* ---- what features fill ------------------------------------------------------------------------------------------ */

/* Features of `rank` directions of equal weight, each direction a pattern of signs over `dim` (Sylvester's Hadamard
 * matrix). */
static VtFeatures directions(int64_t n, int64_t dim, int64_t rank) {
    VtFeatures f = {malloc(sizeof(float) * (size_t)(n * dim)), NULL, n, dim, 0, {0}};
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < dim; d++)
            f.values[i * dim + d] = __builtin_parityll((unsigned long long)(i % rank & d)) ? -3.f : 3.f;
    return f;
}

static void test_effective_rank(void **state) {
    (void)state;
    static const int64_t cases[][3] = {{64, 32, 1}, {64, 32, 8},   {64, 32, 32},
                                       {16, 64, 4}, {12, 2048, 3}, {512, 256, 128}};
    VtError error;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        VtFeatures f = directions(cases[c][0], cases[c][1], cases[c][2]);
        double rank;
        assert_true(vt_effective_rank(&f, &rank, &error));
        assert_float_equal(rank, (double)cases[c][2], 1e-3 * (double)cases[c][2]);
        for (int64_t i = 0; i < f.n * f.dim; i++) f.values[i] *= 1e37f; /* no overflow */
        assert_true(vt_effective_rank(&f, &rank, &error));
        assert_float_equal(rank, (double)cases[c][2], 1e-3 * (double)cases[c][2]);
        vt_features_free(&f);
    }
    /* singular values 4, 2, 1, 1: shares 1/2, 1/4, 1/8, 1/8 of entropy 1.75 bits */
    float diagonal[16] = {4, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    double rank;
    VtFeatures f = {diagonal, NULL, 4, 4, 0, {0}};
    assert_true(vt_effective_rank(&f, &rank, &error));
    assert_float_equal(rank, exp2(1.75), 1e-9);
    memset(diagonal, 0, sizeof diagonal);
    assert_true(vt_effective_rank(&f, &rank, &error));
    assert_float_equal(rank, 0, 0);
}

static void test_feature_std(void **state) {
    (void)state;
    VtFeatures same = directions(64, 32, 1), spread = directions(64, 32, 32);
    double std;
    VtError error;
    assert_true(vt_feature_std(&same, &std, &error));
    assert_float_equal(std, 0, 1e-3);
    assert_true(vt_feature_std(&spread, &std, &error));
    assert_float_equal(std, 31.0 / 32 /* the first dimension's sign never changes */, 1e-3);
    vt_features_free(&same);
    vt_features_free(&spread);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden),
                                       cmocka_unit_test(test_only_votes_count),
                                       cmocka_unit_test(test_small_temperature),
                                       cmocka_unit_test(test_ties),
                                       cmocka_unit_test(test_left_out),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_stop),
                                       cmocka_unit_test(test_neighbours),
                                       cmocka_unit_test(test_grid),
                                       cmocka_unit_test(test_retrieval),
                                       cmocka_unit_test(test_older_program),
                                       cmocka_unit_test(test_effective_rank),
                                       cmocka_unit_test(test_feature_std)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
