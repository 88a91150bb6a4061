/* What the command line says of flags that are wrong: one message that tells what to write instead, exit code 2. */

#include "runtime/base/terminal.h"
#include "tests/driver/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
    {"eval knn runs --data synthetic --k 2.7", "--k 2.7: whole numbers"},
    {"eval knn runs --data synthetic --limit 10.5",
     "--limit 10.5: whole numbers from 1 to 1000000000000 were expected, at most 2"},
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
    {"check -- --odd", "there is no recipe '--odd'"},
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
        char text[1 << 14];
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
    static const char *const lines[] = {("vitc " VITC_VERSION), "LLVM 19.", "targets ", "native "};
    assert_int_equal(run("--version", text, sizeof text), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (strncmp(line, lines[i], strlen(lines[i])) != 0) fail_msg("no line '%s': %s", lines[i], text);
        line = strchr(line, '\n') + 1;
    }
    assert_string_equal(line, "");
    int n = sscanf(text, "vitc " VITC_VERSION " (%31[0-9a-f+])", commit);
    if (n == 1) assert_true(strlen(commit) == 7 || (strlen(commit) == 8 && commit[7] == '+'));
}

/* ---- what may have been meant ------------------------------------------------------------------------------------ */

/* One row a place where a name can be wrong. */
static void test_suggestions(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"trian", "unknown verb 'trian'; did you mean 'train'?"},
        {"--verson", "unknown verb '--verson'; did you mean '--version'?"},
        {"-v", "unknown verb '-v'; did you mean '-V'?"},
        {"fly", "unknown verb 'fly' (vitc help lists them)"},
        {"help simplfy", "no help on 'simplfy'; did you mean 'simplify'?"},
        {"help targts", "no help on 'targts'; did you mean 'targets'?"},
        {"help layernrm", "no help on 'layernrm'; did you mean 'layernorm'?"},
        {"completion bsh", "bash, zsh or fish was expected; did you mean 'bash'?"},
        {"train --thraeds 2", "unknown flag --thraeds; did you mean --threads?"},
        {"bench -steps 2", "unknown flag -steps; did you mean --steps?"},
        {"build quickstart --out x", "unknown flag --out; did you mean -o?"},
        {"train --zzz", "unknown flag --zzz (vitc help train lists them;"},
        {"check dinoo", "there is no recipe 'dinoo'; did you mean 'dino'?"},
        {"check paper/swaw", "there is no recipe 'paper/swaw'; did you mean 'paper/swav'?"},
        {"check swaw", "there is no recipe 'swaw'; did you mean 'swav'?"},
        {"check " SOURCE_DIR "/tests/driver/word.yaml",
         "did you mean '" SOURCE_DIR "/tests/driver/words.yaml'?"},
        {"check zzz", "there is no recipe 'zzz' (vitc help recipes lists them)"},
        {"check dino epocs=3", "there is no knob or value 'epocs' in this recipe; did you mean 'epochs'?"},
        {"check dino preset=cifr", "no preset 'cifr'; did you mean 'cifar'?"},
        {"check dino preset=zzz", "no preset 'zzz'; there are cifar, tiny"},
        {"check quickstart preset=tiny", "no preset 'tiny': this recipe has none"},
        {"check quickstart train.epoch=3", "unknown key 'epoch' in train; did you mean 'epochs'?"},
        {"check quickstart train.precision=bf61", "bf16"},
        {"bench quickstart --precision bf61", "fp32, bf16 or bf16x3 was expected; did you mean 'bf16'?"},
        {"bench quickstart --format jsn", "text or json was expected; did you mean 'json'?"},
        {"inspect quickstart --format htm", "did you mean 'html'?"},
        {"inspect quickstart --after simplfy", "no pass 'simplfy'; did you mean 'simplify'?"},
        {"inspect quickstart --before atodiff", "no pass 'atodiff'; did you mean 'autodiff'?"},
        {"inspect quickstart --function stp", "has no function 'stp'; did you mean 'step'?"},
        {"inspect quickstart --only encodr", "no module is 'encodr'; did you mean 'encoder'?"},
        {"inspect quickstart --explain encoder.block", "did you mean 'encoder.blocks'?"},
        {"inspect quickstart --kernel 1 --emit lvm", "llvm or asm was expected; did you mean 'llvm'?"},
        {"build quickstart -o /tmp/x --emit exee", "did you mean 'exe'?"},
        {"build quickstart -o /tmp/x --target x86-64v3",
         "unknown target 'x86-64v3'; did you mean 'x86-64-v3'?"},
        {"eval kmn runs --data synthetic",
         "eval kmn: knn, retrieval, linear, fewshot or finetune was expected; did you mean 'knn'?"},
        {"data chek x", "data chek: check was expected; did you mean 'check'?"},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[4096];
        int code = run(rows[i][0], text, sizeof text);
        if (code == 2 && strstr(text, rows[i][1])) continue;
        print_error("vitc %s: wanted \"%s\" and 2, got %d:\n%s", rows[i][0], rows[i][1], code, text);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* Passes and operators of IR text. */
