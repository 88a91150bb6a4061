/* Completion: what vitc offers for a command line, and what its scripts make of it in the shells that there are. */
#include "tests/driver/runs.h"

#include <sys/resource.h>

static bool have(const char *command) {
    return run_command("command -v %s", command) == 0;
}

/* In a folder with a file of each kind; the recipe `my` has a knob with choices. */
static int make_files(void **state) {
    static const char recipe[] = "recipe: my\n"
                                 "knobs:\n"
                                 "  mode: {default: fast, choices: [fast, slow], help: how}\n"
                                 "  blur: true\n"
                                 "  scale: [0.1, 1]\n"
                                 "presets: {small: {blur: false}, smaller: {blur: false}}\n"
                                 "train: {epochs: 3, knn: {every: 2}, freeze: {a.b: true}}\n";
    if (make_folder(state) != 0) return -1;
    FILE *file = fopen(path_of("my.yaml"), "w");
    if (!file || fputs(recipe, file) < 0 || fclose(file) != 0) return -1;
    return run_command("cd %s && mkdir photos && touch a.npy b.txt w.safetensors", folder);
}

/* The words that are asked about, the last being the current one, and lines that are offered, with | between; none
 * other may be where `all`. */
static const struct {
    const char *words, *offered;
    bool all;
} ROWS[] = {
    {"tr", "train\ttrain a recipe on images", true},
    {"", "train\ttrain a recipe on images|help\t", false},
    {"--v", "--version\t", true},
    {"complete", "", true},
    {"trian x", "", true},
    {"train qui", ":file .yaml .yml|quickstart\t", true},
    {"train paper/sw", ":file .yaml .yml|paper/swav\t", true},
    {"train quickstart wid", "width=\t96", true},
    {"train quickstart epochs=", "epochs=8\tas the recipe has it", true},
    {"train my.yaml mode=", "mode=fast\tas the recipe has it|mode=slow", true},
    {"train my.yaml mo", "mode=\tfast: how", true},
    {"train my.yaml blur=f", "blur=false", true},
    {"train my.yaml sc", "scale=\t[0.1,1]", true},
    {"train my.yaml preset=s", "preset=small|preset=smaller", true},
    {"train my.yaml train.knn", "train.knn.every=\t2", true},
    {"train my.yaml train.free", "", true},
    {"train my.yaml train.precision=b", "train.precision=bf16|train.precision=bf16x3", true},
    {"train --out x --threads 2 my.yaml mo", "mode=\tfast: how", true}, /* neither value is the recipe */
    {"train --out", "--out\t", true},
    {"train my.yaml ''", "preset=\t|mode=\t|--data\t|--out\t", false},
    {"train my.yaml --data x ''", "--out\t", false},
    {"train my.yaml --out ''", ":folder", true},
    {"train my.yaml --data ''", "synthetic\t|:file", true},
    {"train my.yaml --data web=s", "web=synthetic\t|:file", true},
    {"train my.yaml --data synthetic:4", "", true},
    {"train my.yaml --precision ''", "fp32|bf16|bf16x3", true},
    {"train my.yaml --re", "--resume\t|--rename\t", true},
    {"train my.yaml --resume --re", "--rename\t", true},
    {"train my.yaml -- mo", "mode=\t", true},
    {"train nothing.yaml mo", "", true},
    {"bench quickstart --format=j", "--format=json", true},
    {"embed runs --out ''", ":file .npy .safetensors", true},
    {"eval ''", "knn|retrieval|linear|fewshot|finetune", true},
    {"data ch", "check", true},
    {"data check a ''", "synthetic\t|:file", true},
    {"inspect quickstart --after bat", "batch-views\t", true},
    {"inspect quickstart --after front", "frontend\t", true},
    {"inspect quickstart --function st", "step\t|stop\t", true},
    {"opt --passes simplify,fu", "simplify,fuse\t", true},
    {"build quickstart --target x86-64,aarch64-b", "x86-64,aarch64-bf16\t", true},
    {"build quickstart -", "-o\t|--emit\t|-g\t", false},
    {"build quickstart --emit l", "llvm|lib", true},
    {"help softm", "softmax\t", false},
    {"help pas", "passes\t", true},
    {"completion f", "fish", true},
    {"train quickstart --target-f", "", true}, /* the old name of a flag */
};

/* Whether `line` is the first of the log, from *at; one that is given up to its tab may say anything after it. */
static bool take_line(const char **at, const char *line, size_t n) {
    size_t size = strcspn(*at, "\n");
    bool same = strncmp(*at, line, n) == 0 && (size == n || line[n - 1] == '\t' || (*at)[n] == '\t');
    *at += size + ((*at)[size] == '\n');
    return same;
}

