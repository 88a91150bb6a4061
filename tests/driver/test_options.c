/* What the command line says of flags that are wrong: one message that tells what to write instead, exit code 2. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRAIN "train quickstart --data synthetic --out /nowhere/run "

static const struct {
    const char *arguments, *message;
} ROWS[] = {
    /* settings written as flags */
    {"train quickstart --batch 8", "--batch; settings of a recipe are written without dashes: batch=8"},
    {"train quickstart --batch=8", "without dashes: batch=8"},
    {"train --batch 8 quickstart", "without dashes: batch=8"},
    {"train quickstart --epochs 3", "without dashes: epochs=3"},
    {"train dino --drop-path 0.2", "without dashes: drop_path=0.2"},
    {"check quickstart --seed 3", "without dashes: train.seed=3"},
    {"train quickstart --lr=0.1", "did you mean peak_lr=0.1?"},
    {"train quickstart --temprature 1", "did you mean temperature=1?"},
    {"train --batch 8", "settings of a recipe are written without dashes, as batch=8"},
    {"train quickstart --batch", "without dashes: batch=VALUE"},
    {"bench quickstart --stpes 3", "unknown flag --stpes; did you mean --steps?"},
    {"train quickstart -o runs", "unknown flag -o; did you mean --out?"},
    /* values */
    {TRAIN "--steps 1.9", "--steps 1.9: a whole number from 1"},
    {TRAIN "--steps -1", "--steps -1: a whole number from 1"},
    {TRAIN "--steps 0x10", "--steps 0x10: a whole number"},
    {TRAIN "--steps 1e999", "--steps 1e999: a whole number"},
    {TRAIN "--steps inf", "--steps inf: a whole number"},
    {TRAIN "--steps nan", "--steps nan: a whole number"},
    {TRAIN "--steps 5x", "--steps 5x: a whole number"},
    {TRAIN "--steps ' 5'", "--steps  5: a whole number"},
    {TRAIN "--steps ''", "--steps : a whole number"},
    {TRAIN "--steps=", "--steps= has no value"},
    {TRAIN "--threads 1.5", "--threads 1.5: a whole number from 1 to 1024"},
    {TRAIN "--workers 0", "--workers 0: a whole number"},
    {TRAIN "--max-broken 0.5", "--max-broken 0.5: a whole number"},
    {TRAIN "--minutes nan", "--minutes nan: a number"},
    {TRAIN "--resume=yes", "--resume takes no value"},
    {"eval knn runs --data synthetic --k 2.7", "--k 2.7: a whole number"},
    {"eval knn runs --data synthetic --limit 10.5", "--limit 10.5: a whole number"},
    {"bench quickstart --steps 1.5", "--steps 1.5: a whole number"},
    {"run quickstart --step 1.5 --function step --in a --out b", "--step 1.5: a whole number"},
    {"train quickstart --data --out", "--data wants a value, not --out"},
    {"train quickstart --data", "--data wants a value"},
    /* the last one holds */
    {TRAIN "--steps 3 --steps 2.5", "--steps 2.5"},
    {"check quickstart batch=8 batch=0", "knob 'batch' = 0"},
    {"check quickstart batch=", "the value is missing"},
    {"check quickstart batch = 8", "a setting is written key=value, without blanks"},
    {"check quickstart batch==8", "knob 'batch' is a number, not '=8'"},
    {"check -- --odd", "cannot read recipe '--odd'"},
};

