/* Evaluation as a user meets it: what `eval knn` used, what it leaves out, what it refuses, and a model that has
 * diverged. */
#include "tests/driver/runs.h"
#include "tests/runtime/images.h"

#include <signal.h>
#include <sys/stat.h>

#define RECIPE                                                                                               \
    "quickstart width=16 depth=1 heads=2 hidden=16 out_dim=8 batch=8 epochs=1 train.knn.k=3 --plain "        \
    "--threads 1"

static void put_image(const char *split, const char *class, int number, bool cut) {
    char path[256];
    snprintf(path, sizeof path, "mkdir -p %s/data/%s/%s", folder, split, class);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/data/%s/%s/%d.png", folder, split, class, number);
    VtImage image = make_image(32, 32, number);
    Encoded png = png_of(&image);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(png.bytes, 1, cut ? png.size / 2 : png.size, file),
                     cut ? png.size / 2 : png.size);
    fclose(file);
    free(png.bytes);
    vt_image_free(&image);
}

/* Two classes; one test image is cut in half. */
static int make_data(void **state) {
    if (make_folder(state) != 0) return -1;
    for (int i = 0; i < 16; i++) put_image("train", i % 2 ? "odd" : "even", i, false);
    for (int i = 0; i < 6; i++) put_image("test", i % 2 ? "odd" : "even", 100 + i, i == 5);
    return 0;
}

static int eval(const char *arguments) {
    return run_command("%s eval knn %s/run --data %s/data --threads 1 %s", VITC_BINARY, folder, folder,
                       arguments);
}

static void test_broken_image_is_skipped(void **state) {
    (void)state;
    assert_int_equal(
        run_command("%s train " RECIPE " --data %s/data --out %s/run --steps 1", VITC_BINARY, folder, folder),
        0);
    assert_true(said("skipped in evaluation: 1 of 6 test images, the first:"));
    assert_true(said("skipped: 1 broken"));
    assert_int_equal(run_command("%s train " RECIPE " --data %s/data --out %s/strict --max-broken 0",
                                 VITC_BINARY, folder, folder),
                     1);
    assert_true(said("broken images: 1, more than the 0 allowed"));
    assert_int_equal(eval("--k 3"), 0);
    assert_true(said("skipped: 1 broken"));
    assert_int_equal(eval("--k 3 --max-broken 0"), 1);
    assert_true(said("more than the 0 allowed"));
}

static void test_says_what_was_used(void **state) {
    (void)state;
    assert_int_equal(eval("--k 3 --temperature 0.001"), 0);
    assert_true(said(
        "features: encoder(images), 16 dimensions, L2-normalised; view: images, 32 px; checkpoint: step 1"));
    assert_true(said("3-NN: top-1 "));
    assert_true(said("T 0.001"));
    assert_true(said("(16 training and 5 test images, 2 classes"));
    assert_int_equal(eval(""), 0);
    assert_true(said("of k = 10, 20, 100, 200 those that 16 training images allow"));
    assert_true(said("10-NN: "));
    assert_false(log_holds("20-NN: "));
}

static void test_refusals(void **state) {
    (void)state;
    assert_int_equal(eval("--k 17"), 2);
    assert_true(said("--k 17: there are 16 training images"));
    assert_int_equal(eval("--k 9 --limit 8"), 2);
    assert_int_equal(eval("--k 2.7"), 2);
    assert_int_equal(eval("--k 0"), 2);
    assert_int_equal(eval("--temperature 0"), 2);
    assert_int_equal(run_command("%s train " RECIPE " train.knn.k=17 --data %s/data --out %s/many",
                                 VITC_BINARY, folder, folder),
                     2);
    assert_true(said("train.knn.k = 17 neighbours of 16 labelled training images"));
    static const char *const ranges[] = {"train.knn.temperature=0",   "train.knn.temperature=-1",
                                         "train.knn.temperature=1e9", "train.knn.k=0",
                                         "train.knn.k=2.5",           "train.knn.every=-1"};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        assert_int_equal(run_command("%s check quickstart %s", VITC_BINARY, ranges[i]), 2);
}

/* Without classes there is no k-NN, but training, and the spread of features, need none. */
static void test_no_labels(void **state) {
    (void)state;
    assert_int_equal(run_command("mkdir %s/flat && cp %s/data/train/*/*.png %s/flat", folder, folder, folder),
                     0);
    assert_int_equal(run_command("%s train " RECIPE " train.knn.every=1 --data %s/flat --out %s/unlabelled",
                                 VITC_BINARY, folder, folder),
                     0);
    assert_true(said("no online k-NN: there is no test split"));
    assert_true(said("features: std "));
    assert_int_equal(run_command("grep -q features.rank %s/unlabelled/metrics.jsonl", folder), 0);
    assert_int_equal(run_command("%s eval knn %s/run --data %s/flat", VITC_BINARY, folder, folder), 2);
}

/* A signal that comes in the first k-NN does not wait for its end: all is saved before it was done. */
static void test_stopped_in_knn(void **state) {
    (void)state;
    char command[1024], begun[128];
    snprintf(begun, sizeof begun, "%s/stopped/metrics.jsonl", folder); /* made right before the first k-NN */
    snprintf(command, sizeof command,
             "exec %s train quickstart width=192 depth=6 --data synthetic:40000 --plain --out %s/stopped "
             ">%s/log 2>&1",
             VITC_BINARY, folder, folder);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1200 && access(begun, F_OK) != 0; i++) usleep(50000);
    usleep(100000);
    kill(child, SIGTERM);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(said("stopped by signal 15"));
    assert_true(said("at step 0; saved"));
    assert_false(log_holds("k-NN top-1"));
}

/* Weights that have overflowed give no percentage. */
static void test_diverged(void **state) {
    (void)state;
    assert_int_equal(
        run_command("%s train " RECIPE
                    " peak_lr=1e38 epochs=40 train.knn.every=0.5 --data %s/data --out %s/diverged",
                    VITC_BINARY, folder, folder),
        1);
    char *log = read_log();
    assert_null(strstr(log, "nan"));
    assert_true(strstr(log, "NaN") || strstr(log, "infinite") || strstr(log, "not finite"));
    free(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_broken_image_is_skipped),
                                       cmocka_unit_test(test_says_what_was_used),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_no_labels),
                                       cmocka_unit_test(test_stopped_in_knn),
                                       cmocka_unit_test(test_diverged)};
    return cmocka_run_group_tests(tests, make_data, remove_folder);
}
