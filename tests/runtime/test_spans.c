/* What threads did in a run: recorded call by call, and divided among the calls. */
#include "runtime/base/clock.h"
#include "runtime/program/calls.h"
#include "runtime/program/instance.h"
#include "runtime/threads/team.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#define NEAR(a, b) (fabs((a) - (b)) < 1e-12)

/* ---- dividing ---------------------------------------------------------------------------------------------------- */

static void test_times(void **state) {
    (void)state;
    /* Thread 0: call 0 in [1, 3), then call 1 in [3, 7). Thread 1: call 0 in [1, 2), waits, call 1 in [5, 9). */
    VtSpan first[] = {{1, 3, 0, -1}, {3, 7, 1, -1}}, second[] = {{1, 2, 0, -1}, {5, 9, 1, -1}};
    VtTrack tracks[] = {{first, 2, 2}, {second, 2, 2}};
    VtSpans spans = {.tracks = tracks, .threads = 2};
    double times[3];
    assert_true(vt_spans_times(&spans, 3, times));
    assert_true(NEAR(times[0], 2)); /* who waits counts for what it waits for */
    assert_true(NEAR(times[1], 6));
    assert_true(NEAR(times[2], 0));
    second[1] = (VtSpan){1.5, 3, 2, -1}; /* beside call 0, from the middle of its time on */
    second[0] = (VtSpan){1, 1.5, 0, -1};
    assert_true(vt_spans_times(&spans, 3, times));
    assert_true(NEAR(times[0], 0.5 + 0.75) && NEAR(times[2], 0.75) && NEAR(times[1], 4));
    tracks[0].n = tracks[1].n = 0;
    assert_true(vt_spans_times(&spans, 3, times));
    assert_true(times[0] == 0 && times[1] == 0 && times[2] == 0);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

static void nothing(void *const *args, int32_t thread, int32_t threads) {
    (void)args, (void)thread, (void)threads;
}

static void busy(void *const *args, int32_t thread, int32_t threads) {
    (void)args, (void)thread, (void)threads;
    double until = vt_now() + 2e-3;
    while (vt_now() < until) {
    }
}

/* A call of all threads, one of the first alone, a chain of two over 5 blocks, a loop of 3 iterations around one. */
static const VtCall CALLS[] = {
    {.kernel = busy, .name = "busy"},
    {.kernel = nothing, .name = "single", .single = 1, .behind = 1},
    {.kernel = nothing, .name = "first of chain", .behind = 1},
    {.kernel = nothing, .name = "second of chain"},
    {.kernel = nothing, .name = "in loop", .behind = 1},
};
static const VtChain CHAIN = {2, 2, 5};
static const VtLoop LOOP = {.first_call = 4, .n_calls = 1, .count = 3, .barrier = 1, .condition = -1};
static const VtArg NO_ARGS[1];
static const VtFunction STEP = {.name = "step",
                                .args = NO_ARGS,
                                .n_calls = 5,
                                .calls = CALLS,
                                .n_chains = 1,
                                .chains = &CHAIN,
                                .n_loops = 1,
                                .loops = &LOOP};
static const VtProgram PROGRAM = {.abi = VT_ABI, .name = "p", .n_functions = 1, .functions = &STEP};

static void test_needed(void **state) {
    (void)state;
    assert_true(vt_spans_needed(&STEP, 0, 1) == 2 + 2 * 5 + 3);
    assert_true(vt_spans_needed(&STEP, 0, 2) == 2 + 2 * 2 + 3);
    assert_true(vt_spans_needed(&STEP, 1, 2) == 2 + 2 * 3 + 3);
}

static void check_track(const VtTrack *track, int thread, int threads, double start, double end) {
    int seen[5] = {0}, shared = 5 * (thread + 1) / threads - 5 * thread / threads;
    double last = start;
    for (size_t i = 0; i < track->n; i++) {
        const VtSpan *span = &track->spans[i];
        assert_true(span->start >= last && span->end >= span->start && span->end <= end);
        assert_true((span->block >= 0) == (span->call == 2 || span->call == 3));
        assert_true(span->block < 5);
        last = span->end;
        seen[span->call]++;
    }
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], thread == 0);
    assert_int_equal(seen[2], shared);
    assert_int_equal(seen[3], shared);
    assert_int_equal(seen[4], 3);
}

static void test_recorded(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        vt_set_threads(threads);
        VtError error;
        double times[5];
        VtInstance *instance = vt_instance_new(&PROGRAM, &error);
        assert_non_null(instance);
        assert_null(vt_instance_spans(instance));
        assert_true(vt_instance_profile(instance, "step", &error));
        for (int run = 0; run < 2; run++) { /* the second begins anew */
            double start = vt_now();
            assert_true(vt_instance_run(instance, "step", NULL, &error));
            double end = vt_now();
            const VtSpans *spans = vt_instance_spans(instance);
            assert_int_equal(spans->threads, threads);
            for (int t = 0; t < threads; t++) check_track(&spans->tracks[t], t, threads, start, end);
            assert_true(vt_spans_times(spans, 5, times));
            double sum = 0;
            for (int c = 0; c < 5; c++) sum += times[c];
            assert_true(times[0] >= 2e-3 && sum <= end - start);
        }
        assert_true(vt_instance_profile(instance, NULL, &error));
        assert_null(vt_instance_spans(instance));
        assert_true(vt_instance_run(instance, "step", NULL, &error));
        vt_instance_free(instance);
    }
    vt_set_threads(0);
}

static void test_refused(void **state) {
    (void)state;
    VtLoop long_loop = LOOP;
    long_loop.count = 1 << 30;
    VtFunction endless = STEP;
    endless.loops = &long_loop;
    VtProgram program = PROGRAM;
    program.functions = &endless;
    VtError error;
    VtInstance *instance = vt_instance_new(&program, &error);
    assert_false(vt_instance_profile(instance, "none", &error));
    assert_string_equal(error.message, "'p' has no function 'none'");
    assert_false(vt_instance_profile(instance, "step", &error));
    assert_int_equal(error.code, 2);
    assert_non_null(
        strstr(error.message, "function 'step' makes up to 1073741836 calls: a profile has room for"));
    vt_instance_free(instance);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_needed),
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
