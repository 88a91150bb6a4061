/* Batches are a function of their number: the same for any count of workers, and when begun in the middle. */
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8, SIZE = 16, FLOATS = BATCH * 3 * SIZE * SIZE, STEPS = 40 };

static const VtPipeline PIPELINE = {"view", SIZE, 0, NULL};
static const VtInput INPUTS[] = {
    {{.name = "view", .dtype = VT_F32, .rank = 4, .dim = {BATCH, 3, SIZE, SIZE}}, VT_SOURCE_VIEW, 0},
    {{.name = "index", .dtype = VT_I32, .rank = 1, .dim = {BATCH}}, VT_SOURCE_INDEX, 0}};
static const VtProgram PROGRAM = {.abi = VT_ABI,
                                  .name = "t",
                                  .n_inputs = 2,
                                  .inputs = INPUTS,
                                  .n_pipelines = 1,
                                  .pipelines = &PIPELINE,
                                  .train = {.batch = BATCH, .seed = 3}};

static void take(int64_t first, int workers, float *pixels, int32_t *indices) {
    VtError error;
    VtDataset *data = vt_dataset_open("synthetic:100", "train", &error);
    VtLoader *loader = vt_loader_new(&PROGRAM, data, first, workers, 4, 0, NULL, NULL, &error);
    assert_non_null(loader);
    assert_int_equal(vt_loader_steps_per_epoch(loader), 100 / BATCH);
    for (int64_t s = first; s < STEPS; s++) {
        const VtBatch *batch = vt_loader_next(loader, &error);
        assert_non_null(batch);
        assert_int_equal(batch->step, s);
        memcpy(pixels + s * FLOATS, batch->inputs[0], sizeof(float) * FLOATS);
        memcpy(indices + s * BATCH, batch->inputs[1], sizeof(int32_t) * BATCH);
    }
    vt_loader_free(loader);
    vt_dataset_close(data);
}

static void test_same_batches(void **state) {
    (void)state;
    float *a = calloc(STEPS * FLOATS, sizeof *a), *b = calloc(STEPS * FLOATS, sizeof *b);
    int32_t x[STEPS * BATCH], y[STEPS * BATCH];
    take(0, 1, a, x);
    take(0, 3, b, y);
    assert_memory_equal(a, b, sizeof *a * STEPS * FLOATS);
    assert_memory_equal(x, y, sizeof x);
    take(17, 2, b, y);
    assert_memory_equal(a + 17 * FLOATS, b + 17 * FLOATS, sizeof *a * (STEPS - 17) * FLOATS);
    bool seen[100] = {false}; /* an epoch meets no image twice */
    for (int i = 0; i < 100 / BATCH * BATCH; i++) {
        assert_false(seen[x[i]]);
        seen[x[i]] = true;
    }
    free(a);
    free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
