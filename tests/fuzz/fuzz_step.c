/* Fuzz target: a recipe that elaborates and is small is compiled, and its functions run once. The arena, states, inputs
 * and outputs are the runtime's: what kernels write past them shows as broken heap or guard bytes. */
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/runtime.h"
#include "tests/fuzz/small.h"
#include "tests/fuzz/tokens.h"

#include <stdlib.h>

/* One input, with what the run would feed, as far as it is no matter of images. */
static void *make_input(const VtProgram *program, int i) {
    const VtInput *input = &program->inputs[i];
    void *data = NULL;
    size_t bytes = vt_bytes(&input->tensor);
    if (posix_memalign(&data, 64, bytes + 64) != 0) abort();
    memset(data, 0, bytes + 64);
    if (input->source == VT_SOURCE_DRAW)
        vt_draw_fill(&program->draws[input->index], &input->tensor, 1, 1, data);
    const double *scalar = vt_feed_scalar(program, i, &(double){10});
    if (scalar) *(double *)data = *scalar;
    for (int64_t k = 0; input->source == VT_SOURCE_VIEW && k < vt_elements(&input->tensor); k++)
        ((float *)data)[k] = (float)((k * 37 + i) % 101) / 50 - 1;
    return data;
}

static void run_all(const VtProgram *program) {
    VtError error;
    VtInstance *instance = vt_instance_new(program, &error);
    if (!instance) return;
    if (!vt_instance_init(instance, 1, &error)) abort();
    void **inputs = calloc((size_t)program->n_inputs + 1, sizeof *inputs);
    if (!inputs) abort();
    for (int i = 0; i < program->n_inputs; i++) inputs[i] = make_input(program, i);
    static const char *const functions[] = {"images", "step", "validate", "embed", "stop", "step"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        vt_instance_run(instance, functions[i], inputs, &error);
    for (int i = 0; i < program->n_inputs; i++) free(inputs[i]);
    free(inputs);
    vt_instance_free(instance);
}

/* What is not compiled is no start for other inputs: -1. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 1 << 16) return -1;
    bool ran = false;
    vt_set_threads(2);
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    char *text = arena_strndup(arena, (const char *)data, size), error[1024];
    RecipeOptions options = {.with_gradients = size % 2};
    PassOptions pass_options = {.verify = true};
    CodegenOptions codegen_options = {0};
    Recipe recipe;
    if (recipe_load_text(arena, diags, "fuzz/recipe.yaml", text, size, &options, &recipe) &&
        is_small(recipe.module, SMALL_NODES, SMALL_ELEMENTS) &&
        codegen_machine(NULL, &recipe.module->machine, error, sizeof error)) {
        recipe.module->machine.cores = 2;
        Compiled *compiled =
            passes_run(recipe.module, PASSES_ALL, &pass_options, diags)
                ? codegen_compile(recipe.module, &recipe.plan, &codegen_options, error, sizeof error)
                : NULL;
        if (compiled) run_all(compiled_program(compiled));
        ran = compiled != NULL;
        compiled_free(compiled);
    }
    arena_free(arena);
    return ran ? 0 : -1;
}
