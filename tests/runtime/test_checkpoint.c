/* What is loaded is not trusted: the counter of steps counts, tensors fit, and what was saved comes back to the bit. */
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const VtState STATES[] = {
    {.tensor = {.name = "step", .dtype = VT_F64}, .role = VT_ROLE_COUNTER, .copy_of = -1},
    {.tensor = {.name = "w", .dtype = VT_F32, .rank = 1, .dim = {4}}, .a = 1, .copy_of = -1}};
static const VtProgram PROGRAM = {
    .abi = VT_ABI, .name = "two states", .version = "0", .n_states = 2, .states = STATES};

static char path[] = "/tmp/vitc-checkpoint-XXXXXX";

static void test_steps(void **state) {
    (void)state;
    static const struct {
        double step;
        bool good;
    } cases[] = {{0, true},         {41, true},     {9007199254740992.0, true},
                 {NAN, false},      {-5, false},    {1.5, false},
                 {-1e18, false},    {1e300, false}, {INFINITY, false},
                 {-INFINITY, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VtError error = {0};
        VtInstance *instance = vt_instance_new(&PROGRAM, &error);
        const float w[4] = {1, -0.0f, 1e-42f, 3}; /* one is denormal */
        VtNamedTensor tensors[] = {{STATES[0].tensor, &cases[i].step}, {STATES[1].tensor, w}};
        assert_true(vt_tensors_write(path, tensors, 2, NULL, &error));
        assert_true(vt_instance_init(instance, 0, NULL));
        assert_int_equal(vt_checkpoint_load(instance, &PROGRAM, path, &error), cases[i].good);
        if (cases[i].good)
            assert_memory_equal(vt_instance_state(instance, 1), w, sizeof w);
        else
            assert_true(error.code == 2 && strstr(error.message, "state 'step'"));
        vt_instance_free(instance);
    }
}

/* A file of another program: no checksums, another type. It loads; what does not fit is named. */
static void test_foreign(void **state) {
    (void)state;
    static const char *const headers[] = {
        "{\"step\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[8,24]}}",
        "{\"step\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[8,24]}}",
        "{\"step\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}"};
    static const char *const messages[] = {NULL, "tensors: w (another shape: [2, 2] there, [4] here)",
                                           "tensors: w (missing)"};
    for (int i = 0; i < 3; i++) {
        FILE *file = fopen(path, "wb");
        uint64_t length = strlen(headers[i]);
        int64_t step = 7;
        float w[4] = {1, 2, 3, 4};
        fwrite(&length, 8, 1, file), fwrite(headers[i], length, 1, file);
        fwrite(&step, 8, 1, file), fwrite(w, sizeof w, 1, file);
        fclose(file);
        VtError error = {0};
        VtInstance *instance = vt_instance_new(&PROGRAM, &error);
        assert_true(vt_instance_init(instance, 0, NULL));
        assert_int_equal(vt_checkpoint_load(instance, &PROGRAM, path, &error), !messages[i]);
        if (messages[i]) assert_non_null(strstr(error.message, messages[i]));
        if (!messages[i]) assert_true(*(const double *)vt_instance_state(instance, 0) == 7);
        vt_instance_free(instance);
    }
}

static int begin(void **state) {
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int end(void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_foreign)};
    return cmocka_run_group_tests(tests, begin, end);
}
