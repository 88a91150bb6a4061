/* A loss is the weighted sum of its objectives, and so is its gradient: of every recipe of models/, a step with other
 * weights against steps of one objective alone, on the same inputs. */
#include "tests/driver/built.h"
#include "tests/driver/shipped.h"

#include <math.h>

enum { MOST_OBJECTIVES = 8 };

/* What a step with these weights gives. */
typedef struct {
    Built built;
    VtInstance *instance;
} Mixed;

static void run_step(Mixed *m) {
    const VtProgram *p = compiled_program(m->built.compiled);
    VtError error;
    m->instance = vt_instance_new(p, &error);
    assert_non_null(m->instance);
    assert_true(vt_instance_init(m->instance, 3, &error));
    void **inputs = step_inputs(p);
    if (!vt_instance_run(m->instance, "step", inputs, &error)) fail_msg("%s", error.message);
    step_inputs_free(p, inputs);
}

static Mixed mix(const char *recipe, char (*names)[64], const double *weights, int n) {
    Mixed m = {.built = {.arena = arena_new()}};
    Diags *diags = diags_new(m.built.arena);
    char texts[MOST_OBJECTIVES][128];
    const char *overrides[MOST_OBJECTIVES + 2] = {"preset=tiny", "batch=8"};
    for (int i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "objectives.%s.weight=%.17g", names[i], weights[i]);
        overrides[2 + i] = texts[i];
    }
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models",
                             .overrides = overrides,
                             .n_overrides = 2 + n,
                             .with_gradients = true};
    if (!recipe_load(m.built.arena, diags, recipe, &options, &m.built.recipe) ||
        !passes_run(m.built.recipe.module, PASSES_ALL, NULL, diags))
        fail_msg("%s", diags_text(diags));
    m.built.module = m.built.recipe.module;
    built_compile(&m.built, NULL);
    run_step(&m);
    return m;
}

static void drop(Mixed *m) {
    vt_instance_free(m->instance);
    built_drop(&m->built);
}

/* The recipe's objectives, by the outputs of its step. */
static int objectives_of(const char *recipe, char (*names)[64]) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    const char *overrides[] = {"preset=tiny", "batch=8"};
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = 2};
    Recipe loaded;
    if (!recipe_load(arena, diags, recipe, &options, &loaded)) fail_msg("%s", diags_text(diags));
    const Func *step = module_find_func(loaded.module, "step");
    int n = 0;
    for (size_t i = 0; i < step->n_outputs; i++)
        if (strncmp(step->outputs[i].name, "loss.", 5) == 0 && n < MOST_OBJECTIVES)
            snprintf(names[n++], sizeof names[0], "%s", step->outputs[i].name + 5);
    arena_free(arena);
    return n;
}

/* An output of a step, or NULL: a parameter that no objective with a weight reaches has no gradient. */
static const float *output(const Mixed *m, const char *name, int64_t *n) {
    VtTensor type;
    const void *data = vt_instance_output(m->instance, "step", name, &type);
    if (data) *n = vt_elements(&type);
    return data;
}

/* noise: what rounding leaves of a gradient that is zero, as that of a bias before a BatchNorm. */
static void check_output(const char *recipe, const char *name, const Mixed *all, const Mixed *alone,
                         const double *weights, int n, double noise) {
    int64_t count = 0, other = 0;
    const float *got = output(all, name, &count), *parts[MOST_OBJECTIVES];
    double most = 0;
    for (int k = 0; k < n; k++) {
        parts[k] = output(&alone[k], name, &other);
        for (int64_t i = 0; parts[k] && i < count; i++)
            most = fmax(most, fabs(weights[k] * (double)parts[k][i]));
    }
    for (int64_t i = 0; i < count; i++) {
        double want = 0;
        for (int k = 0; k < n; k++) want += parts[k] ? weights[k] * (double)parts[k][i] : 0;
        if (!(fabs((double)got[i] - want) <= 2e-4 * most + noise))
            fail_msg("%s: %s[%lld] is %.9g, and of the weighted parts %.9g", recipe, name, (long long)i,
                     (double)got[i], want);
    }
}

static int parameters_of(const VtProgram *program) {
    int n = 0;
    for (int i = 0; i < program->n_states; i++) n += program->states[i].role == VT_ROLE_PARAM;
    return n;
}

static void test_linear(void **state) {
    const char *recipe = *state;
    if (SANITIZED && !strstr(recipe, "/hybrid.yaml") && !strstr(recipe, "/sit.yaml"))
        skip(); /* it is a question to code */
    char names[MOST_OBJECTIVES][64];
    int n = objectives_of(recipe, names);
    assert_true(n >= 1);
    double weights[MOST_OBJECTIVES];
    Mixed alone[MOST_OBJECTIVES];
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < n; i++) weights[i] = i == k;
        alone[k] = mix(recipe, names, weights, n);
    }
    for (int k = 0; k < n; k++) weights[k] = 0.7 / (k + 1);
    Mixed all = mix(recipe, names, weights, n);
    const VtFunction *step = vt_find_function(compiled_program(all.built.compiled), "step");
    int gradients = 0;
    double largest = 0;
    for (int i = 0; i < step->n_outputs; i++) {
        int64_t count = 0;
        const float *got = output(&all, step->outputs[i].tensor.name, &count);
        bool gradient = strncmp(step->outputs[i].tensor.name, "grad.", 5) == 0;
        for (int64_t k = 0; gradient && k < count; k++) largest = fmax(largest, fabs((double)got[k]));
    }
    for (int i = 0; i < step->n_outputs; i++) {
        const char *name = step->outputs[i].tensor.name;
        bool gradient = strncmp(name, "grad.", 5) == 0;
        gradients += gradient;
        if (gradient || strcmp(name, "loss") == 0)
            check_output(recipe, name, &all, alone, weights, n, 1e-5 * largest + 1e-7);
    }
    if (parameters_of(compiled_program(all.built.compiled)) > 0)
        assert_true(gradients > 10);
    else
        assert_int_equal(gradients, 0); /* of states alone, as in dictionary.yaml */
    for (int k = 0; k < n; k++) drop(&alone[k]);
    drop(&all);
}

int main(void) {
    struct CMUnitTest tests[MOST_SHIPPED];
    int n = shipped_tests(test_linear, tests);
    return _cmocka_run_group_tests("mix", tests, (size_t)n, NULL, NULL);
}
