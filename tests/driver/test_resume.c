/* A run is continued as it was, from what is whole, or not at all; a refusal changes nothing in its folder. */
#include "tests/driver/runs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

/* One that compiles in no time; %s/small.yaml. */
static const char RECIPE[] =
    "recipe: small\n"
    "use: [lib/nn.yaml, lib/optimizers.yaml, lib/schedules.yaml]\n"
    "knobs: {width: 8, batch: 16, epochs: 8, still: false}\n"
    "views:\n"
    "  view: {count: 2, size: 8, augment: [flip, {color_jitter: {brightness: 0.4}}, normalize]}\n"
    "  image: {size: 8, augment: [normalize]}\n"
    "networks:\n"
    "  encoder: \"fc: linear(reshape(x, dim(x, 0), -1), width)\"\n"
    "objectives:\n"
    "  agree: {loss: \"mean((encoder(view[0]) - encoder(view[1]) - 1) ** 2)\"}\n"
    "schedules: {lr: \"cosine(0.01, 0.001)\"}\n"
    "embed: {view: image, features: encoder(image)}\n"
    "train: {batch: $batch, epochs: $epochs, optimizer: \"adamw(param, grad, lr, 0.0)\", freeze: "
    "{\"*.weight\": still}}\n";

#define SMALL "../../small.yaml width=16 batch=32"
#define DATA "--data synthetic:640 --plain"

/* A run of 20 steps in an epoch, that stopped after 6 and has checkpoints of 4 and of 6. */
static void make_run(const char *name) {
    assert_int_equal(run_command("cd %s/p/q && %s train " SMALL " epochs=1 train.checkpoint_every=0.2 " DATA
                                 " --out ../../deep/er/%s --steps 6 --workers 1",
                                 folder, VITC_BINARY, name),
                     0);
}

/* A command on the run `name`: its exit code. */
static int on(const char *command, const char *name, const char *more) {
    return run_command("cd %s/deep/er && %s %s %s %s", folder, VITC_BINARY, command, name, more);
}

/* The contents of a folder's files, and their times. */
static char *state_of(const char *name) {
    assert_int_equal(
        run_command("(cd %s/deep/er && ls -la --time-style=full-iso %s && cksum %s/*)", folder, name, name),
        0);
    return read_log();
}

static void assert_refused(const char *command, const char *name, const char *more, const char *message) {
    char *before = state_of(name);
    assert_int_equal(on(command, name, more), 2);
    if (!said(message)) fail_msg("'%s' was to be said", message);
    char *after = state_of(name);
    assert_string_equal(before, after);
    free(before), free(after);
}

static void test_refusals_change_nothing(void **state) {
    (void)state;
    make_run("a");
    assert_refused("train ../../small.yaml --resume --out", "a", "", "knobs.width: 16 -> 8");
    assert_refused("resume", "a", "batch=64", "knobs.batch: 32 -> 64");
    assert_refused("resume", "a", "epochs=2", "--extend");
    assert_refused("resume", "a", "train.seed=7", "train.seed: 0 -> 7");
    assert_refused("resume", "a", "--precision bf16", "train.precision");
    assert_refused("resume", "a", "widht=3", "did you mean");
    assert_refused("resume", "a", "width=24 --force", "another shape");
    assert_refused("resume", "a", "--data /nowhere", "/nowhere");
    assert_refused("resume", "a", "--data synthetic:1280", "640");
    assert_refused("resume", "a", "--steps 1.5", "whole number");
    assert_refused("train " SMALL " " DATA " --out", "a", "", "holds a run already");
    char path[256];
    snprintf(path, sizeof path, "%s/deep/er/a/lock", folder);
    int lock = open(path, O_RDWR);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_refused("resume", "a", "", "in use");
    close(lock);
}

