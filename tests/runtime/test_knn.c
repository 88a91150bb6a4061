/* Weighted k-NN against the official protocol's results, its edges, and the measures of collapse. */
#include "runtime/runtime.h"

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
            assert_true(vt_knn(&a, &b, &(VtKnn){&cases[c].k, 1, 0.07}, &result, &error));
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
    assert_true(vt_knn(train, test, &(VtKnn){&k, 1, temperature}, &result, &error));
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
    assert_false(vt_knn(&a, &b, &(VtKnn){&k, 1, temperature}, &result, &error));
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
    refused(set_of(angles, none, 4), a, 1, 0.07, "no training image has one");
    refused(a, set_of(angles, none, 4), 1, 0.07, "no test image has one");
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
    assert_false(vt_knn(&a, &a, &(VtKnn){(int[]){1}, 1, 0.07}, &result, &error));
    assert_true(error.stopped);
    vt_stop_request(0);
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
                                       cmocka_unit_test(test_effective_rank),
                                       cmocka_unit_test(test_feature_std)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
