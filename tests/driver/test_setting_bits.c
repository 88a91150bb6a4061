/* A program whose settings are given other values computes what one does that was made of the recipe with these values:
 * to the bit, in every recipe that has them. */
#include "tests/driver/built.h"

typedef struct {
    const char *recipe;
    const char *smaller[8]; /* knobs that keep it small */
    struct {
        const char *key;
        double value;
    } set[8];
} Case;

#define VIT "batch=8", "width=24", "depth=2", "heads=2", "image=16"
#define PATCH "patch=8"

static const Case CASES[] = {
    {"quickstart", {VIT, PATCH}, {{"peak_lr", 0.01}, {"epochs", 2}, {"wd", 0.3}, {"train.seed", 5}}},
    {"mae", {VIT, PATCH}, {{"base_lr", 0.3}, {"epochs", 3}, {"warmup", 0.5}, {"wd", 0.1}}},
    {"dino",
     {"preset=cifar", "out_dim=64", "batch=8", "width=24", "heads=2", "locals=1"},
     {{"base_lr", 0.3},
      {"min_lr", 0.001},
      {"epochs", 4},
      {"warmup", 1},
      {"wd_end", 0.7},
      {"ema", 0.9},
      {"clip", 0.05},
      {"warmup_teacher_temp_epochs", 2}}},
    {"mocov3",
     {VIT, PATCH},
     {{"base_lr", 0.3}, {"epochs", 3}, {"momentum", 0.5}, {"seed", 9}, {"warmup", 0.5}}},
    {"simmim",
     {VIT, PATCH, "mask_patch=8"},
     {{"base_lr", 0.3}, {"milestone", 0.4}, {"warmup", 0.7}, {"epochs", 5}}},
    {"moco", {"preset=tiny"}, {{"epochs", 0.5}, {"momentum", 0.25}}},
    {"paper/data2vec", {"preset=tiny"}, {{"epochs", 3}, {"momentum", 0.7}}},
    {"paper/ijepa", {"preset=tiny"}, {{"epochs", 0.75}}},
};

enum { STEPS = 4 };
#define STEPS_PER_EPOCH 3.0

static Built load(const Case *c, const char *text) {
    const char *overrides[8];
    int n = 0;
    while (n < 8 && c->smaller[n]) overrides[n] = c->smaller[n], n++;
    Built b = {.arena = arena_new()};
    Diags *diags = diags_new(b.arena);
    RecipeOptions options = {
        .models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = text ? 0 : n};
    const char *path = arena_printf(b.arena, SOURCE_DIR "/models/%s.yaml", c->recipe);
    bool good = text ? recipe_load_text(b.arena, diags, "set.yaml", text, strlen(text), &options, &b.recipe)
                     : recipe_load(b.arena, diags, path, &options, &b.recipe);
    if (!good) fail_msg("%s", diags_text(diags));
    b.module = b.recipe.module;
    char error[512];
    if (!codegen_machine(NULL, &b.module->machine, error, sizeof error)) fail_msg("%s", error);
    if (!passes_run(b.module, PASSES_ALL, NULL, diags)) fail_msg("%s", diags_text(diags));
    built_compile(&b, NULL);
    return b;
}

/* The resolved recipe with the copy's values in it. */
static char *spliced(Arena *arena, const Built *b, const VtProgram *copy) {
    const char *text = b->recipe.resolved, *out = "";
    int64_t at = 0;
    for (;;) {
        int next = -1;
        for (int i = 0; i < copy->n_settings; i++)
            if (copy->settings[i].at >= at && (next < 0 || copy->settings[i].at < copy->settings[next].at))
                next = i;
        if (next < 0) return arena_printf(arena, "%s%s", out, text + at);
        const VtSetting *s = &copy->settings[next];
        assert_true(s->length > 0);
        out = arena_printf(arena, "%s%.*s%.17g", out, (int)(s->at - at), text + at, s->value);
        at = s->at + s->length;
    }
}

