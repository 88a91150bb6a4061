/* metrics.jsonl: every line whole, whatever is in a name; on resume only lines of later steps go. */
#include "runtime/runtime.h"

#include <jansson.h>
#include <math.h>
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

static char made[] = "/tmp/vitc-metrics-XXXXXX", path[64];

static int begin(void **state) {
    (void)state;
    if (!mkdtemp(made)) return -1;
    snprintf(path, sizeof path, "%s/metrics.jsonl", made);
    return 0;
}

static int end(void **state) {
    (void)state;
    unlink(path);
    return rmdir(made);
}

static void put(const char *text) {
    FILE *file = fopen(path, "w");
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static const char *text_of_file(void) {
    static char text[4096];
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void test_names(void **state) {
    (void)state;
    static const char *const names[] = {"a\"b",  "a\\b", "line\nfeed\x1b[31m", "größe 😀", "step",
                                        "epoch", "nan"};
    static const double values[] = {1, 2.5, -1e-30, 1e300, 5, 6, NAN};
    VtError error;
    int64_t unreadable;
    VtMetrics *metrics = vt_metrics_open(path, 0, 10, &unreadable, &error);
    assert_non_null(metrics);
    assert_true(vt_metrics_write(metrics, 3, 0.25, 7, names, values, &error));
    assert_false(vt_metrics_write(metrics, 3, 0.25, 1, (const char *const[]){"\xff"}, values, &error));
    assert_true(vt_metrics_sync(metrics, &error));
    vt_metrics_close(metrics);
    json_t *line = json_loads(text_of_file(), 0, NULL);
    assert_true(json_is_object(line) && json_object_size(line) == 9);
    assert_int_equal(json_integer_value(json_object_get(line, "step")), 3);
    for (int i = 0; i < 4; i++)
        assert_float_equal(json_number_value(json_object_get(line, names[i])) / values[i], 1, 1e-8);
    assert_float_equal(json_number_value(json_object_get(line, "value.step")), 5, 0);
    assert_true(json_is_null(json_object_get(line, "nan")));
    json_decref(line);
}

static void test_resume(void **state) {
    (void)state;
    static const struct {
        const char *before;
        int64_t step, unreadable;
        const char *after;
    } cases[] = {
        {"{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n", 2, 0, "{\"step\":1}\n{\"step\":2}\n"},
        {"{\"step\":1}\n{\"st#p\":2\n{\"step\":3}\n{\"step\":4}\n", 3, 1,
         "{\"step\":1}\n{\"st#p\":2\n{\"step\":3}\n"},
        {"{\"step\":1}\n\x01\xff\n[]\n{\"step\":\"2\"}\n{\"step\":3}\n{\"step\":9}", 3, 3,
         "{\"step\":1}\n\x01\xff\n[]\n{\"step\":\"2\"}\n{\"step\":3}\n"},
        {"{\"step\":1}\n{\"step\":2,\"lo", 2, 0, "{\"step\":1}\n"}, /* cut short by a kill */
        {"{\"step\":1}\n{\"step\":9,\"lo", 2, 0, "{\"step\":1}\n"},
        {"{\"step\":1}\n{\"step\":2}", 2, 0, "{\"step\":1}\n{\"step\":2}\n"},
        {"{\"step\":1}\n", 0, 0, ""}, /* a run that begins anew */
        {"", 5, 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VtError error;
        int64_t unreadable;
        put(cases[i].before);
        VtMetrics *metrics = vt_metrics_open(path, cases[i].step, 10, &unreadable, &error);
        assert_non_null(metrics);
        vt_metrics_close(metrics);
        assert_string_equal(text_of_file(), cases[i].after);
        assert_int_equal(unreadable, cases[i].unreadable);
    }
}

/* A line that does not fit on the disk is told, and does not stand there by half. */
static void test_full_disk(void **state) {
    (void)state;
    static const char *const names[] = {"loss"};
    struct rlimit limit = {1024, RLIM_INFINITY}, before;
    VtError error = {0};
    int64_t unreadable;
    VtMetrics *metrics = vt_metrics_open(path, 0, 10, &unreadable, &error);
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    int n = 0;
    while (n < 100 && vt_metrics_write(metrics, n, 0.1 * n, 1, names, (double[]){1.0 / 3}, &error)) n++;
    setrlimit(RLIMIT_FSIZE, &before);
    vt_metrics_close(metrics);
    assert_true(n > 10 && n < 100);
    assert_int_equal(error.code, 1);
    assert_non_null(strstr(error.message, "metrics.jsonl"));
    int lines = 0;
    const char *text = text_of_file();
    for (const char *at = text; *at; at++) lines += *at == '\n';
    assert_int_equal(lines, n);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void test_no_file(void **state) {
    (void)state;
    VtError error;
    int64_t unreadable;
    for (int i = 0; i < 3; i++) {
        unlink(path);
        assert_int_equal(i == 0   ? mkfifo(path, 0600)
                         : i == 1 ? symlink("/etc/hostname", path)
                                  : mkdir(path, 0700),
                         0);
        assert_null(vt_metrics_open(path, 3, 10, &unreadable, &error));
        assert_int_equal(error.code, 2);
    }
    rmdir(path);
    put("");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_resume),
                                       cmocka_unit_test(test_full_disk), cmocka_unit_test(test_no_file)};
    return cmocka_run_group_tests(tests, begin, end);
}
