/* For tests: one step of a recipe by the reference interpreter, from values that are made up. */
#ifndef VITC_TESTS_FRONTEND_INTERPRETED_H
#define VITC_TESTS_FRONTEND_INTERPRETED_H

#include "frontend/frontend.h"
#include "passes/passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static Arena *arena;
static Diags *diags;

static inline int setup(void **state) {
    (void)state;
    arena = arena_new();
    diags = diags_new(arena);
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static const RecipeOptions OPTIONS = {.with_gradients = true, .models_dir = SOURCE_DIR "/models"};

/* A step of a recipe, whose values before it are made up. */
typedef struct {
    Module *module;
    Func *step;
    Tensor *before, *after, *outputs;
} Run;

static inline void fill(Tensor *tensor, Type type, uint32_t seed) {
    *tensor = (Tensor){type, ARENA_ARRAY(arena, double, type_elements(&type) + 1)};
    for (int64_t k = 0; k < type_elements(&type); k++) tensor->data[k] = sin((double)(seed * 31 + k) * 0.7);
}

static inline size_t state_of(const Run *run, const char *name) {
    int64_t s = module_find_state(run->module, name);
    if (s < 0) fail_msg("no state '%s'", name);
    return (size_t)s;
}

/* The first number of each of the n states named is `before`. */
static inline Run run_from(const char *text, const char *passes, const char *const *names,
                           const double *before, int n) {
    Recipe recipe;
    char error[256];
    if (!recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &OPTIONS, &recipe) ||
        !passes_run(recipe.module, passes, NULL, diags))
        fail_msg("%s\n%s", text, diags_text(diags));
    Run run = {.module = recipe.module, .step = module_find_func(recipe.module, "step")};
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, run.step->n_inputs + 1);
    run.before = ARENA_ARRAY(arena, Tensor, run.module->n_states);
    run.after = ARENA_ARRAY(arena, Tensor, run.module->n_states);
    run.outputs = ARENA_ARRAY(arena, Tensor, run.step->n_outputs);
    for (uint32_t i = 0; i < run.step->n_inputs; i++) fill(&inputs[i], run.step->inputs[i].type, i);
    for (uint32_t s = 0; s < run.module->n_states; s++)
        fill(&run.before[s], run.module->states[s].type, 100 + s);
    for (int i = 0; i < n; i++) run.before[state_of(&run, names[i])].data[0] = before[i];
    if (!func_interpret(run.step, inputs, run.before, run.outputs, run.after, arena, error, sizeof error))
        fail_msg("%s", error);
    return run;
}

static inline Run run_after(const char *text, const char *passes) {
    return run_from(text, passes, NULL, NULL, 0);
}

static inline Run run(const char *text) {
    return run_after(text, "autodiff");
}

static inline const Tensor *output_of(const Run *run, const char *name) {
    for (size_t i = 0; i < run->step->n_outputs; i++)
        if (strcmp(run->step->outputs[i].name, name) == 0) return &run->outputs[i];
    return NULL;
}

static inline size_t count_products(const Func *func) {
    size_t n = 0;
    for (ValueId id = 0; id < func->count; id++) n += func_node(func, id)->op == OP_matmul;
    return n;
}

#endif
