/* Weighted k-NN against the official protocol's results. */
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

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
            double top1, top5;
            float *want = read_as(file, cases[c].name, VT_F32, &shape);
            vt_set_threads(threads);
            vt_knn(train, train_labels, train_shape.dim[0], test, test_labels, test_shape.dim[0],
                   test_shape.dim[1], 6, cases[c].k, 0.07, &top1, &top5);
            assert_float_equal(top1, want[0], 1e-4);
            if (cases[c].k >= 10) assert_float_equal(top5, want[1], 1e-4);
            free(want);
        }
    free(train);
    free(test);
    free(train_labels);
    free(test_labels);
    vt_tensors_close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