/* All states after some steps; malloc'ed. */
static char *states_after(const VtProgram *p, size_t *size) {
    VtError error;
    VtInstance *instance = vt_instance_new(p, &error);
    assert_non_null(instance);
    assert_true(vt_instance_init(instance, (uint64_t)p->train.seed, &error));
    void **inputs = calloc((size_t)p->n_inputs + 1, sizeof *inputs);
    double per_epoch = STEPS_PER_EPOCH;
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < p->n_inputs; i++) {
            const VtInput *input = &p->inputs[i];
            const double *scalar = vt_feed_scalar(p, i, &per_epoch);
            if (!inputs[i]) inputs[i] = scalar ? (void *)scalar : calloc(1, vt_bytes(&input->tensor) + 64);
            if (input->source == VT_SOURCE_DRAW)
                vt_draw_fill(&p->draws[input->index], &input->tensor, (uint64_t)p->train.seed, (uint64_t)step,
                             inputs[i]);
            VtRng rng = {.seed = (uint64_t)(i + 7 * step)};
            for (int64_t k = 0; input->source == VT_SOURCE_VIEW && k < vt_elements(&input->tensor); k++)
                ((float *)inputs[i])[k] = (float)vt_rng_normal(&rng);
        }
        assert_true(vt_instance_run(instance, "step", inputs, &error));
    }
    *size = 0;
    for (int s = 0; s < p->n_states; s++) *size += vt_bytes(&p->states[s].tensor);
    char *all = malloc(*size), *at = all;
    for (int s = 0; s < p->n_states; at += vt_bytes(&p->states[s].tensor), s++)
        memcpy(at, vt_instance_state(instance, s), vt_bytes(&p->states[s].tensor));
    for (int i = 0; i < p->n_inputs; i++)
        if (!vt_feed_scalar(p, i, &per_epoch)) free(inputs[i]);
    free(inputs);
    vt_instance_free(instance);
    return all;
}

static void set(const Case *c, VtProgram *copy) {
    VtSettingValue values[8];
    VtError error;
    int n = 0;
    for (; n < 8 && c->set[n].key; n++) {
        values[n] = (VtSettingValue){vt_setting_find(copy, c->set[n].key), c->set[n].value};
        if (values[n].setting < 0) fail_msg("%s: %s is no setting", c->recipe, c->set[n].key);
    }
    if (!vt_program_set(copy, values, n, &error)) fail_msg("%s: %s", c->recipe, error.message);
}

static void check(const Case *c) {
    VtError error;
    VtProgram copy;
    size_t size[3];
    Built given = load(c, NULL);
    assert_true(vt_program_copy(compiled_program(given.compiled), &copy, &error));
    set(c, &copy);
    const char *text = spliced(given.arena, &given, &copy);
    Built made = load(c, text);
    const VtProgram *p = compiled_program(made.compiled);
    assert_string_equal(made.recipe.resolved, text);
    assert_int_equal(p->n_settings, copy.n_settings);
    assert_memory_equal(&p->train, &copy.train, sizeof p->train);
    assert_int_equal(p->n_inputs, copy.n_inputs);
    for (int i = 0; i < p->n_settings; i++) assert_true(p->settings[i].value == copy.settings[i].value);
    for (int i = 0; i < p->n_inputs; i++)
        if (p->inputs[i].source == VT_SOURCE_SETTING)
            assert_true(p->scalars[p->inputs[i].index].value == copy.scalars[copy.inputs[i].index].value);
    char *as_set = states_after(&copy, &size[0]), *as_made = states_after(p, &size[1]),
         *before = states_after(compiled_program(given.compiled), &size[2]);
    assert_int_equal(size[0], size[1]);
    if (memcmp(as_set, as_made, size[0]) != 0) fail_msg("%s: set and made anew differ", c->recipe);
    if (memcmp(as_set, before, size[0]) == 0) fail_msg("%s: settings change nothing", c->recipe);
    free(as_set);
    free(as_made);
    free(before);
    vt_program_copy_free(&copy);
    built_drop(&given);
    built_drop(&made);
}

static void test_same_bits(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i += SANITIZED ? 2 : 1) check(&CASES[i]);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static VtProgram program_of(Arena *arena, const char *recipe) {
    Recipe r;
    Diags *diags = diags_new(arena);
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models"};
    const char *path = arena_printf(arena, SOURCE_DIR "/models/%s.yaml", recipe);
    if (!recipe_load(arena, diags, path, &options, &r)) fail_msg("%s", diags_text(diags));
    VtProgram copy;
    VtError error;
    assert_true(vt_program_copy(&r.plan, &copy, &error));
    return copy;
}