/* What was not given anew is as it was; what may differ is said; the weights are those of a run that never stopped. */
static void test_settings(void **state) {
    (void)state;
    make_run("b");
    assert_int_equal(on("resume", "b", "--plain"), 0);
    assert_true(said("at step 6") && said("--steps 6"));
    assert_int_equal(on("train --resume --out", "b", "--steps 10 train.checkpoint_every=0.5"), 0);
    assert_true(said("train.checkpoint_every: 0.2 -> 0.5") && said("done at step 10"));
    assert_int_equal(on("train " SMALL " epochs=1 train.checkpoint_every=0.5 --resume --out", "b", ""), 0);
    assert_true(said("done at step 20"));
    assert_int_equal(on("train " SMALL " epochs=1 " DATA " --out", "whole", ""), 0);
    assert_same("deep/er/whole", "deep/er/b");
    assert_int_equal(on("resume", "b", "epochs=2 --extend --steps 22"), 0);
    assert_true(said("knobs.epochs: 1 -> 2") && said("done at step 22"));
    assert_int_equal(on("resume", "b", "--data synthetic:1280 --force --steps 23"), 0);
    assert_true(said("synthetic:640 -> synthetic:1280"));
}

/* An option of train that a saved recipe does not say has its default. */
static void test_options_left_out(void **state) {
    (void)state;
    make_run("l");
    assert_int_equal(
        run_command("cd %s/deep/er/l && sed -i '/^  seed: 0$/d; /^  knn:$/,/^    temperature: 0.07$/d' "
                    "recipe.yaml && ! grep -q 'seed\\|knn' recipe.yaml",
                    folder),
        0);
    assert_int_equal(
        on("train " SMALL " epochs=1 train.checkpoint_every=0.2 --resume --steps 7 --out", "l", ""), 0);
    assert_false(log_holds(" -> "));
    assert_true(said("done at step 7"));
}

/* A run keeps the target that it was given, under the name that it has now. */
static void test_targets(void **state) {
    (void)state;
#ifndef __x86_64__
    skip();
#endif
#define RUN_JSON "cd %s/deep/er/t && "
    make_run("t");
    assert_refused("resume", "t", "--target x86-64-v9", "unknown target 'x86-64-v9'");
    assert_int_equal(run_command(RUN_JSON "grep target run.json", folder), 1);
    assert_int_equal(on("resume", "t", "--steps 7 --target-features generic"), 0);
    assert_true(said("compiled for x86-64 "));
    assert_int_equal(run_command(RUN_JSON "grep '\"target_features\": \"x86-64\"' run.json", folder), 0);
    assert_int_equal(run_command(RUN_JSON "sed -i s/x86-64/generic/ run.json", folder),
                     0); /* an older vitc's */
    assert_int_equal(on("resume", "t", "--steps 8"), 0);
    assert_true(said("compiled for x86-64 "));
    assert_int_equal(run_command(RUN_JSON "grep '\"target_features\": \"x86-64\"' run.json", folder), 0);
    assert_int_equal(run_command(RUN_JSON "sed -i s/x86-64/x86-64-v2/ run.json", folder), 0);
    setenv("VITC_CPU_WITHOUT", "popcnt", 1);
    assert_refused("resume", "t", "--target x86-64-v2",
                   "'x86-64-v2' does not run here: this machine lacks popcnt");
    assert_int_equal(on("resume", "t", "--steps 9"), 0); /* as a built program goes on */
    unsetenv("VITC_CPU_WITHOUT");
    assert_true(said("target: x86-64-v2 -> native") && said("lacks popcnt") && said("compiled for x86-64 "));
}

static void assert_metrics_steps(const char *name, const char *wanted) {
    assert_int_equal(run_command("cd %s/deep/er && sed -n 's/^{\"step\":\\([0-9]*\\),.*\"loss\".*/\\1/p' "
                                 "%s/metrics.jsonl | tr '\\n' ' '",
                                 folder, name),
                     0);
    if (!said(wanted)) fail_msg("the steps of %s were to be %s", name, wanted);
}

