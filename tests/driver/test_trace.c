/* The first value that is not finite is named by the recipe's line: in training that diverges, and by `vitc run
 * --trace-nan`. */
#include "tests/driver/runs.h"

#include <math.h>

/* `body`: the lines of the loss. */
static void write_recipe(const char *name, const char *body) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fprintf(
        file,
        "recipe: trace\n"
        "use: [lib/nn.yaml, lib/optimizers.yaml]\n"
        "views: {x: {size: 8, augment: [normalize]}}\n"
        "networks: {f: \"linear(reshape(x, dim(x, 0), -1), 4)\"}\n"
        "objectives:\n"
        "  small:\n"
        "    loss: |\n"
        "%s"
        "train: {batch: 16, epochs: 2, checkpoint_every: 0.25, optimizer: \"adamw(param, grad, 0.001)\"}\n",
        body);
    fclose(file);
}

static int train(const char *recipe, const char *out, const char *more) {
    return run_command("%s train %s --data synthetic:64 --plain --threads 1 --out %s %s", VITC_BINARY,
                       path_of(recipe), path_of(out), more);
}

#define LOGS "      y = relu(f(x))\n      z = y * 2\n      return mean(log(z))\n"

static void test_training_names_the_line(void **state) {
    (void)state;
    write_recipe("logs.yaml", LOGS);
    assert_int_equal(train("logs.yaml", "logs", ""), 1);
    assert_true(
        said("logs.yaml:10:19: error: the first value that is not finite: log is minus infinite in "));
    assert_true(said("        return mean(log(z))\n"));
    assert_true(said(", there 0"));
    assert_true(said("step 1: loss.small is infinite"));
}

static void test_loop(void **state) {
    (void)state;
    write_recipe("loop.yaml",
                 "      y = relu(f(x))\n      k = argmax(y)\n      repeat 3:\n        y = log(y)\n"
                 "        k = argmax(y)\n      return mean(y) + mean(cast(k, 'f32'))\n");
    assert_int_equal(train("loop.yaml", "loop", ""), 1);
    assert_true(said("loop.yaml:10:7: error: the first value that is not finite: loop is "));
    assert_true(said("operand 1 f32[16x4] is from 0 to "));
}

/* The loss is finite, its gradient is not: 0/0 goes into the weights, and the step before the loss shows it is
 * traced. */
static void test_gradient(void **state) {
    (void)state;
    write_recipe("gradient.yaml", "      y = f(x) * 0\n      return mean(sqrt(y * y))\n");
    assert_int_equal(train("gradient.yaml", "gradient", ""), 1);
    assert_true(said("step 1 again, every value looked at"));
    assert_true(
        said("gradient.yaml:9:19: error: the first value that is not finite: in the gradient of this, "));
}

/* The file changes while the run goes on: the recipe that the run saved is shown. The step counter makes it fail in
 * time. */
static void test_recipe_changes(void **state) {
    (void)state;
    write_recipe("changes.yaml",
                 "      return mean(f(x) ** 2) + log(where(mean(x) > -99, 5000 - step, 1))\n");
    char command[1024];
    snprintf(command, sizeof command,
             "(until [ -s %s/metrics.jsonl ]; do sleep 0.01; done; sed -i 's/trace/traced/' %s) & true",
             path_of("changes"), path_of("changes.yaml"));
    assert_int_equal(system(command), 0);
    assert_int_equal(train("changes.yaml", "changes", "train.epochs=1e5 train.checkpoint_every=100"), 1);
    assert_true(said("changes/recipe.yaml:"));
    assert_true(said("error: the first value that is not finite: log is minus infinite\n"));
}

/* What is not finite for the epochs of these data is refused before the run begins, and nothing is written; from the
 * cache too. */
static void test_before_the_run(void **state) {
    (void)state;
    write_recipe("epochs.yaml", "      return mean(f(x) ** 2) / (steps_per_epoch - 4)\n");
    for (int cached = 0; cached < 2; cached++) {
        assert_int_equal(train("epochs.yaml", "epochs", ""), 2);
        assert_true(said("any value / 0 is not finite") || said("values from 0 / 0 is not finite"));
        assert_true(said("at step 0 (epoch 0 of 2, of 4 steps each)"));
        assert_int_not_equal(access(path_of("epochs"), F_OK), 0);
    }
}

/* A harmless infinity that nothing depends on is not it. */
static void test_finite(void **state) {
    (void)state;
    VtError error;
    float *x = calloc(16 * 3 * 8 * 8, sizeof *x), *weight = calloc(4 * 192, sizeof *weight),
          bias[4] = {1, 2, 3, 4};
    VtNamedTensor tensors[] = {{{"x", VT_F32, 4, {16, 3, 8, 8}}, x},
                               {{"f.weight", VT_F32, 2, {4, 192}}, weight},
                               {{"f.bias", VT_F32, 1, {4}}, bias}};
    write_recipe("where.yaml",
                 "      y = f(x)\n      return mean(where(y > 2.5, log(y), log(y - 2.5) * 0 + y))\n");
    write_recipe("good.yaml", "      y = f(x)\n      return mean(where(y > 2.5, log(y - 2.5), y))\n");
    const char *call = "%s run %s --in %s --out %s --trace-nan --threads 1";
    assert_true(vt_tensors_write(path_of("in"), tensors, 3, NULL, &error));
    assert_int_equal(run_command(call, VITC_BINARY, path_of("good.yaml"), path_of("in"), path_of("out")), 0);
    assert_true(said("is finite"));
    assert_int_equal(run_command(call, VITC_BINARY, path_of("where.yaml"), path_of("in"), path_of("out")), 1);
    assert_true(
        said("where.yaml:9:42: error: the first value that is not finite: log is NaN in 32 of 64 places"));
    bias[3] = INFINITY;
    assert_true(vt_tensors_write(path_of("in"), tensors, 3, NULL, &error));
    assert_int_equal(run_command(call, VITC_BINARY, path_of("good.yaml"), path_of("in"), path_of("out")), 1);
    assert_true(said("state 'f.bias' is infinite in 1 of 4 places, first at [3] before the function runs"));
    free(x);
    free(weight);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_training_names_the_line),
                                       cmocka_unit_test(test_gradient),
                                       cmocka_unit_test(test_loop),
                                       cmocka_unit_test(test_before_the_run),
                                       cmocka_unit_test(test_recipe_changes),
                                       cmocka_unit_test(test_finite)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
