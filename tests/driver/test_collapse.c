/* A run that collapses says so, once; one that learns says nothing; the spread and rank of features are always
 * logged. */
#include "tests/driver/runs.h"

#define FLAGS "--data synthetic:320 --plain --threads 1"

static void write_recipe(const char *name, const char *loss, const char *train) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fprintf(file,
            "recipe: views\n"
            "use: [lib/nn.yaml, lib/heads.yaml, lib/optimizers.yaml]\n"
            "views:\n"
            "  view: {count: 2, size: 16, augment: [{random_resized_crop: {scale: [0.3, 1]}}, normalize]}\n"
            "  images: {size: 16, augment: [normalize]}\n"
            "networks: {f: \"fc2: linear(relu((fc1: linear(reshape(x, dim(x, 0), -1), 32))), 16)\"}\n"
            "objectives:\n"
            "  agree:\n"
            "    loss: |\n"
            "      z = [f(v) for v in view]\n"
            "%s"
            "embed: {view: images, features: f(images)}\n"
            "train: {batch: 32, optimizer: \"adamw(param, grad, 0.003)\", %s}\n",
            loss, train);
    fclose(file);
}

static int count(const char *text) {
    char *log = read_log();
    int n = 0;
    for (const char *at = log; (at = strstr(at, text)); at++) n++;
    free(log);
    return n;
}

static int train(const char *recipe, const char *out) {
    return run_command("%s train %s " FLAGS " --out %s", VITC_BINARY, path_of(recipe), path_of(out));
}

/* Nothing but agreement is asked for: all images become the same. */
static void test_features(void **state) {
    (void)state;
    write_recipe("same.yaml", "      return mean(sum((normalize(z[0]) - normalize(z[1])) ** 2, 1))\n",
                 "epochs: 30, knn: {every: 5, k: 5}");
    assert_int_equal(train("same.yaml", "same"), 0);
    assert_int_equal(count("warning:"), 1);
    assert_true(said("warning: the features "));
    assert_true(said("they have collapsed"));
}

/* The outputs are uniform: the loss stays at ln 16, the size of the last layer. */
static void test_uniform(void **state) {
    (void)state;
    write_recipe("uniform.yaml", "      return cross_entropy(0 * z[0], softmax(z[1]))\n",
                 "epochs: 15, knn: {every: 0}");
    assert_int_equal(train("uniform.yaml", "uniform"), 0);
    assert_int_equal(count("warning:"), 1);
    assert_true(said("loss.agree has stayed at 2.7726 for 100 steps. That is ln 16, the loss of a uniform "
                     "guess among 16"));
}

static void test_learns(void **state) {
    (void)state;
    write_recipe("apart.yaml", "      return info_nce(z[0], z[1], 0.2)\n", "epochs: 15");
    assert_int_equal(train("apart.yaml", "apart"), 0);
    assert_int_equal(count("warning:"), 0);
    assert_true(said("features: std "));
    static const char command[] =
        "grep -c '\"features.std\":[0-9.e-]*,\"features.rank\":[0-9.]*' %s/metrics.jsonl"; /* each epoch */
    char grep[256];
    snprintf(grep, sizeof grep, command, path_of("apart"));
    assert_int_equal(run_command("%s", grep), 0);
    assert_true(said("15"));
}

/* Features of 0 have no neighbours: training says so and goes on; evaluation refuses. */
static void test_zero(void **state) {
    (void)state;
    write_recipe("zero.yaml", "      return info_nce(z[0], z[1], 0.2)\n", "epochs: 2, knn: {every: 1, k: 5}");
    assert_int_equal(run_command("sed -i 's/features: f(images)/features: relu(0 * f(images) - 1)/' %s",
                                 path_of("zero.yaml")),
                     0);
    assert_int_equal(train("zero.yaml", "zero"), 0);
    assert_true(said("no k-NN: the features of all images are zero"));
    assert_int_equal(count("warning:"), 1);
    assert_true(said("warning: the features of all images are nearly the same"));
    assert_int_equal(run_command("%s eval knn %s --data synthetic:320", VITC_BINARY, path_of("zero")), 1);
    assert_true(said("the features of all 320 training images are zero"));
}

/* Features that overflow for bright images alone: all of them are counted, and there is no percentage. */
static void test_some_not_finite(void **state) {
    (void)state;
    write_recipe("some.yaml", "      return info_nce(z[0], z[1], 0.2)\n", "epochs: 2, knn: {every: 1, k: 5}");
    assert_int_equal(run_command("sed -i 's/features: f(images)/features: \"f(images) * exp(1000 * "
                                 "(reshape(max(images, axis=(1, 2, 3)), -1, 1) - 2))\"/' %s",
                                 path_of("some.yaml")),
                     0);
    assert_int_equal(train("some.yaml", "some"), 1);
    assert_true(said(" of 320 images are NaN or infinite, first those of "));
    assert_false(log_holds("of 320 of 320"));
    assert_false(log_holds("k-NN top-1"));
}

/* What is logged and is no number is said. */
static void test_metric_is_nan(void **state) {
    (void)state;
    write_recipe("nan.yaml", "      return info_nce(z[0], z[1], 0.2)\n", "epochs: 1");
    FILE *file = fopen(path_of("nan.yaml"), "a");
    assert_non_null(file);
    fputs("metrics: {odd: \"log(mean(view[0]) - 1000)\"}\n", file);
    fclose(file);
    assert_int_equal(train("nan.yaml", "nan"), 0);
    assert_int_equal(count("warning: odd is NaN"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features),        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_learns),          cmocka_unit_test(test_zero),
        cmocka_unit_test(test_some_not_finite), cmocka_unit_test(test_metric_is_nan)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