static const struct {
    const char *recipe, *first, *second;
    double values[2];
    const char *message; /* NULL: it is fine */
} REFUSED[] = {
    {"quickstart", "peak_lr", NULL, {-1}, "peak_lr = -1: a number of at least 0 is expected"},
    {"quickstart", "peak_lr", NULL, {0}, NULL},
    {"quickstart",
     "epochs",
     NULL,
     {0},
     "epochs = 0: a number of at least 1e-06 and at most 1000000 is expected"},
    {"quickstart", "seed", NULL, {1.5}, "train.seed = 1.5: a whole number of at least 0 and at most"},
    {"quickstart",
     "train.knn.k",
     NULL,
     {0},
     "train.knn.k = 0: a whole number of at least 1 and at most 100000 is expected (neighbours that vote)"},
    {"dino", "warmup", NULL, {200}, "a warm-up of 200 epochs is longer than the run"},
    {"dino", "epochs", NULL, {5}, NULL}, /* the warm-ups follow */
    {"dino", "epochs", NULL, {0.5}, "schedules.yaml:20 decides otherwise"},
    {"dino",
     "epochs",
     "warmup_teacher_temp_epochs",
     {5, 6},
     "longer than the run (epochs=5, warmup_teacher_temp_epochs=6)"},
    {"dino",
     "warmup_teacher_temp_epochs",
     NULL,
     {0},
     "schedules.yaml:20 decides otherwise with this than in this"},
    {"dino", "ema", NULL, {1.5}, "ema = 1.5: a number of at least 0 and at most 1 is expected"},
    {"dino", "wd", NULL, {0}, NULL},
    {"dino", "clip", NULL, {0}, "decides otherwise with this than in this program"},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        Arena *arena = arena_new();
        VtProgram copy = program_of(arena, REFUSED[i].recipe), before = copy;
        int n = REFUSED[i].second ? 2 : 1;
        VtSettingValue values[] = {
            {vt_setting_find(&copy, REFUSED[i].first), REFUSED[i].values[0]},
            {n == 2 ? vt_setting_find(&copy, REFUSED[i].second) : 0, REFUSED[i].values[1]}};
        VtError error = {.message = ""};
        double was = copy.settings[values[0].setting].value;
        assert_true(values[0].setting >= 0 && values[1].setting >= 0);
        bool good = vt_program_set(&copy, values, n, &error);
        if (good != !REFUSED[i].message)
            fail_msg("%s of %s: %s", REFUSED[i].first, REFUSED[i].recipe, error.message);
        if (!good && !strstr(error.message, REFUSED[i].message))
            fail_msg("'%s', not '%s'", error.message, REFUSED[i].message);
        if (!good) {
            assert_int_equal(error.code, 2);
            assert_true(copy.settings[values[0].setting].value == was);
            assert_memory_equal(&copy.train, &before.train, sizeof copy.train);
        }
        vt_program_copy_free(&copy);
        arena_free(arena);
    }
}

/* Defaults that are made of others follow these until they are given. */
static void test_follow(void **state) {
    (void)state;
    Arena *arena = arena_new();
    VtProgram copy = program_of(arena, "dino");
    int epochs = vt_setting_find(&copy, "epochs"), warmup = vt_setting_find(&copy, "warmup"),
        sharpen = vt_setting_find(&copy, "warmup_teacher_temp_epochs");
    static const double steps[][4] = {/* epochs, warmup or -1, then both that follow */
                                      {20, -1, 10, 20},
                                      {5.5, -1, 5, 5},
                                      {25, 2, 2, 25},
                                      {7, -1, 2, 7}};
    VtError error;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        VtSettingValue values[] = {{epochs, steps[i][0]}, {warmup, steps[i][1]}};
        if (!vt_program_set(&copy, values, steps[i][1] < 0 ? 1 : 2, &error)) fail_msg("%s", error.message);
        assert_true(copy.settings[warmup].value == steps[i][2] &&
                    copy.settings[sharpen].value == steps[i][3]);
    }
    /* It is in its range, or nothing is set. */
    VtSettingValue shortest = {epochs, 0.5};
    assert_false(vt_program_set(&copy, &shortest, 1, &error));
    assert_true(copy.settings[epochs].value == 7 && copy.settings[sharpen].value == 7);
    vt_program_copy_free(&copy);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused), cmocka_unit_test(test_follow),
                                       cmocka_unit_test(test_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