static int run(const char *arguments, char *text, size_t size) {
    char command[1024];
    snprintf(command, sizeof command, "%s %s 2>&1 </dev/null", VITC_BINARY, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(text, 1, size - 1, pipe);
    text[n] = '\0';
    return WEXITSTATUS(pclose(pipe));
}

static void test_messages(void **state) {
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[4096];
        int code = run(ROWS[i].arguments, text, sizeof text);
        if (code == 2 && strstr(text, ROWS[i].message)) continue;
        print_error("vitc %s: wanted \"%s\" and 2, got %d:\n%s", ROWS[i].arguments, ROWS[i].message, code,
                    text);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void test_accepted(void **state) {
    (void)state;
    static const char *const rows[] = {"check quickstart batch=0 batch=8",
                                       "bench --help",
                                       "train -h",
                                       "eval knn --help",
                                       "check -- quickstart",
                                       "check ibot preset=tiny",
                                       "check paper/ibot.yaml preset=tiny"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[4096];
        if (run(rows[i], text, sizeof text) != 0) fail_msg("vitc %s:\n%s", rows[i], text);
    }
}

/* --target, on a machine without SSE3. */
static void test_targets(void **state) {
    (void)state;
    static const struct {
        const char *arguments;
        int code;
        const char *message;
    } rows[] = {
        {"help targets", 0, "native        "},
        {"bench --target list", 0, "\namx-model      runs here; never native\n"},
        {"train quickstart --target=list --out /nowhere", 0, "native         "},
        {"bench quickstart --target", 2, "--target wants a value"},
        {"bench quickstart --target x86-64-v9", 2,
         "vitc: unknown target 'x86-64-v9'; did you mean 'x86-64-v"},
        {TRAIN "--target foo", 2, "vitc: unknown target 'foo'; there are native, amx, "},
        {"eval knn quickstart --data synthetic --target foo", 2, "vitc: unknown target 'foo'"},
        {"inspect quickstart --target foo", 2, "vitc: unknown target 'foo'"},
        {"run quickstart --in a --out b --target foo", 2, "vitc: unknown target 'foo'"},
        {"inspect quickstart --memory --target aarch64", 0, "arena"},
#ifdef __x86_64__
        {"help targets", 0, "native        x86-64\n"},
        {"bench --target list", 0, "\nx86-64-v2      this machine lacks sse3\nx86-64         runs here\n"},
        {"bench --target list", 0, "\naarch64        it is for processors of aarch64\n"},
        {TRAIN "--target x86-64-v2", 2, "target 'x86-64-v2' does not run here: this machine lacks sse3"},
        {"bench quickstart --target x86-64-v3", 2, "does not run here: this machine lacks sse3"},
        {"bench quickstart --target aarch64", 2, "does not run here: it is for processors of aarch64"},
        {"bench quickstart --target-features avx2", 2, "target 'x86-64-v3' does not run here"},
        {"inspect quickstart --memory --target x86-64-v3", 0, "arena"},
#endif
    };
    setenv("VITC_CPU_WITHOUT", "sse3", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static char text[1 << 16];
        int code = run(rows[i].arguments, text, sizeof text);
        if (code != rows[i].code || !strstr(text, rows[i].message))
            fail_msg("vitc %s: wanted \"%s\" and %d, got %d:\n%.2000s", rows[i].arguments, rows[i].message,
                     rows[i].code, code, text);
    }
    unsetenv("VITC_CPU_WITHOUT");
}

/* Version and commit; LLVM; targets; this machine: a line each. */
static void test_version(void **state) {
    (void)state;
    char text[4096], commit[32], *line = text;
    static const char *const lines[] = {"vitc " VITC_VERSION, "LLVM 19.", "targets ", "native "};
    assert_int_equal(run("--version", text, sizeof text), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (strncmp(line, lines[i], strlen(lines[i])) != 0) fail_msg("no line '%s': %s", lines[i], text);
        line = strchr(line, '\n') + 1;
    }
    assert_string_equal(line, "");
    int n = sscanf(text, "vitc " VITC_VERSION " (%31[0-9a-f+])", commit);
    if (n == 1) assert_true(strlen(commit) == 7 || (strlen(commit) == 8 && commit[7] == '+'));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages), cmocka_unit_test(test_accepted),
                                       cmocka_unit_test(test_targets), cmocka_unit_test(test_version)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
