/* Labels that are no class, as of images that have none (-1): they take no part in cross_entropy, and are no rows of
 * one_hot. */
#include "frontend/frontend.h"
#include "passes/passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static const char RECIPE[] =
    "recipe: labels\nviews: {view: {size: 2}}\n"
    "networks:\n  encoder: |\n    w = param(3)\n    return reshape(x, dim(x, 0), -1)[:, 0:3] * (w + 1)\n"
    "objectives:\n  o: {loss: \"%s\"}\nschedules: {lr: \"0.1\"}\n"
    "embed: {view: view, features: encoder(view)}\n"
    "train: {batch: 4, optimizer: \"param - lr * grad\"}\n";

/* The loss of the step, for logits (w is 0) and these labels. */
static double loss_of(const char *expression, const double *logits, const double *labels) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    char *text = arena_printf(arena, RECIPE, expression);
    Recipe recipe;
    RecipeOptions options = {0};
    if (!recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &options, &recipe))
        fail_msg("%s", diags_text(diags));
    if (!passes_run(recipe.module, "autodiff", NULL, diags)) fail_msg("%s", diags_text(diags));
    Func *step = module_find_func(recipe.module, "step");
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, step->n_inputs),
           *states = ARENA_ARRAY(arena, Tensor, recipe.module->n_states + 1),
           *outputs = ARENA_ARRAY(arena, Tensor, step->n_outputs);
    for (size_t i = 0; i < step->n_inputs; i++) {
        const Type *type = &step->inputs[i].type;
        inputs[i] = (Tensor){*type, ARENA_ARRAY(arena, double, type_elements(type))};
        for (int64_t k = 0; k < type_elements(type); k++)
            inputs[i].data[k] = strcmp(step->inputs[i].name, "labels") == 0 ? labels[k]
                                : type->rank == 4 && k % 12 < 3             ? logits[k / 12 * 3 + k % 12]
                                                                            : 1;
    }
    for (size_t s = 0; s < recipe.module->n_states; s++)
        states[s] = (Tensor){recipe.module->states[s].type,
                             ARENA_ARRAY(arena, double, type_elements(&recipe.module->states[s].type))};
    char error[256];
    if (!func_interpret(step, inputs, states, outputs, NULL, arena, error, sizeof error))
        fail_msg("%s", error);
    double loss = NAN;
    for (size_t i = 0; i < step->n_outputs; i++)
        if (strcmp(step->outputs[i].name, "loss") == 0) loss = outputs[i].data[0];
    arena_free(arena);
    return loss;
}

static double row_loss(const double *x, int label, double smoothing) {
    double sum = exp(x[0]) + exp(x[1]) + exp(x[2]), loss = 0;
    for (int c = 0; c < 3; c++) loss -= ((1 - smoothing) * (c == label) + smoothing / 3) * (x[c] - log(sum));
    return loss;
}

static void test_labels(void **state) {
    (void)state;
    static const double x[12] = {0.5, -1, 2, 1, 1, 0, -0.5, 0.25, 3, 0, 1, -1};
    static const double labels[][4] = {{0, 1, 2, 2}, {0, -1, 2, 3}, {-1, -1, -1, 2147483647}};
    for (int smooth = 0; smooth < 2; smooth++)
        for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
            double want = 0, n = 0;
            for (int r = 0; r < 4; r++) {
                if (labels[i][r] < 0 || labels[i][r] > 2) continue;
                want += row_loss(x + 3 * r, (int)labels[i][r], smooth ? 0.1 : 0);
                n++;
            }
            double got = loss_of(smooth ? "cross_entropy(encoder(view), labels, smoothing=0.1)"
                                        : "cross_entropy(encoder(view), labels)",
                                 x, labels[i]);
            assert_true(fabs(got - (n > 0 ? want / n : 0)) < 1e-6);
        }
    assert_true(loss_of("sum(one_hot(labels, 3)) + 0 * mean(encoder(view))", x, labels[1]) == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_labels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
