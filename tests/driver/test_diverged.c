/* Training that diverges: nothing that is not finite is saved, and the checkpoint that the message names can be
 * used. */
#include "tests/driver/runs.h"

#define RECIPE                                                                                               \
    "quickstart width=24 depth=1 heads=2 hidden=16 out_dim=8 batch=32 epochs=20 train.checkpoint_every=0.1 " \
    "train.knn.every=0"
#define FLAGS "--data synthetic:640 --plain --threads 1"

/* The weights saved last give NaN in the next step, and those before them do not. */
static void test_usable_checkpoint(void **state) {
    (void)state;
    assert_int_equal(
        run_command("%s train " RECIPE " peak_lr=1e4 " FLAGS " --out %s/fast", VITC_BINARY, folder), 1);
    assert_true(said("loss.contrast is NaN"));
    assert_true(said("fast/checkpoint.safetensors (step 8) is no help: the next step from it is not finite"));
    assert_true(said("The last good checkpoint is"));
    assert_true(said("checkpoint.previous.safetensors (step 6, next loss "));
    assert_true(said("is on its way out: 'projector.0.weight' has a weight of"));
    assert_true(said("; --resume --previous continues from it"));
    assert_int_equal(run_command("%s train " RECIPE " peak_lr=1e4 " FLAGS
                                 " --out %s/fast --resume --previous --steps 7",
                                 VITC_BINARY, folder),
                     0);
}

static void test_no_checkpoint(void **state) {
    (void)state;
    assert_int_equal(run_command("%s train " RECIPE " peak_lr=1e38 train.checkpoint_every=0 " FLAGS
                                 " --out %s/none",
                                 VITC_BINARY, folder),
                     1);
    assert_true(said("There is no checkpoint yet"));
    char path[128];
    snprintf(path, sizeof path, "%s/none/checkpoint.safetensors", folder);
    assert_int_equal(access(path, F_OK), -1);
}

/* No loss reads it, and yet it is never saved: a checkpoint is finite. */
static void test_state_overflows(void **state) {
    (void)state;
    static const char recipe[] =
        "recipe: overflow\n"
        "use: [lib/nn.yaml, lib/optimizers.yaml]\n"
        "views: {x: {size: 8, augment: [normalize]}}\n"
        "networks: {f: \"linear(reshape(x, dim(x, 0), -1), 4)\"}\n"
        "state: {grows: 'ones(3)'}\n"
        "objectives:\n"
        "  small:\n"
        "    loss: mean(f(x) ** 2)\n"
        "    update: |\n"
        "      grows := 1e20 * grows\n"
        "train: {batch: 16, epochs: 2, checkpoint_every: 0.25, optimizer: 'adamw(param, grad, 0.001)'}\n";
    char path[128];
    snprintf(path, sizeof path, "%s/overflow.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(recipe, file);
    fclose(file);
    assert_int_equal(run_command("%s train %s --data synthetic:64 --plain --threads 1 --out %s/over",
                                 VITC_BINARY, path, folder),
                     1);
    assert_true(said("step 2: 3 of the 3 values of state 'grows' are NaN or infinite"));
    assert_true(said("over/checkpoint.safetensors (step 1) is no help"));
}

/* A metric may be called as it likes, and be infinite: it is no loss. However many there are, all are logged. */
static void test_metrics_are_no_losses(void **state) {
    (void)state;
    enum { METRICS = 200 };
    FILE *file = fopen(path_of("metrics.yaml"), "w");
    assert_non_null(file);
    fputs("recipe: many\n"
          "use: [lib/nn.yaml, lib/optimizers.yaml]\n"
          "views: {x: {size: 8, augment: [normalize]}}\n"
          "networks: {f: \"linear(reshape(x, dim(x, 0), -1), 4)\"}\n"
          "objectives: {small: {loss: mean(f(x) ** 2)}}\n"
          "schedules: {lr: 0.0 * step + 0.001, wd: 0.0 * step + 0.02}\n"
          "train: {batch: 16, epochs: 1, optimizer: 'adamw(param, grad, lr, wd)'}\n"
          "metrics:\n  losses_ratio: 1 / max(mean(x) - 1000000, 0)\n",
          file);
    for (int i = 0; i < METRICS; i++) fprintf(file, "  m%d: mean(x) + %d\n", i, i);
    fclose(file);
    assert_int_equal(run_command("%s train %s --data synthetic:64 --plain --threads 1 --out %s/many",
                                 VITC_BINARY, path_of("metrics.yaml"), folder),
                     0);
    assert_true(said("warning: losses_ratio is infinite") || said("warning: losses_ratio is NaN"));
    assert_true(said("loss.small ") && said("  lr 0.001  "));
    assert_false(log_holds("  wd 0.02") || log_holds("  losses_ratio "));
    char line[1 << 14];
    file = fopen(path_of("many/metrics.jsonl"), "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_true(strstr(line, "\"m0\":") && strstr(line, "\"m199\":") &&
                strstr(line, "\"losses_ratio\":null"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usable_checkpoint), cmocka_unit_test(test_no_checkpoint),
        cmocka_unit_test(test_state_overflows), cmocka_unit_test(test_metrics_are_no_losses)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