static void test_text(void **state) {
    (void)state;
    static const struct {
        const char *op, *passes, *message;
    } rows[] = {{"exp", "simplfy", "unknown pass 'simplfy'; did you mean 'simplify'?"},
                {"exp", "simplify,fse", "unknown pass 'fse'; did you mean 'fuse'?"},
                {"exp", "zzz", "unknown pass 'zzz' (vitc help passes lists them)"},
                {"epx", "simplify", "no operator 'epx'; did you mean 'exp'?"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[64], arguments[128], text[4096];
        snprintf(path, sizeof path, "%s/text.ir", folder);
        FILE *file = fopen(path, "w");
        fprintf(file,
                "module @m {\n  func @f(%%x : f32[4]) {\n    %%y = %s %%x\n    output y = %%y\n  }\n}\n",
                rows[i].op);
        fclose(file);
        snprintf(arguments, sizeof arguments, "opt --passes %s %s", rows[i].passes, path);
        assert_int_equal(run(arguments, text, sizeof text), 2);
        if (!strstr(text, rows[i].message)) fail_msg("wanted %s, got\n%s", rows[i].message, text);
    }
}

/* Calls `look` for each word that completion offers. */
static void each_offer(const char *words, void (*look)(void *user, char *word, const char *doc), void *user) {
    char command[256];
    static char offers[2][1 << 16];
    static int depth;
    char *text = offers[depth++], *save = NULL;
    snprintf(command, sizeof command, "complete-words -- %s", words);
    assert_int_equal(run(command, text, sizeof offers[0]), 0);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *tab = strchr(line, '\t');
        if (tab) *tab = '\0';
        if (line[0] != ':') look(user, line, tab ? tab + 1 : "");
    }
    depth--;
}

typedef struct {
    const char *verb;
    char help[1 << 15];
    int flags;
} VerbSeen;

/* A flag is in the help of its verb, its sentence is a clause, and it is suggested for what is nearly its name. */
static void look_at_flag(void *user, char *flag, const char *doc) {
    VerbSeen *seen = user;
    char text[4096], arguments[256], wanted[128];
    size_t n = strlen(doc);
    if (n == 0 || (doc[0] >= 'A' && doc[0] <= 'Z' && doc[1] >= 'a' && doc[1] <= 'z') || doc[n - 1] == '.')
        fail_msg("%s %s: '%s' is no clause", seen->verb, flag, doc);
    if (strcmp(flag, "--help") == 0) return;
    seen->flags++;
    if (!strstr(seen->help, flag)) fail_msg("vitc help %s does not tell of %s", seen->verb, flag);
    if (flag[1] != '-' || strlen(flag) < 5 || SANITIZED) return; /* which take long to start */
    snprintf(arguments, sizeof arguments, "%s %sx", seen->verb, flag);
    snprintf(wanted, sizeof wanted, "unknown flag %sx; did you mean %s?", flag, flag);
    if (run(arguments, text, sizeof text) != 2 || !strstr(text, wanted))
        fail_msg("vitc %s: wanted \"%s\", got\n%s", arguments, wanted, text);
}

/* Examples name flags that the verb has. */
static void look_at_examples(const char *verb, const char *help) {
    static char examples[1 << 14], before[1 << 15];
    const char *at = strstr(help, "\nexamples\n");
    if (!at) return;
    snprintf(before, sizeof before, "%.*s", (int)(at - help), help);
    snprintf(examples, sizeof examples, "%s", at);
    int n = 0;
    for (char *word = strtok(examples, " \n"); word; word = strtok(NULL, " \n")) {
        n += strcmp(word, "vitc") == 0;
        if (word[0] != '-' || !word[1]) continue;
        word[strcspn(word, "=")] = '\0';
        if (!strstr(before, word)) fail_msg("an example of %s has %s, which it has not", verb, word);
    }
    assert_true(n > 0);
}