/* Other epochs, another batch and other data with --extend: the step becomes that of the same epoch, once, wherever a
 * kill falls; without the flag nothing changes. */
static void test_extend(void **state) {
    (void)state;
    make_run("x");
    assert_refused("resume", "x", "batch=16", "--extend takes another number of epochs and another batch");
    assert_refused("resume", "x", "--data synthetic:1280", "--extend goes on with them");
    assert_refused("resume", "x", "epochs=0.1 --extend", "the run has but 2 steps");
    assert_int_equal(run_command("cd %s/deep/er && cp -r x y", folder), 0);
    assert_int_equal(on("resume", "x", "batch=16 epochs=2 --extend --steps 14"), 0);
    assert_true(said("knobs.batch: 32 -> 16") && said("knobs.epochs: 1 -> 2"));
    assert_true(said("an epoch has 40 steps, and had 20: step 6 becomes step 12, of epoch 0.3"));
    assert_int_equal(on("resume", "x", "--steps 16"), 0);
    assert_false(log_holds("becomes"));
    assert_metrics_steps("x", "1 2 3 4 5 6 13 14 15 16 ");
    assert_int_equal(run_command("cd %s/deep/er && cp y/checkpoint.safetensors kept", folder), 0);
    assert_int_equal(on("resume", "y", "batch=16 epochs=2 --extend --steps 15"), 0);
    assert_int_equal(run_command("cd %s/deep/er && cp kept y/checkpoint.safetensors", folder), 0);
    assert_int_equal(on("resume", "y", "--steps 16"), 0);
    assert_true(said("step 6 becomes step 12"));
    assert_metrics_steps("y", "1 2 3 4 5 6 13 14 15 16 ");
    assert_same("deep/er/x", "deep/er/y");
    assert_int_equal(on("resume", "x", "--data synthetic:1280 --extend --steps 34"), 0);
    assert_true(said("step 16 becomes step 32, of epoch 0.4"));
    assert_int_equal(on("resume", "x", "epochs=1 --extend --steps 35"), 0);
    assert_true(said("knobs.epochs: 2 -> 1") && said("done at step 35"));
}

/* A relative path of data is that of the folder it was given in. */
static void test_relative_data(void **state) {
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/data_batch.bin", folder);
    FILE *file = fopen(path, "wb");
    for (int i = 0; i < 64; i++)
        for (int b = 0; b < 3073; b++) fputc(b ? (i * 31 + b) & 255 : i % 10, file);
    fclose(file);
    assert_int_equal(run_command("(cd %s/p/q && %s train " SMALL
                                 " --data ../../data_batch.bin --out ../../deep/er/c --steps 1)",
                                 folder, VITC_BINARY),
                     0);
    assert_int_equal(on("resume", "c", "--steps 2"), 0);
    assert_true(said("done at step 2"));
}

static void damage(const char *name, const char *file, long at) {
    char path[256];
    snprintf(path, sizeof path, "%s/deep/er/%s/%s", folder, name, file);
    int descriptor = open(path, O_RDWR);
    char byte;
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(descriptor, &byte, 1, at), 1);
    close(descriptor);
}

/* A damaged checkpoint names the previous one, which is taken when that is asked for, and stays until a new one is
 * there. */
static void test_previous(void **state) {
    (void)state;
    make_run("d");
    damage("d", "checkpoint.safetensors", 20000);
    assert_refused("resume", "d", "", "damaged: tensor '");
    assert_true(on("resume", "d", "") == 2 && said("of step 4, is whole"));
    assert_refused("eval knn", "d", "--data synthetic:640", "of step 4, is whole: --previous takes it");
    assert_int_equal(on("eval knn", "d", "--data synthetic:640 --previous"), 0);
    assert_int_equal(on("resume", "d", "--previous --steps 6"), 0);
    assert_true(said("checkpoint.previous.safetensors at step 4"));
    make_run("e");
    assert_same("deep/er/e", "deep/er/d");
    assert_int_equal(run_command("cd %s/deep/er && rm e/checkpoint.safetensors", folder), 0);
    assert_refused("resume", "e", "", "--previous continues from it");
    assert_refused("train " SMALL " " DATA " --out", "e", "", "holds a run already");
    damage("e", "checkpoint.previous.safetensors", 20000);
    assert_refused("resume", "e", "--previous", "damaged: tensor '");
}

