/* Which knobs of a recipe stay settable, what fixes the others, and what has to hold of settings. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

typedef struct {
    Arena *arena;
    Recipe recipe;
} Loaded;

static Loaded load(const char *name, const char *text) {
    Loaded l = {.arena = arena_new()};
    Diags *diags = diags_new(l.arena);
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models"};
    const char *path = arena_printf(l.arena, SOURCE_DIR "/models/%s.yaml", name);
    bool good = text ? recipe_load_text(l.arena, diags, name, text, strlen(text), &options, &l.recipe)
                     : recipe_load(l.arena, diags, path, &options, &l.recipe);
    if (!good) fail_msg("%s: %s", name, diags_text(diags));
    return l;
}

static const char *free_knobs(const Loaded *l) {
    const char *all = "";
    for (size_t i = 0; i < l->recipe.n_knobs; i++) {
        const RecipeKnob *knob = &l->recipe.knobs[i];
        if (!knob->fixed) all = arena_printf(l->arena, "%s%s%s", all, *all ? " " : "", knob->name);
        assert_true(knob->fixed == (knob->why[0] != '\0'));
    }
    return all;
}

/* ---- recipes of models/ ------------------------------------------------------------------------------------------ */

static const struct {
    const char *recipe, *free;
} SHIPPED[] = {
    {"quickstart", "epochs peak_lr wd"},
    {"dino", "epochs teacher_temp warmup_teacher_temp warmup_teacher_temp_epochs ema ema_end base_lr min_lr "
             "warmup wd wd_end clip freeze_last_layer"},
    {"mae", "epochs base_lr wd warmup"},
    {"mocov3", "epochs momentum base_lr wd warmup"},
    {"simmim", "epochs base_lr wd clip warmup milestone"},
    {"hybrid", "momentum epochs base_lr wd clip warmup"},
    {"paper/can", "epochs base_lr warmup"},
    {"cmc", "epochs base_lr warmup"},
    {"paper/data2vec", "momentum epochs base_lr warmup"},
    {"paper/ibot",
     "teacher_temp patch_temp warmup_teacher_temp momentum epochs warmup_teacher_temp_epochs base_lr warmup "
     "wd wd_end clip"},
    {"paper/ijepa", "epochs momentum base_lr warmup wd wd_end"},
    {"paper/layerwise", "epochs base_lr warmup"},
    {"moco", "momentum epochs base_lr warmup"},
    {"paper/msn", "momentum epochs base_lr warmup wd wd_end clip"},
    {"sit", "momentum epochs base_lr warmup wd wd_end clip"},
    {"paper/swav", "freeze base_lr warmup epochs"},
};

static void test_shipped(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof SHIPPED / sizeof *SHIPPED; i++) {
        Loaded l = load(SHIPPED[i].recipe, NULL);
        assert_string_equal(free_knobs(&l), SHIPPED[i].free);
        static const char *const options[] = {"train.seed", "train.checkpoint_every", "train.knn.every",
                                              "train.knn.k", "train.knn.temperature"};
        const VtProgram *p = &l.recipe.plan;
        for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
            bool there = false;
            for (int s = 0; s < p->n_settings; s++) there = there || !strcmp(p->settings[s].key, options[o]);
            if (!there) fail_msg("%s: %s is no setting", SHIPPED[i].recipe, options[o]);
        }
        for (int s = 0; s < p->n_settings; s++) /* each has its place in the text */
            assert_true(p->settings[s].length > 0);
        arena_free(l.arena);
    }
}

/* ---- where a knob is read ---------------------------------------------------------------------------------------- */

#define RECIPE(knob, schedule, rest)                                                                         \
    "recipe: t\nuse: [lib/schedules.yaml, lib/optimizers.yaml]\nknobs:\n  other: 3\n  k: " knob "\n"         \
    "schedules:\n  s: \"" schedule "\"\n" rest
#define VIEWS "views: {x: {size: 2}}\n"
#define NET "networks:\n  net: |\n    w = param(3, init=ones)\n    return w * mean(x) * s\n"
#define LOSS "objectives: {o: {loss: \"sum(net(x))\"}}\n"
#define TRAIN "train: {batch: 4, epochs: 10, optimizer: \"param - s * grad\"}\n"
#define PLAIN VIEWS NET LOSS TRAIN

