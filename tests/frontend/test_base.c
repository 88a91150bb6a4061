/* Recipes that begin with another: they are what they would be in one file, and errors are where they stand. */
#include "tests/frontend/written.h"

#include <sys/stat.h>

/* In a folder of its own, beside a library of its own. */
static const char BASE[] = "recipe: first\n"
                           "about: \"What is begun with.\"\n"
                           "use: [lib/nn.yaml, own.yaml]\n"
                           "knobs:\n"
                           "  width: {default: 4, type: int, min: 2, help: wide}\n"
                           "  rate: {default: 0.5, type: real, above: 0, max: 1}\n"
                           "  batch: 8\n"
                           "  gone: 3\n"
                           "check: |\n"
                           "  assert width < 100, 'width {width} is too much'\n"
                           "presets: {wide: {width: 6}}\n"
                           "views:\n"
                           "  photo: {size: 8, augment: [flip, normalize]}\n"
                           "  other: {size: 8, augment: [normalize]}\n"
                           "draws:\n"
                           "  noise: {sampler: uniform, low: 0, high: 1, shape: [$batch, 3]}\n"
                           "modules:\n"
                           "  twice(x): 2 * x\n"
                           "  thrice(x): 3 * x\n"
                           "networks:\n"
                           "  net(x): |\n"
                           "    return own_linear(twice(thrice(reshape(x, dim(x, 0), -1))), width)\n"
                           "  slow: {ema: net, momentum: 0.9, when: after}\n"
                           "state: {centre: \"zeros(1, width)\"}\n"
                           "objectives:\n"
                           "  a:\n"
                           "    weight: 2\n"
                           "    loss: mean((net(photo) - slow(photo) - centre) ** 2)\n"
                           "    update: |\n"
                           "      centre := centre / 2\n"
                           "  b: {loss: mean(net(other) ** 2) + mean(noise) / gone}\n"
                           "embed: {view: photo, features: net(photo)}\n"
                           "train: {batch: $batch, epochs: 3, optimizer: \"param - rate * grad\"}\n";

static const char LIBRARY[] =
    "library: own\nuse: [lib/nn.yaml]\nmodules:\n  own_linear(x, n): \"fc: linear(x, n)\"\n";

static const char OUTER[] = "recipe: outer\n"
                            "base: far/first\n"
                            "use: [lib/losses.yaml]\n"
                            "knobs: {width: 5, rate: {max: 2}, gone: ~, more: 7}\n"
                            "check: |\n"
                            "  assert more > 6, 'more {more} is little'\n"
                            "presets: {wide: {rate: 2}, narrow: {width: 2}}\n"
                            "views:\n"
                            "  photo: {augment: [normalize]}\n"
                            "  other: ~\n"
                            "draws: {noise: {sampler: normal, shape: [$batch, 3]}}\n"
                            "modules:\n"
                            "  thrice(y): y + 7\n"
                            "networks:\n"
                            "  net(x, drop=0.0): |\n"
                            "    return own_linear(twice(thrice(reshape(x, dim(x, 0), -1))), width) + drop\n"
                            "  slow: {momentum: 0.5}\n"
                            "  slower: {ema: slow, momentum: 0.99}\n"
                            "objectives:\n"
                            "  a: {weight: 3}\n"
                            "  b: {loss: mean(slower(photo) * net(photo)) + mean(noise)}\n"
                            "train: {epochs: 5}\n";

static const char BY_HAND[] =
    "recipe: outer\n"
    "use: [lib/nn.yaml, far/own.yaml, lib/losses.yaml]\n"
    "knobs:\n"
    "  width: {default: 5, type: int, min: 2, help: wide}\n"
    "  rate: {default: 0.5, type: real, above: 0, max: 2}\n"
    "  batch: 8\n"
    "  more: 7\n"
    "check:\n"
    "- |\n"
    "  assert width < 100, 'width {width} is too much'\n"
    "- |\n"
    "  assert more > 6, 'more {more} is little'\n"
    "presets: {wide: {width: 6, rate: 2}, narrow: {width: 2}}\n"
    "views:\n"
    "  photo: {size: 8, augment: [normalize]}\n"
    "draws:\n"
    "  noise: {sampler: normal, shape: [$batch, 3]}\n"
    "modules:\n"
    "  twice(x): 2 * x\n"
    "  thrice(y): y + 7\n"
    "networks:\n"
    "  net(x, drop=0.0): |\n"
    "    return own_linear(twice(thrice(reshape(x, dim(x, 0), -1))), width) + drop\n"
    "  slow: {ema: net, momentum: 0.5, when: after}\n"
    "  slower: {ema: slow, momentum: 0.99}\n"
    "state: {centre: \"zeros(1, width)\"}\n"
    "objectives:\n"
    "  a:\n"
    "    weight: 3\n"
    "    loss: mean((net(photo) - slow(photo) - centre) ** 2)\n"
    "    update: |\n"
    "      centre := centre / 2\n"
    "  b: {loss: mean(slower(photo) * net(photo)) + mean(noise)}\n"
    "embed: {view: photo, features: net(photo)}\n"
    "train: {batch: $batch, epochs: 5, optimizer: \"param - rate * grad\"}\n";