static void test_offers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const char *empty = ROWS[i].words[0] ? "" : "''";
        assert_int_equal(
            run_command("cd %s && %s complete-words -- %s%s", folder, VITC_BINARY, ROWS[i].words, empty), 0);
        char *log = read_log();
        const char *at = log, *lines = ROWS[i].offered;
        bool good = true;
        for (; good && *lines; lines += strcspn(lines, "|"), lines += *lines == '|') {
            size_t n = strcspn(lines, "|");
            good = take_line(&at, lines, n);
            while (!good && !ROWS[i].all && *at) good = take_line(&at, lines, n);
        }
        if (!good || (ROWS[i].all && *at))
            fail_msg("%s: wanted\n%s\nbut was\n%s", ROWS[i].words, ROWS[i].offered, log);
        free(log);
    }
}

/* Of the commands that have been run: what other programs on the machine take is not in it. */
static double processor_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* A shell waits for it after each tab. */
static void test_quick(void **state) {
    (void)state;
    if (SANITIZED) skip();
    double best = 1;
    for (int i = 0; i < 10; i++) {
        double before = processor_seconds();
        assert_int_equal(run_command("%s complete-words -- train dino o", VITC_BINARY), 0);
        double seconds = processor_seconds() - before;
        best = seconds < best ? seconds : best;
    }
    if (best > 0.05) fail_msg("a completion takes %.0f ms of a processor", best * 1e3);
}

/* Words as bash breaks them, and what it would put in place of the last. */
static void test_bash(void **state) {
    (void)state;
    static const struct {
        const char *words, *replies;
    } rows[] = {{"tr", "train\n"},
                {"train din", "dino\n"},
                {"train dino o", "out_dim=\n"},
                {"train dino epochs =", "100\n"},
                {"train dino preset = c", "cifar\n"},
                {"train dino epochs = 3 out", "out_dim=\n"},
                {"train dino --data photos = ph", "photos\n"},
                {"train dino --data synt", "synthetic\n"},
                {"train dino --out ph", "photos\n"},
                {"embed runs --out =", "a.npy\nw.safetensors\nphotos\n"},
                {"check m", "my.yaml\nmae\nmoco\nmocov3\n"},
                {"opt --passes simplify,fu", "simplify,fuse\n"}};
    if (!have("bash")) {
        print_message("no bash: its completion is not looked at\n");
        skip();
    }
    assert_int_equal(run_command("%s completion bash | bash -n", VITC_BINARY), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(
            run_command("cd %s && bash -c 'source <(\"$0\" completion bash); COMP_WORDS=(\"$0\" \"$@\"); "
                        "COMP_CWORD=$#; _vitc_complete; printf \"%%s\\n\" \"${COMPREPLY[@]}\"' %s %s",
                        folder, VITC_BINARY, rows[i].words),
            0);
        char *log = read_log();
        if (strcmp(log, rows[i].replies) != 0)
            fail_msg("%s: wanted\n%sbut was\n%s", rows[i].words, rows[i].replies, log);
        free(log);
    }
}

static void test_zsh(void **state) {
    (void)state;
    if (!have("zsh")) {
        print_message("no zsh: its completion is not looked at\n");
        skip();
    }
    assert_int_equal(
        run_command("%s completion zsh >%s/_vitc && zsh -n %s/_vitc", VITC_BINARY, folder, folder), 0);
}

static void test_fish(void **state) {
    (void)state;
    if (!have("fish")) {
        print_message("no fish: its completion is not looked at\n");
        skip();
    }
    assert_int_equal(run_command("%s completion fish | fish -n", VITC_BINARY), 0);
    assert_int_equal(
        run_command("cd %s && ln -sf %s vitc && PATH=$PWD:$PATH HOME=$PWD fish -c 'vitc completion fish | "
                    "source; complete -C \"vitc train dino o\"; complete -C \"vitc embed x --out=a\"'",
                    folder, VITC_BINARY),
        0);
    assert_true(said("out_dim=\t65536\n"));
    assert_true(said("--out=a.npy\n"));
}

static void test_refused(void **state) {
    (void)state;
    assert_int_equal(run_command("%s completion", VITC_BINARY), 2);
    assert_true(said("completion wants one shell: bash, zsh or fish"));
    assert_int_equal(run_command("%s completion bsh", VITC_BINARY), 2);
    assert_true(said("completion bsh: bash, zsh or fish was expected; did you mean 'bash'?"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_offers), cmocka_unit_test(test_quick),
                                       cmocka_unit_test(test_bash),   cmocka_unit_test(test_zsh),
                                       cmocka_unit_test(test_fish),   cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, make_files, remove_folder);
}
