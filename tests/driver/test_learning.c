/* Every recipe of models/ learns: 200 steps of its preset `tiny` on procedural images lower the loss, and the features
 * do not collapse. Their standard deviation and effective rank are printed. One thread computes the bits of two. */
#include "tests/driver/runs.h"
#include "tests/driver/shipped.h"

#include <jansson.h>
#include <math.h>

enum { STEPS = 200, SOME = 20, AGAIN = 3 };
/* Of normalised features: a collapsed encoder has 0.03 and 1.3 or less (runtime/training/monitor.c). */
#define LEAST_STD 0.05
#define LEAST_RANK 1.5

typedef struct {
    double losses[STEPS];
    int n;
    double std, rank; /* the last that was logged */
} Log;

static void read_metrics(const char *name, Log *log) {
    char line[1 << 14], path[64];
    snprintf(path, sizeof path, "%s/metrics.jsonl", name);
    FILE *file = fopen(path_of(path), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, 0, NULL);
        const json_t *loss = json_object_get(object, "loss"), *std = json_object_get(object, "features.std"),
                     *rank = json_object_get(object, "features.rank");
        if (loss && log->n < STEPS) log->losses[log->n++] = json_number_value(loss);
        if (std) log->std = json_number_value(std);
        if (rank) log->rank = json_number_value(rank);
        json_decref(object);
    }
    fclose(file);
}

static double mean(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] / n;
    return sum;
}

/* Trains into folder/NAME on so many threads; the program is compiled once for both. */
static void train(const char *recipe, const char *name, int steps, int threads) {
    assert_int_equal(
        run_command("cd %s && rm -rf %s && VITC_CACHE=programs %s train %s preset=tiny train.epochs=5 "
                    "train.knn.every=0 train.checkpoint_every=0 --data synthetic:640 --plain --out %s "
                    "--steps %d --threads %d",
                    folder, name, VITC_BINARY, recipe, name, steps, threads),
        0);
}

static void test_learns(void **state) {
    const char *recipe = *state;
    if (SANITIZED) skip(); /* test_recipes takes some steps of each */
    Log log = {.std = NAN, .rank = NAN}, again = {.n = 0};
    train(recipe, "run", STEPS, 2);
    read_metrics("run", &log);
    double first = mean(log.losses, SOME), last = mean(log.losses + log.n - SOME, SOME);
    print_message("  loss %.4f to %.4f, features: std %.3f, rank %.2f\n", first, last, log.std, log.rank);
    assert_int_equal(log.n, STEPS);
    assert_true(last < first);
    assert_true(log.std > LEAST_STD && log.rank > LEAST_RANK);

    train(recipe, "again", AGAIN, 1);
    read_metrics("again", &again);
    assert_int_equal(again.n, AGAIN);
    for (int i = 0; i < AGAIN; i++) assert_true(again.losses[i] == log.losses[i]);
}

int main(void) {
    struct CMUnitTest tests[MOST_SHIPPED];
    int n = shipped_tests(test_learns, tests);
    return _cmocka_run_group_tests("learning", tests, (size_t)n, make_folder, remove_folder);
}