static void look_at_verb(void *user, char *verb, const char *doc) {
    VerbSeen *seen = user;
    char text[4096], words[128];
    assert_true(strlen(doc) > 0 && strlen(doc) <= 66);
    seen->verb = verb;
    snprintf(words, sizeof words, "help %s", verb);
    assert_int_equal(run(words, seen->help, sizeof seen->help), 0);
    look_at_examples(verb, seen->help);
    snprintf(words, sizeof words, "%sx", verb);
    assert_int_equal(run(words, text, sizeof text), 2);
    snprintf(words, sizeof words, "unknown verb '%sx'; did you mean '%s'?", verb, verb);
    if (!strstr(text, words)) fail_msg("%s", text);
    snprintf(words, sizeof words, "%s -", verb);
    each_offer(words, look_at_flag, seen);
}

static void test_tables(void **state) {
    (void)state;
    static VerbSeen seen;
    each_offer("''", look_at_verb, &seen);
    assert_true(seen.flags > 80);
}

/* Every variable of the environment that vitc reads is told of. */
static void test_environment(void **state) {
    (void)state;
    static char help[1 << 14];
    char name[64];
    int n = 0;
    assert_int_equal(run("help environment", help, sizeof help), 0);
    FILE *names =
        popen("cd " SOURCE_DIR " && grep -rhoE 'getenv\\(\"[A-Z_]+\"' --include=*.c "
              "ir passes frontend codegen inspect runtime command driver | cut -d'\"' -f2 | sort -u",
              "r");
    while (fscanf(names, "%63s", name) == 1) {
        if (strcmp(name, "HOME") != 0 && !strstr(help, name))
            fail_msg("vitc help environment has no %s", name);
        n++;
    }
    pclose(names);
    assert_true(n > 10);
}

/* On a terminal headings are bold, unless NO_COLOR is set. */
static void test_colour(void **state) {
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        int master, slave;
        char text[1 << 14] = "";
        size_t size = 0;
        if (openpty(&master, &slave, NULL, NULL, NULL) != 0) skip();
        pid_t child = fork();
        if (child == 0) {
            dup2(slave, STDOUT_FILENO);
            setenv("TERM", "xterm", 1);
            unsetenv("NO_COLOR");
            if (plain) setenv("NO_COLOR", "1", 1);
            setenv("VITC_PAGER", "off", 1);
            execl(VITC_BINARY, "vitc", "help", "doctor", NULL);
            _exit(127);
        }
        close(slave);
        for (ssize_t got; (got = read(master, text + size, sizeof text - 1 - size)) > 0;) size += (size_t)got;
        close(master);
        waitpid(child, NULL, 0);
        assert_non_null(strstr(text, "--threads N"));
        assert_int_equal(strstr(text, "\033[1m--threads N\033[0m") != NULL, !plain);
    }
}

/* Help is as wide as the terminal, narrow ones too, and plain where it is none. */
static void test_width(void **state) {
    (void)state;
    static const char *const rows[] = {"help",        "help train",   "help ops",
                                       "help passes", "help recipes", "embed --help"};
    static char text[1 << 17];
    for (int width = 40; width <= 160; width += 40)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            char columns[16];
            snprintf(columns, sizeof columns, "%d", width);
            setenv("COLUMNS", columns, 1);
            assert_int_equal(run(rows[i], text, sizeof text), 0);
            assert_null(strchr(text, '\033'));
            for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                bool words = strchr(line + strspn(line, " "), ' ') != NULL; /* a longer word is not broken */
                if (words && vt_columns(line) > width) fail_msg("%s: more than %d: %s", rows[i], width, line);
            }
        }
    unsetenv("COLUMNS");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages),    cmocka_unit_test(test_accepted),
                                       cmocka_unit_test(test_targets),     cmocka_unit_test(test_version),
                                       cmocka_unit_test(test_suggestions), cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_tables),      cmocka_unit_test(test_width),
                                       cmocka_unit_test(test_environment), cmocka_unit_test(test_colour)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