static int write_files(void **state) {
    setup(state);
    mkdir(arena_printf(arena, "%s/far", folder), 0755);
    written("far/first.yaml", BASE);
    written("far/own.yaml", LIBRARY);
    written("outer.yaml", OUTER);
    return 0;
}

static void check_same(const char *text, const char *hand, const char *const *set, int n) {
    const char *messages;
    Recipe ours = load(text, set, n, &messages);
    assert_string_equal(messages, "");
    Recipe theirs = load(hand, set, n, &messages);
    assert_string_equal(messages, "");
    assert_string_equal(ours.resolved, with(theirs.resolved, "far/own.yaml", "own.yaml"));
    Recipe again = load(ours.resolved, NULL, 0, &messages); /* it needs none of the files */
    assert_string_equal(messages, "");
    assert_string_equal(again.resolved, ours.resolved);
}

static void test_same(void **state) {
    (void)state;
    static const char *const set[] = {"preset=wide", "more=9", "objectives.b.weight=0.5", "train.seed=3"};
    check_same(OUTER, BY_HAND, NULL, 0);
    check_same(OUTER, BY_HAND, set, 4);
    /* `~` takes a whole section away, what is no map replaces it */
    const char *less = with(with(OUTER, "train: {epochs: 5}\n", "embed: ~\n"),
                            "check: |\n  assert more > 6, 'more "
                            "{more} is little'\n",
                            "check: ~\n");
    const char *hand =
        with(with(BY_HAND, "embed: {view: photo, features: net(photo)}\n", ""), "epochs: 5", "epochs: 3");
    hand = with(hand,
                "check:\n- |\n  assert width < 100, 'width {width} is too much'\n- |\n  assert more > 6, "
                "'more {more} is little'\n",
                "");
    check_same(with(less, ", more: 7", ""), with(hand, "  more: 7\n", ""), NULL, 0);
}

/* A base has one too; what they use lies beside each of them. */
static void test_deep(void **state) {
    (void)state;
    const char *messages;
    written("between.yaml", OUTER);
    Recipe recipe = load("recipe: outer\nbase: between\nknobs: {more: 8}\n", NULL, 0, &messages);
    assert_string_equal(messages, "");
    Recipe hand = load(with(BY_HAND, "more: 7", "more: 8"), NULL, 0, &messages);
    assert_string_equal(recipe.resolved, with(hand.resolved, "far/own.yaml", "own.yaml"));
    /* as the encoder of another */
    recipe = load("recipe: outer\nviews: {photo: {of: net}}\nnetworks:\n  net: {recipe: "
                  "between}\nobjectives: {o: {loss: "
                  "mean(net(photo) ** 2)}}\ntrain: {batch: 4, optimizer: \"param - grad\"}\n",
                  NULL, 0, &messages);
    assert_string_equal(messages, "");
    assert_true(module_find_state(recipe.module, "net.net.fc.weight") >= 0);
    /* the files by which a kept program is found again: changes of any are seen */
    RecipeSources sources;
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models"};
    const char *path = written("deep.yaml", "recipe: deep\nbase: between\n");
    assert_true(recipe_sources(arena, path, &options, &sources));
    int found = 0;
    for (size_t i = 0; i < sources.count; i++)
        found += strstr(sources.items[i].path, "/between.yaml") ||
                 strstr(sources.items[i].path, "/first.yaml") || strstr(sources.items[i].path, "/own.yaml") ||
                 strstr(sources.items[i].path, "/losses.yaml");
    assert_int_equal(found, 4);
    /* what can be set, without elaborating it */
    const RecipeSetting *rows;
    size_t n = recipe_setting_rows(arena, path, SOURCE_DIR "/models", &rows);
    bool width = false;
    for (size_t i = 0; i < n; i++)
        width = width || (strcmp(rows[i].name, "width") == 0 && rows[i].value[0] == '5');
    assert_true(width);
}

