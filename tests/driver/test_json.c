/* Everything that vitc prints or writes as JSON is what docs/schemas/ says: one recipe of each kind. */
#include "tests/driver/runs.h"
#include "tests/driver/schema.h"

/* Objectives with moving averages, with masks, with a queue, with prototypes, with loops. */
static const char *const RECIPES[] = {
    "dino preset=tiny batch=8",
    "mae preset=tiny batch=8",
    SOURCE_DIR "/models/moco.yaml preset=tiny batch=8",
    SOURCE_DIR "/models/paper/swav.yaml preset=tiny batch=8",
    TEST_DIR "/driver/whitening.yaml",
};
enum { N_RECIPES = sizeof RECIPES / sizeof *RECIPES };

/* What `vitc ARGUMENTS` prints. */
static char *printed(const char *arguments) {
    char command[1024], *text = NULL;
    size_t size = 0;
    snprintf(command, sizeof command, "cd %s && %s %s 2>log", folder, VITC_BINARY, arguments);
    FILE *pipe = popen(command, "r"), *out = open_memstream(&text, &size);
    assert_non_null(pipe);
    for (int c; (c = fgetc(pipe)) != EOF;) fputc(c, out);
    fclose(out);
    if (pclose(pipe) != 0) {
        said("");
        fail_msg("vitc %s", arguments);
    }
    return text;
}

/* `vitc BEFORE RECIPE AFTER` for each recipe. */
static void check_recipes(const char *schema, const char *before, const char *after, int n) {
    for (int i = 0; i < n; i++) {
        char arguments[512];
        snprintf(arguments, sizeof arguments, "%s %s %s", before, RECIPES[i], after);
        char *text = printed(arguments);
        assert_schema(schema, text);
        free(text);
    }
}

static void check_file(const char *schema, const char *name) {
    json_error_t problem;
    json_t *value = json_load_file(path_of(name), JSON_REJECT_DUPLICATES, &problem);
    if (!value) fail_msg("%s:%d: %s", name, problem.line, problem.text);
    assert_schema_of(schema, value);
    json_decref(value);
}

static void test_check(void **state) {
    (void)state;
    check_recipes("check", "check", "--format=json", 1);
    check_recipes("check", "check", "--format=json --knobs --labels train.memory=40MB", 2);
}

static void test_inspect(void **state) {
    (void)state;
    check_recipes("inspect-report", "inspect", "--cost --memory --format=json", N_RECIPES);
    check_recipes("inspect-report", "inspect", "--function embed --cost --format=json", 1);
    check_recipes("inspect-report", "inspect", "train.memory=40MB --memory --format=json", 1);
}

static void test_graph(void **state) {
    (void)state;
    check_recipes("inspect-graph", "inspect --format=json", "", N_RECIPES);
    check_recipes("inspect-graph", "inspect --format=json", "--full --after autodiff", 2);
    check_recipes("inspect-graph", "inspect --format=json",
                  "--states=trained --only='*.backbone.*' --function=all", 1);
    check_recipes("inspect-passes", "inspect --format=json", "--passes", N_RECIPES);
    check_recipes("inspect-passes", "inspect --format=json", "--passes --after frontend", 1);
    check_recipes("inspect-diff", "inspect --format=json", "--diff=prologue", N_RECIPES);
    check_recipes("inspect-diff", "inspect --format=json", "--diff=simplify.1 --function=all", 2);
}

static void test_explain(void **state) {
    static const char *const ASKED[] = {
        "--explain loss",
        "--explain %0",
        "--explain %40",
        "--explain 'kernel 3'",
        "--explain lib/nn.yaml:10",
        "--explain softmax",
        "--explain '*.weight'",
        "--explain '*.norm.*'",
        "--kernel 2",
        "--kernel loss --emit=llvm",
    };
    (void)state;
    for (size_t i = 0; i < sizeof ASKED / sizeof *ASKED; i++)
        check_recipes("inspect-explain", "inspect --format=json", ASKED[i], 2);
    check_recipes("inspect-explain", "inspect --format=json", "--explain student.backbone.norm.weight", 1);
    check_recipes("inspect-explain", "inspect --format=json", "--explain global.0 --function step", 1);
    check_recipes("inspect-explain", "inspect --format=json", "--function embed --explain features", 1);
}

static void test_bench(void **state) {
    (void)state;
    check_recipes("bench", "bench", "--steps 1 --format=json", 1);
    check_recipes("bench", "bench", "--steps 1 --profile --format=json", N_RECIPES);
}

static void test_files(void **state) {
    (void)state;
    for (int i = 0; i < N_RECIPES; i++) {
        int code = run_command("cd %s && %s bench %s --steps 2 --threads 2 --profile=p.json --trace=t.json",
                               folder, VITC_BINARY, RECIPES[i]);
        if (code) fail_msg("%s", RECIPES[i]);
        check_file("profile", "p.json");
        check_file("trace", "t.json");
    }
}

/* What a run's folder has beside its recipe and its states. */
static void test_run(void **state) {
    char line[1 << 16];
    int lines = 0;
    (void)state;
    assert_int_equal(run_command("cd %s && %s train %s --data synthetic:64 --out run --steps 2 --plain",
                                 folder, VITC_BINARY, RECIPES[0]),
                     0);
    check_file("run", "run/run.json");
    FILE *file = fopen(path_of("run/metrics.jsonl"), "r");
    assert_non_null(file);
    for (; fgets(line, sizeof line, file); lines++) assert_schema("metrics", line);
    fclose(file);
    assert_true(lines >= 3);
    static const char *const evaluations[] = {"knn run --baselines", "linear run --rates 0.1 --epochs 1",
                                              "knn run --limit 40 --json other.json"};
    for (size_t i = 0; i < sizeof evaluations / sizeof *evaluations; i++)
        assert_int_equal(
            run_command("cd %s && %s eval %s --data synthetic:64", folder, VITC_BINARY, evaluations[i]), 0);
    check_file("eval", "run/eval.json");
    check_file("eval", "other.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),   cmocka_unit_test(test_inspect), cmocka_unit_test(test_graph),
        cmocka_unit_test(test_explain), cmocka_unit_test(test_bench),   cmocka_unit_test(test_files),
        cmocka_unit_test(test_run),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
