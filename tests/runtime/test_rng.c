/* Random numbers: Philox against the published vectors, order, and that the draws have the shapes they claim. */
#include "runtime/runtime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Known answers of Random123 (kat_vectors, philox4x32 10). The second reaches counter 85a308d3243f6a88 03707344… and
 * its key through the mixing of stream and seed. */
static void test_known_answers(void **state) {
    const uint64_t stream = 0x85a308d300000000u;
    static const uint32_t want[2][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                        {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
    VtRng rngs[2] = {{0},
                     {.seed = 0x299f31d0a4093822u ^ (stream * 0x9e3779b97f4a7c15u),
                      .stream = stream,
                      .step = 0x0370734413198a2eu,
                      .index = 4 * (uint64_t)0x243f6a88}};
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 4; i++) assert_int_equal(vt_rng_u32(&rngs[v]), want[v][i]);
}

/* A number depends on (seed, stream, step, index) alone, however the generator came there. */
static void test_any_order(void **state) {
    uint32_t forward[64];
    VtRng rng = {.seed = 7, .stream = vt_stream("order"), .step = 3};
    (void)state;
    for (int i = 0; i < 64; i++) forward[i] = vt_rng_u32(&rng);
    for (int i = 63; i >= 0; i--) {
        rng.index = (uint64_t)i;
        assert_int_equal(vt_rng_u32(&rng), forward[i]);
    }
    VtRng others[] = {{.seed = 8, .stream = vt_stream("order"), .step = 3},
                      {.seed = 7, .stream = vt_stream("ordes"), .step = 3},
                      {.seed = 7, .stream = vt_stream("order"), .step = 4}};
    for (int k = 0; k < 3; k++) {
        int same = 0;
        for (int i = 0; i < 64; i++) same += vt_rng_u32(&others[k]) == forward[i];
        assert_true(same < 2);
    }
}

static void test_stream_names(void **state) {
    (void)state;
    assert_true(vt_stream("") == 0xcbf29ce484222325u); /* FNV-1a's published values */
    assert_true(vt_stream("a") == 0xaf63dc4c8601ec8cu);
    assert_true(vt_stream("foobar") == 0x85944171f73967e8u);
}

/* Mean and variance within five standard errors; the normal's tails too. */
static void test_moments(void **state) {
    enum { N = 200000 };
    double sum = 0, squares = 0, beyond = 0;
    VtRng rng = {.seed = 1};
    (void)state;
    for (int i = 0; i < N; i++) {
        double x = vt_rng_uniform(&rng);
        assert_true(x >= 0 && x < 1);
        sum += x;
        squares += (x - 0.5) * (x - 0.5);
    }
    assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1 / 12. / N));
    assert_true(fabs(squares / N - 1 / 12.) < 5 * sqrt(1 / 180. / N));
    sum = squares = 0;
    for (int i = 0; i < N; i++) {
        double x = vt_rng_normal(&rng);
        sum += x;
        squares += x * x;
        beyond += fabs(x) > 1.959963985;
    }
    assert_true(fabs(sum / N) < 5 * sqrt(1. / N));
    assert_true(fabs(squares / N - 1) < 5 * sqrt(2. / N));
    assert_true(fabs(beyond / N - 0.05) < 5 * sqrt(0.05 * 0.95 / N));
}

static void test_below(void **state) {
    enum { N = 70000, SIDES = 7 };
    int64_t seen[SIDES] = {0}, big = (int64_t)3 << 61;
    double chi = 0;
    VtRng rng = {.seed = 2};
    (void)state;
    for (int i = 0; i < N; i++) seen[vt_rng_below(&rng, SIDES)]++;
    for (int k = 0; k < SIDES; k++) chi += pow((double)seen[k] - N / SIDES, 2) / (N / SIDES);
    assert_true(chi < 27.9); /* 6 degrees of freedom, p = 1e-4 */
    assert_int_equal(vt_rng_below(&rng, 1), 0);
    int high = 0;
    for (int i = 0; i < 3000; i++) { /* where taking the remainder would be biased */
        int64_t x = vt_rng_below(&rng, big);
        assert_true(x >= 0 && x < big);
        high += x >= big / 3 * 2;
    }
    assert_true(abs(high - 1000) < 150);
}

/* Every order of four equally often, and every one a permutation. */
static void test_permutation(void **state) {
    enum { N = 24000 };
    int seen[256] = {0}, kinds = 0;
    double chi = 0;
    VtRng rng = {.seed = 3};
    (void)state;
    for (int i = 0; i < N; i++) {
        int32_t p[4];
        vt_rng_permutation(&rng, p, 4);
        assert_int_equal(1 << p[0] | 1 << p[1] | 1 << p[2] | 1 << p[3], 15);
        seen[p[0] | p[1] << 2 | p[2] << 4 | p[3] << 6]++;
    }
    for (int k = 0; k < 256; k++)
        if (seen[k]) {
            kinds++;
            chi += pow(seen[k] - N / 24., 2) / (N / 24.);
        }
    assert_int_equal(kinds, 24);
    assert_true(chi < 58.6); /* 23 degrees of freedom, p = 6e-5 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_stream_names),  cmocka_unit_test(test_moments),
        cmocka_unit_test(test_below),         cmocka_unit_test(test_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