/* Old folders have no run.json, and new ones no checkpoint yet. */
static void test_other_folders(void **state) {
    (void)state;
    make_run("f");
    assert_int_equal(run_command("cd %s/deep/er && rm f/run.json", folder), 0);
    assert_refused("resume", "f", "", "--data PATH");
    assert_refused("resume", "f", "--data synthetic:1280", "steps an epoch");
    assert_int_equal(on("resume", "f", DATA " --steps 7"), 0);
    assert_int_equal(run_command("(cd %s/deep/er && echo '{\"data\": 3' >f/run.json)", folder), 0);
    assert_refused("resume", "f", "", "run.json: damaged");
    assert_int_equal(run_command("cd %s/deep/er && rm f/run.json && : >f/recipe.yaml", folder), 0);
    static const char again[] = "train " SMALL " epochs=1 train.checkpoint_every=0.2 " DATA " --resume --out";
    assert_refused(again, "f", "", "--force continues it");
    assert_int_equal(on(again, "f", "--steps 8 --force"), 0);
    assert_int_equal(on("resume", "f", "--steps 9"), 0);
    assert_int_equal(on("resume", "none", ""), 2);
    assert_int_equal(on("train --resume --out", "none", ""), 2);
    assert_true(said("no recipe.yaml"));
    assert_int_equal(on("train " SMALL " " DATA " --resume --steps 1 --out", "none", ""), 0);
    assert_true(said("the run begins at step 0"));
    assert_int_equal(
        run_command("(mkdir %s/deep/er/own && echo mine >%s/deep/er/own/recipe.yaml)", folder, folder), 0);
    assert_refused("train " SMALL " " DATA " --out", "own", "", "of no run");
}

/* --out is looked at before anything is compiled: the recipe here does not exist. */
static void test_out(void **state) {
    (void)state;
    const char *const outs[] = {"/dev/null", "/etc/passwd/below", "''"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(on("train nonesuch " DATA " --out", outs[i], ""), 2);
        assert_false(log_holds("nonesuch"));
        assert_int_equal(on("run nonesuch --in nonesuch --out", outs[i], ""), 2);
        assert_false(log_holds("nonesuch"));
    }
    assert_int_equal(on("inspect nonesuch", "--memory=/dev/null", ""), 2);
    assert_false(log_holds("nonesuch"));
}

static pid_t start(const char *name, const char *ignored) {
    char out[256], log[256];
    struct stat status;
    pid_t child = fork();
    snprintf(out, sizeof out, "%s/%s", folder, name);
    snprintf(log, sizeof log, "%s/log", folder);
    if (child == 0) {
        char command[2048];
        snprintf(command, sizeof command,
                 "cd %s/p/q; trap '' %s; exec %s train " SMALL " epochs=100000 " DATA " --out %s >%s 2>&1",
                 folder, ignored, VITC_BINARY, out, log);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    snprintf(out, sizeof out, "%s/%s/metrics.jsonl", folder, name);
    for (int i = 0; i < 1200 && !(stat(out, &status) == 0 && status.st_size > 0); i++) usleep(50000);
    return child;
}

/* SIGUSR1 saves and goes on; what is ignored stays so; SIGHUP saves and ends by its convention. */
static void test_signals(void **state) {
    (void)state;
    char path[256];
    struct stat status;
    int code;
    pid_t child = start("signals", "INT");
    kill(child, SIGUSR1);
    snprintf(path, sizeof path, "%s/signals/checkpoint.safetensors", folder);
    for (int i = 0; i < 1200 && stat(path, &status) != 0; i++) usleep(50000);
    kill(child, SIGINT);
    assert_int_equal(waitpid(child, &code, WNOHANG), 0);
    kill(child, SIGHUP);
    waitpid(child, &code, 0);
    assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGHUP);
    assert_true(said("saved at step") && said("stopped by signal 1 "));
    assert_int_equal(run_command("%s resume %s/signals --minutes 0.001", VITC_BINARY, folder), 0);
    assert_true(said("resumed from"));
}

