/* vitc init: first recipes are right and train at once, each section has a comment, and nothing is written over. */
#include "tests/driver/runs.h"

#include <dirent.h>

static char *file_text(const char *name) {
    char *text = calloc(1, 1 << 16);
    FILE *file = fopen(path_of(name), "r");
    if (!file || fread(text, 1, (1 << 16) - 1, file) == 0) fail_msg("there is no %s", name);
    fclose(file);
    return text;
}

static int init(const char *arguments) {
    return run_command("cd %s && %s init %s", folder, VITC_BINARY, arguments);
}

/* Before each section but the name and what it is about, without a blank line between. */
static void assert_comments(const char *name) {
    char *text = file_text(name), *save = NULL;
    bool comment = false;
    int sections = 0;
    for (char *at = text; *at; at++)
        if (*at == '\n' && at[1] == '\n') *at = ' '; /* strtok skips empty lines: they end the one before */
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        size_t word = strspn(line, "abcdefghijklmnopqrstuvwxyz_"), n = strlen(line);
        bool section = word && line[word] == ':';
        if (section && strncmp(line, "recipe:", 7) != 0 && strncmp(line, "about:", 6) != 0) {
            if (!comment) fail_msg("%s: no comment before: %s", name, line);
            sections++;
        }
        comment = line[0] == '#' && line[n - 1] != ' ';
    }
    assert_true(sections >= 7);
    free(text);
}

/* Calls `use` with each recipe of models/FOLDER. */
static int each_recipe(const char *below, void (*use)(const char *name)) {
    DIR *models = opendir(below);
    int n = 0;
    assert_non_null(models);
    for (struct dirent *entry; (entry = readdir(models));) {
        char name[64], *end = strstr(entry->d_name, ".yaml");
        if (!end) continue;
        snprintf(name, sizeof name, "%.*s", (int)(end - entry->d_name), entry->d_name);
        use(name);
        n++;
    }
    closedir(models);
    return n;
}

static void try_template(const char *kind) {
    char arguments[256], name[80];
    snprintf(name, sizeof name, "my-%s_1.yaml", kind);
    snprintf(arguments, sizeof arguments, "my-%s_1 --objective %s", kind, kind);
    assert_int_equal(init(arguments), 0);
    assert_true(said("vitc train my-") && said("--data synthetic --out runs/my-"));
    assert_comments(name);
    assert_int_equal(run_command("cd %s && %s check %s --strict", folder, VITC_BINARY, name), 0);
    assert_int_equal(run_command("cd %s && %s check %s preset=large --strict", folder, VITC_BINARY, name), 0);
    assert_int_equal(
        run_command("cd %s && %s train %s --data synthetic:64 batch=16 --out run-%s --steps 2 --plain",
                    folder, VITC_BINARY, name, kind),
        0);
    assert_true(said("done at step 2"));
    assert_int_equal(
        run_command("cd %s && %s eval knn run-%s --data synthetic:64 --k 5", folder, VITC_BINARY, kind), 0);
}

static void test_templates(void **state) {
    (void)state;
    assert_int_equal(each_recipe(SOURCE_DIR "/models/first", try_template), 4);
}

static void try_copy(const char *name) {
    char arguments[256], copy[80];
    snprintf(copy, sizeof copy, "copy_%s.yaml", name);
    snprintf(arguments, sizeof arguments, "%s --from %s", copy, name);
    if (init(arguments) != 0) fail_msg("%s: %s", name, read_log());
    assert_comments(copy);
}

static void test_copies(void **state) {
    (void)state;
    assert_true(each_recipe(SOURCE_DIR "/models", try_copy) > 4);
    assert_int_equal(init("copy_paper --from paper/swav"), 0);
    assert_true(said("vitc train copy_paper.yaml preset=tiny --data synthetic --out runs/copy_paper"));
    char *text = file_text("copy_paper.yaml");
    assert_non_null(strstr(text, "\nrecipe: copy_paper\n"));
    assert_non_null(strstr(text, "# Begun as a copy of paper/swav."));
    free(text);
    assert_int_equal(init("again --from copy_paper.yaml"), 0); /* comments are not doubled */
    char *again = file_text("again.yaml");
    assert_null(strstr(strstr(again, "# Several knobs") + 1, "# Several knobs"));
    free(again);
}

/* It is as the other but for what is said, also where that is a file elsewhere that begins with another itself. */
static void test_begun(void **state) {
    (void)state;
    assert_int_equal(init("begun --base paper/gram"), 0);
    assert_true(said("vitc train begun.yaml preset=tiny --data synthetic --out runs/begun"));
    char *text = file_text("begun.yaml");
    assert_non_null(strstr(text, "\nrecipe: begun\n"));
    assert_non_null(strstr(text, "\nbase: paper/gram\n"));
    assert_non_null(strstr(text, "\n#   objectives  dino, anchoring\n"));
    free(text);
    assert_int_equal(
        run_command("cd %s && sed -i 's/^knobs: {}/knobs: {anchor: 7}/' begun.yaml && mkdir below", folder),
        0);
    assert_int_equal(init("below/more --base begun.yaml"), 0);
    assert_int_equal(
        run_command("cd %s && %s inspect below/more.yaml preset=tiny anchor=7 --against gram preset=tiny",
                    folder, VITC_BINARY),
        0);
    assert_true(said("knobs.anchor") && said("7"));
    assert_false(log_holds("objectives."));
    assert_int_equal(
        run_command("cd %s && %s check below/more.yaml preset=tiny --strict", folder, VITC_BINARY), 0);
}

static void test_list(void **state) {
    (void)state;
    assert_int_equal(init("--list"), 0);
    assert_true(said("contrast") && said("mask ") && said("quickstart") && said("paper/swav"));
}

static void test_refused(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "init wants one name: vitc init NAME"},
        {"a b", "init wants one name"},
        {"'a b'", "'a b': a recipe's name is letters, digits, _ and -"},
        {"dir/", "a name was expected"},
        {"taken", "'taken.yaml' is there already, and stays"},
        {"taken.yaml", "'taken.yaml' is there already"},
        {"new --objective contrst", "unknown objective 'contrst'; did you mean 'contrast'?"},
        {"new --objective ../quickstart", "unknown objective '../quickstart'"},
        {"new --from quickstrt", "there is no recipe 'quickstrt'; did you mean 'quickstart'?"},
        {"new --from taken.yaml", "'taken.yaml' is no recipe"},
        {"new --from quickstart --objective mask", "--from, --base and --objective all say"},
        {"new --list", "init --list writes nothing"},
        {"new --base quickstrt", "there is no recipe 'quickstrt'; did you mean 'quickstart'?"},
        {"new --base taken.yaml", "no recipe"},
        {"none/new", "cannot write 'none/new.yaml'"},
        {"new --from broken.yaml", "unknown key 'objectivs'"},
    };
    assert_int_equal(
        run_command(
            "cd %s && echo mine >taken.yaml && (printf 'recipe: broken\\nobjectivs: {}\\n' >broken.yaml)",
            folder),
        0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(init(rows[i][0]), 2);
        if (!said(rows[i][1])) fail_msg("vitc init %s: %s", rows[i][0], rows[i][1]);
    }
    char *text = file_text("taken.yaml");
    assert_string_equal(text, "mine\n");
    free(text);
    assert_int_equal(access(path_of("new.yaml"), F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_templates), cmocka_unit_test(test_copies),
                                       cmocka_unit_test(test_begun), cmocka_unit_test(test_list),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
