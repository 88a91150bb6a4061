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
#include <sys/stat.h>
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
    char made[] = "/tmp/vitc-full-XXXXXX", path[64];
    assert_non_null(mkdtemp(made));
    snprintf(path, sizeof path, "%s/a.safetensors", made);
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
    VtTensorFile *file = vt_tensors_open(path, &error);
    assert_non_null(file);
    float back[4];
    assert_true(vt_tensors_read(file, 0, VT_F32, back, &error));
    assert_memory_equal(back, small, sizeof small);
    vt_tensors_close(file);
    unlink(path);
    assert_int_equal(rmdir(made), 0); /* empty */
}

static bool reads_all(const char *bytes, size_t size, VtError *error) {
    VtTensorFile *file = vt_tensors_open_memory("x.safetensors", bytes, size, error);
    double out[64];
    bool good = file && vt_tensors_count(file) == 3;
    for (int i = 0; good && i < vt_tensors_count(file); i++)
        good = vt_tensors_read(file, i, VT_F64, out, error);
    good = good && vt_tensors_verify(file, error);
    vt_tensors_close(file);
    return good;
}

/* Every single bit of a file that vitc wrote: turned over, the file is refused. The tensor that is damaged is named. */
static void test_every_bit(void **state) {
    (void)state;
    char path[] = "/tmp/vitc-bits-XXXXXX", bytes[1024], more[1024 + 1];
    close(mkstemp(path));
    float a[6] = {1, 2, 3, 4, 5, 6};
    int64_t b = -7;
    uint8_t c[3] = {0, 1, 0};
    VtNamedTensor tensors[] = {{{.name = "net.a", .dtype = VT_F32, .rank = 2, .dim = {2, 3}}, a},
                               {{.name = "b", .dtype = VT_I64}, &b},
                               {{.name = "c\"\\é", .dtype = VT_BOOL, .rank = 1, .dim = {3}}, c}};
    const char *metadata[] = {"recipe", "\"xxh3\":\"0000000000000000\"", NULL};
    VtError error = {0};
    assert_true(vt_tensors_write(path, tensors, 3, metadata, &error));
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    unlink(path);
    assert_true(size < sizeof bytes && reads_all(bytes, size, &error));
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        error.message[0] = '\0';
        if (reads_all(bytes, size, &error)) fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
        if (bit / 8 >= size - 35 && bit / 8 < size - 11) assert_non_null(strstr(error.message, "'net.a'"));
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    memcpy(more, bytes, size);
    more[size] = 0;
    assert_false(reads_all(more, size + 1, &error));
    assert_false(reads_all(bytes, size - 1, &error));
}

/* A checksum that is not 16 digits long is no checksum; one near the header's end is not read past it. */
static void test_short_sums(void **state) {
    (void)state;
    static const char *const sums[] = {
        "", "3", "0123", "0123456789abcde", "0123456789abcdef0", "0123456789abcdef"};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        char text[128];
        int length = snprintf(text + 8, sizeof text - 8, "{\"__metadata__\":{\"xxh3\":\"%s\"}}", sums[i]);
        memcpy(text, (const char[8]){(char)length}, 8);
        char *exact = malloc((size_t)length + 8); /* so that a sanitizer sees what is read beyond */
        assert_non_null(exact);
        memcpy(exact, text, (size_t)length + 8);
        VtError error = {0};
        assert_null(vt_tensors_open_memory("x.safetensors", exact, (size_t)length + 8, &error));
        assert_int_equal(error.code, 2);
        assert_non_null(strstr(error.message, "damaged"));
        free(exact);
    }
}

/* Names that a file cannot hold are refused before anything is written. */
static void test_names(void **state) {
    (void)state;
    static float x[1] = {1};
    static const struct {
        const char *a, *b, *message;
    } cases[] = {
        {"__metadata__", "b", "the format's own"}, {"a", "a", "two have that name"}, {"\xff", "b", "memory"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VtNamedTensor tensors[] = {{{.name = cases[i].a, .dtype = VT_F32, .rank = 1, .dim = {1}}, x},
                                   {{.name = cases[i].b, .dtype = VT_F32, .rank = 1, .dim = {1}}, x}};
        VtError error = {0};
        assert_false(vt_tensors_write("/tmp/vitc-names.safetensors", tensors, 2, NULL, &error));
        assert_non_null(strstr(error.message, cases[i].message));
        assert_int_not_equal(access("/tmp/vitc-names.safetensors", F_OK), 0);
    }
}

/* What is no regular file is refused at once. */
static void test_no_file(void **state) {
    (void)state;
    char made[] = "/tmp/vitc-fifo-XXXXXX", path[64];
    VtError error;
    assert_non_null(mkdtemp(made));
    snprintf(path, sizeof path, "%s/fifo", made);
    assert_int_equal(mkfifo(path, 0600), 0);
    const char *const paths[] = {path, made, "/dev/zero"};
    for (int i = 0; i < 3; i++) {
        assert_null(vt_tensors_open(paths[i], &error));
        assert_int_equal(error.code, 2);
        assert_non_null(strstr(error.message, "no regular file"));
    }
    int sparse = open(path, O_RDWR | O_NONBLOCK);
    close(sparse);
    unlink(path);
    sparse = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(ftruncate(sparse, (off_t)1 << 40), 0);
    close(sparse);
    assert_null(vt_tensors_open(path, &error));
    unlink(path);
    rmdir(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forged),     cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_full_disk),  cmocka_unit_test(test_every_bit),
                                       cmocka_unit_test(test_short_sums), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_no_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
