/* The safetensors reader refuses what it must, and the writer keeps what was there. */
#include "runtime/runtime.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool opens(const char *header, size_t claimed, size_t data, VtError *error) {
    size_t n = strlen(header);
    uint8_t *bytes = calloc(1, 8 + n + data);
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(claimed >> (8 * i));
    memcpy(bytes + 8, header, n);
    VtTensorFile *file = vt_tensors_open_memory("x.safetensors", bytes, 8 + n + data, error);
    bool good = file != NULL;
    vt_tensors_close(file);
    free(bytes);
    return good;
}

static void test_forged(void **state) {
    (void)state;
    static const struct {
        const char *header, *message;
        size_t data;
    } cases[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", NULL, 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "outside the file", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "another number", 8},
        {"{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}", "unknown dtype", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "malformed shape", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}",
         "malformed shape", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "outside the file", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":"
         "[2],\"data_offsets\":[4,12]}}",
         "overlap", 12},
        {"{\"a\":[1,2]}", "unknown dtype", 8},
        {"[]", "not an object", 8},
        {"{\"a\":", "malformed header", 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VtError error = {0};
        bool good = opens(cases[i].header, strlen(cases[i].header), cases[i].data, &error);
        assert_int_equal(good, cases[i].message == NULL);
        if (cases[i].message) assert_non_null(strstr(error.message, cases[i].message));
    }
    VtError error;
    assert_false(opens("{}", 1 << 20, 0, &error));
    assert_non_null(strstr(error.message, "claims"));
    assert_null(vt_tensors_open_memory("x", "abc", 3, &error));
}

static void test_round_trip(void **state) {
    (void)state;
    char path[] = "/tmp/vitc-tensors-XXXXXX";
    close(mkstemp(path));
    float a[6] = {1, 2, 3, 4, 5, 6};
    int64_t b = -7;
    VtNamedTensor tensors[] = {{{.name = "a", .dtype = VT_F32, .rank = 2, .dim = {2, 3}}, a},
                               {{.name = "b", .dtype = VT_I64}, &b}};
    const char *metadata[] = {"k", "v", NULL};
    VtError error;
    assert_true(vt_tensors_write(path, tensors, 2, metadata, &error));
    VtTensorFile *file = vt_tensors_open(path, &error);
    assert_non_null(file);
    double x[6];
    int32_t y;
    assert_true(vt_tensors_read(file, vt_tensors_find(file, "a"), VT_F64, x, &error));
    assert_true(vt_tensors_read(file, vt_tensors_find(file, "b"), VT_I32, &y, &error));
    assert_float_equal(x[5], 6, 0);
    assert_int_equal(y, -7);
    assert_string_equal(vt_tensors_metadata(file, "k"), "v");
    vt_tensors_close(file);
    unlink(path);
}

/* A write that cannot finish leaves the old file, byte for byte, and no temporary one. */
static void test_full_disk(void **state) {
    (void)state;
    char path[] = "/tmp/vitc-full-XXXXXX", temporary[64];
    close(mkstemp(path));
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    static float small[4] = {1, 2, 3, 4}, large[1 << 18];
    VtNamedTensor tensor = {{.name = "a", .dtype = VT_F32, .rank = 1, .dim = {4}}, small};
    VtError error;
    assert_true(vt_tensors_write(path, &tensor, 1, NULL, &error));
    struct rlimit limit = {1 << 16, RLIM_INFINITY}, before;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    VtNamedTensor big = {{.name = "a", .dtype = VT_F32, .rank = 1, .dim = {1 << 18}}, large};
    bool wrote = vt_tensors_write(path, &big, 1, NULL, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_false(wrote);
    assert_int_equal(error.code, 1);
    assert_int_not_equal(access(temporary, F_OK), 0);
    VtTensorFile *file = vt_tensors_open(path, &error);
    assert_non_null(file);
    float back[4];
    assert_true(vt_tensors_read(file, 0, VT_F32, back, &error));
    assert_memory_equal(back, small, sizeof small);
    vt_tensors_close(file);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forged), cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_full_disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
