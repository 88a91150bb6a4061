/* Programs for 64-bit ARM, built here and run under qemu: they train as x86-64 does, up to rounding; either goes on
 * from the other's checkpoint; every micro-kernel computes what plain C does; a fat program takes what the processor
 * has. */
#include "tests/across.h"
#include "tests/driver/runs.h"

#include <math.h>

#define TRAIN_FLAGS "--data synthetic:64 --workers 1 --threads 2 --plain"
enum { STEPS = 10, MORE_STEPS = 12 };

/* Skips the test where it cannot run. */
static void need_tools(void) {
    if (SANITIZED) printf("skipped: programs for another architecture have no sanitizer\n");
    if (SANITIZED || !across_is_here()) skip();
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

/* The losses of a run's metrics, one a step; how many. */
static int read_losses(const char *run, double *losses, int most) {
    char path[256], line[4096];
    snprintf(path, sizeof path, "%s/%s/metrics.jsonl", folder, run);
    FILE *file = fopen(path, "r");
    int n = 0;
    if (!file) fail_msg("%s is not there", path);
    while (n < most && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, "\"loss\":");
        if (at) losses[n++] = strtod(at + strlen("\"loss\":"), NULL);
    }
    fclose(file);
    return n;
}

/* All losses of two runs are the same, up to a part `tolerance`. */
static void assert_near(const char *a, const char *b, int steps, double tolerance) {
    double of_a[MORE_STEPS], of_b[MORE_STEPS];
    assert_int_equal(read_losses(a, of_a, MORE_STEPS), steps);
    assert_int_equal(read_losses(b, of_b, MORE_STEPS), steps);
    for (int i = 0; i < steps; i++)
        if (!(fabs(of_a[i] - of_b[i]) <= tolerance * fabs(of_b[i])))
            fail_msg("step %d: %s has loss %.9g, %s %.9g", i + 1, a, of_a[i], b, of_b[i]);
}

static void succeed(int code, const char *what) {
    if (code == 0) return;
    char *log = read_log();
    fail_msg("%s: exit code %d: %s", what, code, log);
}

/* ---- code -------------------------------------------------------------------------------------------------------- */

/* The lines of a function; the caller's to free. */
static char *function_of(const char *assembly, const char *name) {
    char label[64];
    snprintf(label, sizeof label, "\n%s:", name);
    const char *from = strstr(assembly, label), *to = from ? strstr(from, ".Lfunc_end") : NULL;
    to = to ? strstr(to + 1, ".Lfunc_end") : NULL; /* the first may be the beginning's */
    if (!to) fail_msg("there is no %s", name);
    return strndup(from, (size_t)(to - from));
}