static const struct {
    const char *word, *by;             /* in the base */
    const char *outer_word, *outer_by; /* in the recipe */
    const char *set;
    const char *messages[2];
} CASES[] = {
    {"",
     "",
     "base: far/first",
     "base: far/frist",
     NULL,
     {"outer.yaml:2:7: error: there is no recipe 'far/frist' to begin with"}},
    {"", "", "base: far/first", "base: [far/first]", NULL, {"base must be a word, not a list"}},
    {"", "", "base: far/first", "base: outer", NULL, {"the recipe begins with itself"}},
    {"recipe: first\n",
     "recipe: first\nbase: ../outer\n",
     "",
     "",
     NULL,
     {"far/first.yaml:2:7: error: the recipe begins with itself"}},
    {"",
     "",
     "base: far/first",
     "base: lib/nn.yaml",
     NULL,
     {"'lib/nn.yaml' is a library: `use` takes it, `base` a recipe"}},
    {"", "", "base: far/first", "base: run", NULL, {"'run' is a run: a recipe begins with another recipe"}},
    {"",
     "",
     "base: far/first",
     "base: run/recipe.yaml",
     NULL,
     {"is the recipe of a run, with its libraries in it"}},
    {"about: ", "about: [", "", "", NULL, {"far/first.yaml:", "outer.yaml:2:7: note: begun with here"}},
    {"draws:\n  noise:",
     "draws:\n- noise:",
     "",
     "",
     NULL,
     {"far/first.yaml:16:1: error: draws must be a map, not a list"}},
    {"about:", "abuot:", "", "", NULL, {"far/first.yaml:2:1: error: unknown key 'abuot' in a recipe"}},
    {"twice(x): 2 * x", "twice(x): 2 * z", "", "", NULL, {"far/first.yaml:18:17: error: unknown name 'z'"}},
    {"", "", "thrice(y): y + 7", "thrice(y): y + w", NULL, {"outer.yaml:13:18: error: unknown name 'w'"}},
    {"",
     "",
     "",
     "",
     "width=100",
     {"far/first.yaml:10:3: error: width 100 is too much", "command line:1:7: note"}},
    {"", "", "", "", "more=1", {"outer.yaml:6:3: error: more 1 is little"}},
    {"", "", "", "", "rate=3", {"rate"}},
    {"", "", "gone: ~", "gone: ~, width: 1", NULL, {"key 'width' is given twice"}},
    {"", "", "{width: 5,", "{width: 1,", NULL, {"outer.yaml:4:16: error:"}},
};

static void test_errors(void **state) {
    (void)state;
    const char *messages;
    mkdir(arena_printf(arena, "%s/run", folder), 0755);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const char *text = *CASES[i].outer_word ? with(OUTER, CASES[i].outer_word, CASES[i].outer_by) : OUTER;
        written("run/recipe.yaml", load(BY_HAND, NULL, 0, &messages).resolved);
        written("far/first.yaml", *CASES[i].word ? with(BASE, CASES[i].word, CASES[i].by) : BASE);
        written("outer.yaml", text);
        Recipe recipe = load(text, &CASES[i].set, CASES[i].set ? 1 : 0, &messages);
        assert_null(recipe.module);
        for (int m = 0; m < 2 && CASES[i].messages[m]; m++)
            if (!strstr(messages, CASES[i].messages[m]))
                fail_msg("case %zu: no '%s' in:\n%s", i, CASES[i].messages[m], messages);
    }
    written("far/first.yaml", BASE);
    for (int i = 0; i < 10; i++)
        written(arena_printf(arena, "deep%d.yaml", i),
                i ? arena_printf(arena, "recipe: d\nbase: deep%d\n", i - 1) : OUTER);
    assert_null(load("recipe: d\nbase: deep9\n", NULL, 0, &messages).module);
    assert_non_null(strstr(messages, "recipes begin with others more than 8 deep"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same, write_files, teardown),
        cmocka_unit_test_setup_teardown(test_deep, write_files, teardown),
        cmocka_unit_test_setup_teardown(test_errors, write_files, teardown),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