static const struct {
    const char *text;
    const char *why; /* part of what fixes k; NULL: it is free */
    int conditions;
} READ[] = {
    {RECIPE("0.5", "k", PLAIN), NULL, 0},
    {RECIPE("0.5", "warmup_cosine(k * batch / 256, 0.0, 2)", PLAIN), NULL, 1},
    {RECIPE("2", "warmup_cosine(0.1, 0.0, int(min(k, epochs)))", PLAIN), NULL, 2},
    {RECIPE("0.5", "0.1 if k > 0.2 else 0.2", PLAIN), "t.yaml:7: s:", 0},
    {RECIPE("0.5", "k if k > 0.2 else 0.2", PLAIN), NULL, 1},
    {RECIPE("0.5", "where(k > 0.2, k, 1) * step", PLAIN), NULL, 0},
    {RECIPE("0.5", "[0.1, k][1] + (step % k)", PLAIN), NULL, 0},
    {RECIPE("0.5", "sum(k * i for i in range(3)) / 3", PLAIN), NULL, 0},
    {RECIPE("2", "sum(0.1 for i in range(k))", PLAIN), "t.yaml:7: s:", 0},
    {RECIPE("2", "[1, 2, 3][k]", PLAIN), "t.yaml:7: s:", 0},
    {RECIPE("2", "0.1 if k in [2, 3] else 0.2", PLAIN), "t.yaml:7: s:", 0},
    {RECIPE("2", "sum(arange(4) * k)", PLAIN), "t.yaml:7: s:", 0},
    {RECIPE("2", "k", "views: {x: {size: $k}}\n" NET LOSS TRAIN), "t.yaml:8: views: {x: {size: $k}}", 0},
    {RECIPE("2", "k", VIEWS NET "objectives: {o: {loss: \"sum(net(x)) * k\"}}\n" TRAIN),
     "t.yaml:13: objectives", 0},
    {RECIPE("2", "k", VIEWS NET "objectives: {o: {loss: \"sum(net(x))\", weight: k}}\n" TRAIN), "t.yaml:13",
     0},
    {RECIPE("2", "k", VIEWS NET LOSS "train: {batch: $k, optimizer: \"param - s * grad\"}\n"),
     "t.yaml:14: train", 0},
    {RECIPE("2", "k",
            VIEWS NET LOSS "train: {batch: 4, epochs: $(k + 1), optimizer: \"param - s * grad\"}\n"),
     "t.yaml:14: train", 0},
    {RECIPE("2", "k", VIEWS NET LOSS "train: {batch: 4, epochs: $k, optimizer: \"param - s * grad\"}\n"),
     NULL, 0},
    {RECIPE("0.5", "0.1", VIEWS NET LOSS "train: {batch: 4, optimizer: \"adamw(param, grad, s, k)\"}\n"),
     NULL, 1},
    {RECIPE("0.5", "0.1", VIEWS NET LOSS "train: {batch: 4, optimizer: \"param - k * grad\"}\n"), "t.yaml:14",
     0},
    {RECIPE("{default: 2, choices: [1, 2]}", "k", PLAIN), "it is one of a few choices", 0},
    {RECIPE("[1, 2]", "k[0]", PLAIN), "it is a list", 0},
    {RECIPE("true", "0.1 if k else 0.2", PLAIN), "it is true or false", 0},
    {RECIPE("2", "0.1", PLAIN), "nothing reads it", 0},
    {RECIPE("2", "k", "check: |\n  assert k < 5, 'k {k}'\n" PLAIN), NULL, 1},
    {RECIPE("2", "k", "check: |\n  assert k % 2 == 0 and k < other, 'k {k}'\n" PLAIN), NULL, 1},
    {RECIPE("{default: 2, max: $other}", "k", PLAIN), NULL, 0},
};

static void test_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof READ / sizeof *READ; i++) {
        Loaded l = load("t.yaml", READ[i].text);
        const RecipeKnob *k = &l.recipe.knobs[1];
        if (k->fixed != (READ[i].why != NULL))
            fail_msg("case %zu: k is %s (%s)", i, k->fixed ? "fixed" : "free", k->why);
        if (k->fixed && !strstr(k->why, READ[i].why))
            fail_msg("case %zu: '%s', not '%s'", i, k->why, READ[i].why);
        if (!k->fixed && l.recipe.plan.n_conditions != READ[i].conditions)
            fail_msg("case %zu: %d conditions", i, l.recipe.plan.n_conditions);
        const Func *step = module_find_func(l.recipe.module, "step");
        for (size_t n = 0; k->fixed && n < step->n_inputs; n++) /* it is a constant then */
            assert_string_not_equal(step->inputs[n].name, "setting.k");
        arena_free(l.arena);
    }
}

/* An option that is a knob is that knob's setting, with the narrower of both ranges; not where something else needs the
 * knob as it is. */
static void test_options(void **state) {
    (void)state;
    static const char *const train =
        "train: {batch: 4, epochs: $k, seed: 3, optimizer: \"param - s * grad\"}\n";
    Arena *arena = arena_new();
    Loaded one = load(
        "t.yaml", arena_printf(arena, "%s%s", RECIPE("{default: 2, max: 50}", "k", VIEWS NET LOSS), train));
    const VtSetting *k = &one.recipe.plan.settings[0];
    assert_string_equal(k->key, "k");
    assert_int_equal(k->sets, VT_SETS_EPOCHS);
    assert_int_equal(k->extent, 1);
    assert_true(k->most == 50 && k->least == 1e-6);
    assert_int_equal(strncmp(one.recipe.resolved + k->at, "2\n", 2), 0);
    for (int i = 1; i < one.recipe.plan.n_settings; i++)
        assert_string_not_equal(one.recipe.plan.settings[i].key, "train.epochs");
    Loaded other =
        load("t.yaml", arena_printf(arena, "%s%s",
                                    RECIPE("2", "epochs * 0.1", "views: {x: {size: $k}}\n" NET LOSS), train));
    const VtSetting *epochs = &other.recipe.plan.settings[0];
    assert_string_equal(epochs->key, "train.epochs");
    assert_int_equal(strncmp(other.recipe.resolved + epochs->at, "$k\n", 3), 0);
    assert_int_equal(epochs->length, 2);
    Loaded formula = load(
        "t.yaml", arena_printf(arena, "%s%s", RECIPE("2", "epochs * 0.1", VIEWS NET LOSS),
                               "train: {batch: 4, epochs: $(k + 1.5), optimizer: \"param - s * grad\"}\n"));
    epochs = &formula.recipe.plan.settings[0];
    assert_string_equal(epochs->key, "train.epochs");
    assert_int_equal(strncmp(formula.recipe.resolved + epochs->at, "3.5\n", 4), 0);
    arena_free(formula.arena);
    arena_free(one.arena);
    arena_free(other.arena);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shipped), cmocka_unit_test(test_read),
                                       cmocka_unit_test(test_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