/* What any machine can make. Sums stay in registers: no vector goes to the stack and back. */
static void test_code(void **state) {
    (void)state;
    static const struct {
        const char *function, *wanted;
    } cases[] = {{"micro_fma_12x2_1_12_1", "fmla"}, {"micro_mmla_12x2_2_12_2", "bfmmla"}};
    static char text[1 << 22];
    succeed(run_command(VITC_BINARY
                        " build mae preset=tiny --precision bf16 --emit=asm --target=aarch64-bf16 -o %s",
                        path_of("mae.s")),
            "build");
    FILE *file = fopen(path_of("mae.s"), "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(size > 0 && size < sizeof text - 1);
    for (int i = 0; i < 2; i++) {
        char *code = function_of(text, cases[i].function);
        int products = 0;
        for (char *line = strtok(code, "\n"); line; line = strtok(NULL, "\n")) {
            products += strstr(line, cases[i].wanted) != NULL;
            if (strstr(line, "[sp") && (strstr(line, "\tq") || strstr(line, " q")))
                fail_msg("%s: %s", cases[i].function, line);
        }
        assert_int_equal(products, 24);
        free(code);
    }
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

/* Sums are in other orders: in f32 losses of ten steps differ by less than a hundred thousandth. */
static void test_trains_as_x86_64_does(void **state) {
    (void)state;
    static const struct {
        const char *name, *recipe;
    } cases[] = {
        {"quickstart", "quickstart batch=8 width=48 depth=2 hidden=96 peak_lr=0.0003 train.knn.every=0"},
        {"mae", "mae preset=tiny batch=4 train.knn.every=0"},
        {"dino", "dino preset=tiny batch=4 train.knn.every=0"}};
    need_tools();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i].name;
        succeed(run_command(VITC_BINARY " build %s --target=aarch64 -o %s/%s", cases[i].recipe, folder, name),
                name);
        succeed(run_command("cd %s && " ACROSS_QEMU " ./%s train " TRAIN_FLAGS " --steps %d --out arm-%s",
                            folder, name, STEPS, name),
                name);
        succeed(run_command(VITC_BINARY " train %s " TRAIN_FLAGS
                                        " --steps %d --target x86-64 --out %s/x86-%s",
                            cases[i].recipe, STEPS, folder, name),
                name);
        char arm[32], x86[32];
        snprintf(arm, sizeof arm, "arm-%s", name);
        snprintf(x86, sizeof x86, "x86-%s", name);
        assert_near(arm, x86, STEPS, 1e-5);
    }
}

/* Runs of the test above are continued by the other architecture, and by their own. */
static void test_checkpoints_are_interchangeable(void **state) {
    (void)state;
    need_tools();
    succeed(run_command("cd %s && cp -r x86-quickstart x86-arm && cp -r arm-quickstart arm-x86", folder),
            "cp");
    succeed(
        run_command("cd %s && " ACROSS_QEMU " ./quickstart resume x86-arm --steps %d", folder, MORE_STEPS),
        "aarch64 after x86-64");
    succeed(run_command(VITC_BINARY " resume %s/arm-x86 --steps %d --target x86-64", folder, MORE_STEPS),
            "x86-64 after aarch64");
    succeed(
        run_command(VITC_BINARY " resume %s/x86-quickstart --steps %d --target x86-64", folder, MORE_STEPS),
        "x86-64 after x86-64");
    assert_near("x86-arm", "x86-quickstart", MORE_STEPS, 1e-5);
    assert_near("arm-x86", "x86-quickstart", MORE_STEPS, 1e-5);
}

/* bf16: with bfmmla where the processor has it. Its sums are rounded to odd; a loss is as near as factors of eight bits
 * allow. */
static void test_fat_program(void **state) {
    (void)state;
    need_tools();
    succeed(
        run_command(VITC_BINARY
                    " build quickstart batch=4 width=48 depth=2 hidden=96 train.knn.every=0 --precision bf16 "
                    "--target=aarch64-bf16,aarch64 -o %s/fat",
                    folder),
        "build");
    static const struct {
        const char *cpu, *target;
    } cases[] = {{"max", "aarch64-bf16"}, {"cortex-a72", "aarch64"}};
    for (int i = 0; i < 2; i++) {
        char wanted[64];
        succeed(run_command(ACROSS_QEMU " -cpu %s %s/fat info --check", cases[i].cpu, folder),
                "info --check");
        snprintf(wanted, sizeof wanted, "target %s: ", cases[i].target);
        assert_true(said(wanted) && said(" micro-kernels are right"));
        assert_int_equal(log_holds("mmla 12x8"), i == 0);
        succeed(run_command("cd %s && " ACROSS_QEMU " -cpu %s ./fat train " TRAIN_FLAGS
                            " --steps 2 --out bf16-%d",
                            folder, cases[i].cpu, i),
                "train");
    }
    assert_near("bf16-0", "bf16-1", 2, 1e-2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code), cmocka_unit_test(test_trains_as_x86_64_does),
        cmocka_unit_test(test_checkpoints_are_interchangeable), cmocka_unit_test(test_fat_program)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
