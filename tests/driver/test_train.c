/* `vitc train` as a user runs it: killed and resumed to the same bits, with 1 and 2 threads, stopped by a signal,
 * refused, and NaN. */
#include "tests/driver/runs.h"

#include <signal.h>
#include <sys/stat.h>

#define RECIPE                                                                                               \
    "quickstart width=24 depth=1 heads=2 hidden=16 out_dim=8 batch=32 epochs=1 train.checkpoint_every=0.1 "  \
    "train.knn.every=0"
#define DATA "--data synthetic:640 --plain"

static int run(const char *arguments, const char *name, const char *more) {
    return run_command("%s train %s " DATA " --out %s/%s %s", VITC_BINARY, arguments, folder, name, more);
}

static void test_killed_and_resumed(void **state) {
    (void)state;
    assert_int_equal(run(RECIPE, "whole", "--threads 2"), 0);
    for (int attempt = 0; attempt < 3; attempt++) {
        char out[128];
        snprintf(out, sizeof out, "%s/killed", folder);
        pid_t child = fork();
        if (child == 0) {
            char command[2048];
            snprintf(command, sizeof command,
                     "exec %s train " RECIPE " " DATA " --out %s --threads 2 --resume >/dev/null 2>&1",
                     VITC_BINARY, out);
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
            _exit(127);
        }
        usleep(400000 + 150000 * (useconds_t)attempt); /* somewhere in the run, or after it */
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    assert_int_equal(run(RECIPE, "killed", "--threads 2 --resume"), 0);
    assert_same("whole", "killed");
}

static void test_threads(void **state) {
    (void)state;
    assert_int_equal(run(RECIPE, "one", "--threads 1 --workers 1"), 0);
    assert_int_equal(run(RECIPE, "three", "--threads 3 --workers 2"), 0);
    assert_same("one", "three");
    assert_same("one", "whole");
}

#define LONG "quickstart width=24 depth=1 heads=2 hidden=16 out_dim=8 batch=32 epochs=1000 train.knn.every=0"

/* SIGTERM once the first step is logged: the step is finished, all is saved, and the run can go on. */
static void test_signal(void **state) {
    (void)state;
    char metrics[128];
    struct stat status;
    snprintf(metrics, sizeof metrics, "%s/stopped/metrics.jsonl", folder);
    pid_t child = fork();
    if (child == 0) {
        char command[2048];
        snprintf(command, sizeof command, "exec %s train " LONG " " DATA " --out %s/stopped >%s/log 2>&1",
                 VITC_BINARY, folder, folder);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1200 && !(stat(metrics, &status) == 0 && status.st_size > 0); i++) usleep(100000);
    int code = -1;
    kill(child, SIGTERM);
    waitpid(child, &code, 0);
    assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGTERM); /* so that a scheduler starts it again */
    assert_true(said("stopped by signal 15"));
    assert_int_equal(run(LONG, "stopped", "--resume --minutes 0.01"), 0);
    assert_true(said("resumed from"));
}

/* The recipe a run saves holds the library modules it was made of: neither resume nor eval asks for them. */
static void test_saved_recipe(void **state) {
    (void)state;
    char saved[128];
    snprintf(saved, sizeof saved, "%s/apart/recipe.yaml", folder);
    assert_int_equal(run(RECIPE, "apart", "--steps 4"), 0);
    setenv("VITC_MODELS", "/nonexistent", 1);
    assert_int_equal(run(saved, "apart", "--resume"), 0);
    assert_int_equal(run_command("%s eval knn %s/apart --data synthetic:640", VITC_BINARY, folder), 0);
    unsetenv("VITC_MODELS");
    assert_same("whole", "apart");
}

/* Weights that are kept packed across steps: made anew after a resume, in no checkpoint, and read by eval. */
static void test_packed_weights(void **state) {
    (void)state;
    static const char recipe[] = "quickstart width=64 depth=1 heads=2 hidden=32 out_dim=32 batch=32 epochs=1 "
                                 "train.precision=bf16 train.knn.every=0";
    assert_int_equal(run_command("%s inspect %s --memory", VITC_BINARY, recipe), 0);
    assert_true(said("derived"));
    assert_int_equal(run(recipe, "packed", "--threads 2"), 0);
    assert_int_equal(run(recipe, "packed.again", "--threads 1 --steps 3"), 0);
    assert_int_equal(run(recipe, "packed.again", "--threads 3 --resume --steps 4"), 0);
    assert_int_equal(run(recipe, "packed.again", "--threads 1 --resume"), 0);
    assert_same("packed", "packed.again");
    char path[128];
    snprintf(path, sizeof path, "%s/packed/checkpoint.safetensors", folder);
    VtError error;
    VtTensorFile *file = vt_tensors_open(path, &error);
    assert_non_null(file);
    for (int i = 0; i < vt_tensors_count(file); i++) assert_null(strstr(vt_tensors_name(file, i), "packed"));
    vt_tensors_close(file);
    static const char eval[] = "%s eval knn %s/%s --data synthetic:640 --json %s/eval.json";
    assert_int_equal(run_command(eval, VITC_BINARY, folder, "packed", folder), 0);
    char *first = read_log();
    assert_int_equal(run_command(eval, VITC_BINARY, folder, "packed.again", folder), 0);
    char *second = read_log();
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void test_refusals(void **state) {
    (void)state;
    assert_int_equal(run(RECIPE, "whole", ""), 2);
    assert_true(said("holds a run already"));
    assert_int_equal(
        run("quickstart width=32 depth=1 heads=2 hidden=16 out_dim=8 batch=32 epochs=1", "whole", "--resume"),
        2);
    assert_true(said("knobs.width: 24 -> 32"));
    assert_int_equal(run("quickstart width=32 depth=1 heads=2 hidden=16 out_dim=8 batch=32 epochs=1", "whole",
                         "--resume --force"),
                     2);
    assert_true(said("another shape"));
    assert_int_equal(run("quickstart batch=1000", "large", ""), 2);
    assert_true(said("fewer than one batch"));
    assert_int_equal(run("quickstart widht=3", "typo", ""), 2);
    assert_true(said("did you mean 'width'?"));
}

static void test_nan(void **state) {
    (void)state;
    assert_int_equal(run(RECIPE " peak_lr=1e30", "nan", ""), 1);
    assert_true(said("loss.contrast is"));
    assert_true(said("nan/checkpoint.safetensors (step 2) is no help: the next step from it is not finite"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_and_resumed),
                                       cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_signal),
                                       cmocka_unit_test(test_saved_recipe),
                                       cmocka_unit_test(test_packed_weights),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_nan)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