/* Standard output that is full, unread or closed ends no training; a verb that is nothing but output fails. */
static void test_output(void **state) {
    (void)state;
    assert_int_equal(chdir(folder), 0);
    static const char train[] = "train small.yaml " DATA " --steps 3 --out";
    assert_int_equal(run_command("(%s %s %s/full >/dev/full)", VITC_BINARY, train, folder), 1);
    assert_true(said("No space left") && said("saved"));
    assert_int_equal(run_command("(%s %s %s/unread; echo code $? >&2) | true", VITC_BINARY, train, folder),
                     0);
    assert_int_equal(run_command("(%s %s %s/closed <&- >&- 2>&-)", VITC_BINARY, train, folder), 0);
    const char *const names[] = {"full", "unread", "closed"};
    for (int i = 0; i < 3; i++) {
        assert_same("full", names[i]);
        assert_int_equal(
            run_command("cmp %s/full/metrics.jsonl %s/%s/metrics.jsonl", folder, folder, names[i]), 0);
    }
    const char *const verbs[] = {"help", "check small.yaml", "inspect small.yaml", "--version"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(run_command("(%s %s >/dev/full)", VITC_BINARY, verbs[i]), 1);
        assert_true(said("standard output"));
        assert_int_equal(run_command("(%s %s >&-)", VITC_BINARY, verbs[i]), 1);
    }
}

/* Compiled once: what is tested here is not the compiler. */
static int make_folder_and_cache(void **state) {
    char cache[64], path[64];
    if (make_folder(state) != 0) return -1;
    snprintf(cache, sizeof cache, "%s/cache", folder);
    snprintf(path, sizeof path, "%s/small.yaml", folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs(RECIPE, file) < 0 || fclose(file) != 0) return -1;
    return setenv("VITC_CACHE", cache, 1) || run_command("mkdir -p %s/p/q", folder);
}

/* What was frozen is trained from now on: there are no moments for it. The other way round there are too many. */
static void test_freeze(void **state) {
    (void)state;
    static const char more[] = "epochs=1 still=%s " DATA " --steps %d";
    char frozen[256], trained[256];
    snprintf(frozen, sizeof frozen, more, "true", 3);
    snprintf(trained, sizeof trained, more, "false", 5);
    assert_int_equal(
        run_command("cd %s/deep/er && %s train " SMALL " %s --out frozen", folder, VITC_BINARY, frozen), 0);
    assert_int_equal(run_command("cd %s/deep/er && %s train " SMALL " %s --out frozen --resume --force",
                                 folder, VITC_BINARY, trained),
                     2);
    assert_true(said(
        "parameters are trained that were frozen in its run, and have no moments of the optimiser "
        "(optimizer.exp_avg.encoder.fc.weight, …). A new run can begin with its weights: --init frozen/"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refusals_change_nothing),
                                       cmocka_unit_test(test_settings),
                                       cmocka_unit_test(test_options_left_out),
                                       cmocka_unit_test(test_targets),
                                       cmocka_unit_test(test_extend),
                                       cmocka_unit_test(test_relative_data),
                                       cmocka_unit_test(test_previous),
                                       cmocka_unit_test(test_other_folders),
                                       cmocka_unit_test(test_out),
                                       cmocka_unit_test(test_signals),
                                       cmocka_unit_test(test_output),
                                       cmocka_unit_test(test_freeze)};
    return cmocka_run_group_tests(tests, make_folder_and_cache, remove_folder);
}
