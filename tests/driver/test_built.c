/* A built program as a user runs it: the same bits as `vitc train`, whichever of the two goes on with the other's run;
 * killed, stopped, on a full disk; its settings, info, embed, and what it refuses. */
#include "tests/driver/runs.h"
#include "tests/driver/schema.h"

#include <signal.h>
#include <sys/stat.h>

#define SHAPES "quickstart width=24 depth=1 heads=2 hidden=16 out_dim=8 batch=32 'peak_lr=$(epochs / 1000)'"
#define SETTINGS "epochs=1 train.checkpoint_every=0.1 train.knn.every=0"
#define DATA "--data synthetic:640 --plain"
#define TARGET "x86-64-v2" /* of every machine that runs tests */

static bool can_link;

static int make_program(void **state) {
    if (make_folder(state) != 0) return -1;
    can_link = run_command("command -v cc") == 0;
    if (!can_link) return 0;
    return run_command("%s build " SHAPES " " SETTINGS " --target " TARGET " -o %s/quick", VITC_BINARY,
                       folder);
}

/* The program in the test's folder; `line` as a shell has it. */
__attribute__((format(printf, 1, 2))) static int quick(const char *format, ...) {
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return run_command("cd %s && { ./quick %s; }", folder, line);
}

__attribute__((format(printf, 1, 2))) static int vitc(const char *format, ...) {
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return run_command("cd %s && { %s %s; }", folder, VITC_BINARY, line);
}

static bool same_files(const char *a, const char *b) {
    return run_command("cd %s && cmp %s %s", folder, a, b) == 0;
}

/* Starts the program; the caller waits for it. */
static pid_t start(const char *arguments) {
    unlink(path_of("child.log")); /* that of another is not to be waited in */
    pid_t child = fork();
    if (child == 0) {
        char line[1024];
        snprintf(line, sizeof line, "cd %s && exec ./quick %s >child.log 2>&1", folder, arguments);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    return child;
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

static void test_either_goes_on(void **state) {
    (void)state;
    if (!can_link) skip();
    assert_int_equal(vitc("train " SHAPES " " SETTINGS " " DATA " --target " TARGET " --out whole"), 0);
    assert_int_equal(quick("train " DATA " --out alone"), 0);
    assert_true(said("quickstart: built for " TARGET " by vitc"));
    assert_same("whole", "alone");
    static const char *const files[] = {"recipe.yaml", "run.json", "checkpoint.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char names[2][64];
        snprintf(names[0], sizeof names[0], "whole/%s", files[i]);
        snprintf(names[1], sizeof names[1], "alone/%s", files[i]);
        assert_true(same_files(names[0], names[1]));
    }
    assert_int_equal(quick("train " DATA " --out first --threads 1 --steps 7"), 0);
    assert_int_equal(vitc("resume first --steps 20 --threads 2 --plain"), 0);
    assert_true(said("resumed from first/checkpoint.safetensors at step 7"));
    assert_same("whole", "first");
    assert_int_equal(
        vitc("train " SHAPES " " SETTINGS " " DATA " --target " TARGET " --out second --steps 9"), 0);
    assert_int_equal(quick("resume second --steps 20 --plain"), 0);
    assert_true(said("resumed from second/checkpoint.safetensors at step 9"));
    assert_same("whole", "second");
    assert_int_equal(run_command("cd %s && for r in whole first second; do grep -o 'loss\":[^,]*' "
                                 "$r/metrics.jsonl >$r.losses; done; cmp whole.losses first.losses && cmp "
                                 "whole.losses second.losses",
                                 folder),
                     0);
}

static void test_killed(void **state) {
    (void)state;
    if (!can_link) skip();
    for (int attempt = 0; attempt < 3; attempt++) {
        pid_t child = start("train " DATA " --out killed --resume");
        usleep(60000 + 60000 * (useconds_t)attempt); /* somewhere in the run, or after it */
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    assert_int_equal(quick("train " DATA " --out killed --resume"), 0);
    assert_same("whole", "killed");
}

static void test_signals(void **state) {
    (void)state;
    if (!can_link) skip();
    int code = -1;
    pid_t child = start("train " DATA " --out stopped --epochs 100000 --checkpoint-every 0");
    wait_for_text("child.log", "step 1/");
    kill(child, SIGUSR1);
    wait_for_text("child.log", "as asked");
    kill(child, SIGTERM);
    waitpid(child, &code, 0);
    assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGTERM);
    assert_int_equal(
        run_command("cd %s && grep 'stopped by signal 15 (Terminated) at step' child.log | grep -q "
                    "'saved. --resume continues'",
                    folder),
        0);
    assert_int_equal(vitc("resume stopped --minutes 0.001 --plain"), 0);
    assert_true(said("resumed from"));
}

/* What cannot be saved is told, and nothing half written stays. */
static void test_full_disk(void **state) {
    (void)state;
    if (!can_link) skip();
    assert_int_equal(quick("train " DATA " --out full --steps 2 >/dev/full"), 1);
    assert_true(said("progress could not be written"));
    assert_int_equal(run_command("cd %s && ls full/checkpoint.safetensors", folder), 0);
    assert_int_equal(
        run_command("cd %s && (ulimit -f 160; exec ./quick train " DATA " --out most --steps 2)", folder), 1);
    assert_true(said("cannot write 'most/checkpoint.safetensors'"));
    assert_int_equal(run_command("cd %s && ls most | grep checkpoint", folder), 1);
    assert_int_equal(quick("info >/dev/full"), 1);
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/* Ways to write a setting; vitc trains the same with it. */
static void test_settings(void **state) {
    (void)state;
    if (!can_link) skip();
    assert_int_equal(vitc("train " SHAPES " " SETTINGS " peak_lr=0.01 train.seed=3 " DATA " --target " TARGET
                          " --out set --steps 4"),
                     0);
    static const char *const ways[] = {"peak_lr=0.01 train.seed=3", "--peak_lr 0.01 seed=3",
                                       "--peak-lr=0.01 --train.seed 3", "peak_lr=7 --seed=3 --peak_lr=0.01"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        assert_int_equal(quick("train %s " DATA " --out way%zu --steps 4", ways[i], i), 0);
        char name[32];
        snprintf(name, sizeof name, "way%zu", i);
        assert_same("set", name);
        snprintf(name, sizeof name, "way%zu/recipe.yaml", i);
        assert_true(same_files("set/recipe.yaml", name));
    }
    /* What is made of others follows them until it is given; then a run keeps it. */
    assert_int_equal(
        vitc("train " SHAPES " " SETTINGS " epochs=2 " DATA " --target " TARGET " --out longer --steps 4"),
        0);
    assert_int_equal(quick("train epochs=2 " DATA " --out follows --steps 4"), 0);
    assert_same("longer", "follows");
    assert_true(same_files("longer/recipe.yaml", "follows/recipe.yaml"));
    assert_int_equal(quick("resume follows epochs=4 --extend --steps 6 --plain"), 0);
    assert_int_equal(vitc("resume longer epochs=4 --extend --steps 6 --plain"), 0);
    assert_same("longer", "follows");
    assert_true(same_files("longer/recipe.yaml", "follows/recipe.yaml"));
    /* A run goes on with its own; another value is judged. */
    assert_int_equal(quick("resume way0 --steps 6 --plain"), 0);
    assert_int_equal(vitc("resume set --steps 6 --plain"), 0);
    assert_same("set", "way0");
    assert_int_equal(quick("resume way0 peak_lr=0.02"), 2);
    assert_true(said("peak_lr: 0.01 -> 0.02") && said("--force takes these changes"));
    assert_int_equal(quick("resume way0 epochs=2"), 2);
    assert_true(said("epochs: 1 -> 2") && said("--extend takes another number of epochs"));
    assert_int_equal(quick("resume way0 epochs=2 --extend --steps 7 --plain"), 0);
    assert_int_equal(quick("resume way0 train.checkpoint_every=0.5 --steps 8 --plain"), 0);
    assert_true(said("train.checkpoint_every: 0.1 -> 0.5"));
    assert_int_equal(quick("resume way0 peak_lr=0.02 --force --steps 9 --plain"), 0);
    assert_int_equal(vitc("resume way0 --steps 10 --plain"), 0);
    assert_int_equal(
        run_command("cd %s && grep -A1 peak_lr: way0/recipe.yaml | grep -q 'default: 0.02'", folder), 0);
    /* The same command again: its own values, not those of the run. */
    assert_int_equal(quick("train " DATA " --out set --resume"), 2);
    assert_true(said("peak_lr: 0.01 -> 0.001") && said("train.seed: 3 -> 0"));
}

static void test_refused(void **state) {
    (void)state;
    if (!can_link) skip();
    static const struct {
        const char *arguments, *message;
        int code;
    } cases[] = {
        {"train width=48 " DATA " --out x",
         "width = 24 is fixed in this program: build another with vitc build", 2},
        {"train --batch 64 " DATA " --out x", "batch = 32 is fixed", 2},
        {"train peak_rl=1 " DATA " --out x", "there is no setting 'peak_rl'; did you mean 'peak_lr'?", 2},
        {"train --peka-lr 1 " DATA " --out x", "did you mean peak_lr=1", 2},
        {"train colour=1 " DATA " --out x", "there is no setting 'colour' (./quick info lists them)", 2},
        {"train peak_lr=-1 " DATA " --out x", "peak_lr = -1", 2},
        {"train peak_lr=fast " DATA " --out x", "peak_lr=fast: a number was expected", 2},
        {"train seed=1.5 " DATA " --out x", "a whole number", 2},
        {"train --peak_lr", "--peak_lr wants a value", 2},
        {"train quickstart " DATA " --out x", "this program has its recipe in it", 2},
        {"train " DATA, "train wants --data PATH and --out DIR", 2},
        {"train --treads 2 " DATA " --out x", "did you mean --threads?", 2},
        {"train " DATA " --out x --precision bf16", "unknown flag --precision", 2},
        {"train " DATA " --out x --target x86-64-v4", "this program was not built for target 'x86-64-v4'", 2},
        {"train --data a=synthetic:64 --out x", "names no sources of images", 2},
        {"train --data nothing --out x", "no data at", 2},
        {"trian", "unknown verb 'trian'; did you mean 'train'?", 2},
        {"train --data synthetic:16 --out x",
         "take more images, or set train.batch=16 or less (a built program: when it is built)", 2},
        {"train train.batch=16 " DATA " --out x", "a batch of 32 images is fixed in this program", 2},
        {"resume nothing", "there is no run 'nothing'", 2},
        {"resume .", "has no recipe.yaml to continue with", 2},
        {"eval knn nothing --data synthetic:64", "'nothing' is no run", 2},
        {"eval knn --data synthetic:64", "eval knn RUN --data PATH", 2},
        {"embed whole --data synthetic:64 --out x.txt", ".npy or .safetensors was expected", 2},
        {"embed whole --data synthetic:64 --out whole/checkpoint.safetensors",
         "is the data, or a file of the run", 2},
        {"embed whole --data synthetic:64 --out x.npy --names ./whole/run.json", "is the data, or a file of",
         2},
        {"info quickstart", "info wants no 'quickstart'", 2},
        {"info --target x86-64-v9", "not built for target", 2},
        {"help fly", "no help on 'fly'", 2},
        {"", "train on images", 2},
        {"--version", "quickstart, built by vitc", 0},
        {"help embed", "quick embed [RUN]", 0},
        {"train --help", "quick train [key=value", 0},
        {"train --target list", TARGET, 0},
        {"completion bash", "complete -F _quick_complete quick", 0},
        {"complete-words train ep", "epochs=\ta number", 0},
        {"complete-words embed whole --sk", "--skip-broken\t", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = quick("%s", cases[i].arguments);
        if (code != cases[i].code) print_message("case: %s\n", cases[i].arguments);
        assert_int_equal(code, cases[i].code);
        assert_true(said(strncmp(cases[i].message, "there is no setting 'colour'", 20) == 0
                             ? "there is no setting"
                             : cases[i].message));
    }
    assert_int_equal(access(path_of("x"), F_OK), -1);
}

/* A knob that is fixed, and the option of train that bears its name. */
static void test_fixed_option(void **state) {
    (void)state;
    if (!can_link) skip();
    assert_int_equal(run_command("cd %s && %s build " SHAPES
                                 " 'temperature=$(epochs / 10)' epochs=2 --target " TARGET " -o deep",
                                 folder, VITC_BINARY),
                     0);
    assert_int_equal(run_command("cd %s && ./deep train epochs=3 " DATA " --out x", folder), 2);
    assert_true(said("epochs = 2 is fixed in this program"));
    assert_int_equal(
        run_command("cd %s && ./deep train train.epochs=3 " DATA " --steps 1 --out deeper", folder), 0);
    assert_true(said("(of 60: --steps 1)"));
}

/* Little room on the stack, a name that is none, a log that cannot be written. */
static void test_surroundings(void **state) {
    (void)state;
    if (!can_link) skip();
    if (!SANITIZED) { /* which need more */
        assert_int_equal(run_command("cd %s && ulimit -Ss 128 && ./quick train " DATA
                                     " --steps 2 --threads 3 --out narrow",
                                     folder),
                         0);
        assert_int_equal(run_command("cd %s && ulimit -s 200 && ./quick train " DATA " --out x", folder), 1);
        assert_true(said("the stack may be 200 kB here (ulimit -s): 1024 are needed"));
    }
    assert_int_equal(run_command("cd %s && bash -c 'exec -a /there/ ./quick fly'", folder), 2);
    assert_true(said("(/there/ help lists them)"));
    assert_int_equal(quick("train " DATA " --steps 1 --out mute 2>&1 >&-"), 0);
    assert_true(said("progress cannot be written") && !log_holds("vitc: "));
}

/* Runs of another recipe: which lines differ; and of another shape: which states. */
static void test_other_recipe(void **state) {
    (void)state;
    if (!can_link) skip();
    assert_int_equal(vitc("train quickstart width=48 depth=1 heads=2 hidden=16 out_dim=8 batch=32 " SETTINGS
                          " " DATA " --out wide --steps 1"),
                     0);
    assert_int_equal(quick("resume wide"), 2);
    assert_true(said("(knobs.width): default: 48 -> default: 24") && said("--force takes these changes"));
    assert_int_equal(quick("resume wide --force"), 2);
    assert_true(said("another shape: [12, 3, 3, 3] there, [6, 3, 3, 3] here"));
    assert_int_equal(quick("eval knn wide --data synthetic:64"), 2);
    assert_true(said("(knobs.width): default: 48 -> default: 24") && said("--force takes its checkpoint"));
    assert_int_equal(quick("embed wide --data synthetic:64 --out x.npy --force"), 2);
    assert_true(said("does not fit 'quickstart'"));
    /* Another loss has the same states. */
    assert_int_equal(vitc("train " SHAPES " temperature=0.5 " SETTINGS " " DATA " --out warm --steps 1"), 0);
    assert_int_equal(quick("resume warm --steps 2"), 2);
    assert_true(said("(knobs.temperature): default: 0.5 -> default: 0.15"));
    assert_int_equal(quick("resume warm --steps 2 --force --plain"), 0);
    assert_int_equal(quick("resume warm --steps 3 --plain"), 0); /* it is its own now */
    assert_int_equal(run_command("printf '\\200\\n[' >%s/warm/recipe.yaml", folder), 0);
    assert_int_equal(quick("resume warm --steps 4"), 2);
    assert_int_equal(quick("resume warm --steps 4 --force --plain"), 0);
}

/* ---- what it has learned, and what it is ------------------------------------------------------------------------- */

static void test_embed_and_eval(void **state) {
    (void)state;
    if (!can_link) skip();
    assert_int_equal(quick("embed alone --data synthetic:70 --out a.npy --names a.txt"), 0);
    assert_int_equal(vitc("embed whole --data synthetic:70 --out b.npy --names b.txt --target " TARGET), 0);
    assert_true(same_files("a.npy", "b.npy") && same_files("a.txt", "b.txt"));
    assert_int_equal(quick("embed --init whole/checkpoint.safetensors --data synthetic:70 --out c.npy"), 0);
    assert_true(same_files("a.npy", "c.npy"));
    assert_int_equal(quick("eval knn whole --data synthetic:70 --k 5 >k"), 0);
    assert_int_equal(vitc("eval knn alone --data synthetic:70 --k 5 --target " TARGET " >l"), 0);
    assert_int_equal(
        run_command("cd %s && grep -q '5-NN: top-1' k && grep NN k >m && grep NN l | cmp - m", folder), 0);
    assert_int_equal(run_command("cd %s && grep -q '\"encoder\": \"trained\"' whole/eval.json", folder), 0);
}

/* Weights by other names, by rules that vitc reads too. */
static void test_weights(void **state) {
    (void)state;
    if (!can_link) skip();
    assert_int_equal(run_command("cd %s && printf '%s' >names.yaml && { printf '%s' >odd.yaml; }", folder,
                                 "# theirs: ours\\n\"projector.*\": encoder.nothing.*  # unused\\n"
                                 "encoder.*: \"encoder.*\"\\n",
                                 "a: {b: c}\\n"),
                     0);
    static const char init[] = DATA " --steps 1 --init whole/checkpoint.safetensors --rename names.yaml "
                                    "--only encoder.*";
    assert_int_equal(quick("train %s --out mine", init), 0);
    assert_true(said("tensors from ") && said("whole/checkpoint.safetensors"));
    assert_int_equal(vitc("train " SHAPES " " SETTINGS " --target " TARGET " %s --out theirs", init), 0);
    assert_same("mine", "theirs");
    assert_true(same_files("mine/run.json", "theirs/run.json"));
    assert_int_equal(quick("train " DATA " --init whole/checkpoint.safetensors --rename odd.yaml --out x"),
                     2);
    assert_true(said("odd.yaml:1: a line 'from: to' was expected"));
}

static void test_info(void **state) {
    (void)state;
    if (!can_link) skip();
    assert_int_equal(quick("info"), 0);
    static const char *const lines[] = {"quickstart, built by vitc",
                                        "SHA-256 ",
                                        TARGET "      chosen",
                                        "peak_lr ",
                                        "function step: ",
                                        "f32[32x3x32x32]",
                                        "encoder.pos_embed",
                                        "parameter",
                                        "memory ",
                                        "train.seed ",
                                        "width                      24",
                                        "function embed: "};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_true(said(lines[i]));
    assert_int_equal(quick("info --recipe >recipe"), 0);
    assert_true(same_files("recipe", "alone/recipe.yaml"));
    assert_int_equal(
        run_command("cd %s && ./quick info | grep -q $(sha256sum <recipe | cut -d ' ' -f 1)", folder), 0);
    assert_int_equal(quick("info --json >json"), 0);
    assert_int_equal(run_command("cd %s && grep -q '\"recipe_sha256\"' json && grep -q '\"target\": \"" TARGET
                                 "\"' "
                                 "json && grep -q '\"width\": \"24\"' json",
                                 folder),
                     0);
    json_t *info = json_load_file(path_of("json"), JSON_REJECT_DUPLICATES, NULL);
    assert_schema_of("info", info);
    json_decref(info);
    assert_int_equal(quick("info --check"), 0);
    assert_true(said("micro-kernels are right"));
    assert_int_equal(run_command("cd %s && VITC_CPU_WITHOUT=sse4.2 ./quick train " DATA " --out x", folder),
                     1);
    assert_true(said("this machine lacks sse4.2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_either_goes_on), cmocka_unit_test(test_killed),
        cmocka_unit_test(test_signals),        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_settings),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_fixed_option),   cmocka_unit_test(test_surroundings),
        cmocka_unit_test(test_other_recipe),   cmocka_unit_test(test_embed_and_eval),
        cmocka_unit_test(test_weights),        cmocka_unit_test(test_info)};
    return cmocka_run_group_tests(tests, make_program, remove_folder);
}
