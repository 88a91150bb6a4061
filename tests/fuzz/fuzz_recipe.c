/* Fuzz target: any text as a recipe gives diagnostics or a module, never a crash; what elaborates goes through all
 * passes and is valid after each. No file is read: `use:` finds nothing, and seeds have their libraries written into
 * them. */
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/fuzz/small.h"
#include "tests/fuzz/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 1 << 16) return 0;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    char *text = arena_strndup(arena, (const char *)data, size);
    RecipeOptions options = {.with_gradients = size % 2, .with_values = true};
    Recipe recipe;
    if (!recipe_load_text(arena, diags, "fuzz/recipe.yaml", text, size, &options, &recipe)) {
        if (diags_errors(diags) == 0) __builtin_trap(); /* refused without a word */
    } else if (is_small(recipe.module, 4000, INT64_C(1) << 40)) {
        PassOptions pass_options = {.verify = true};
        small_target(recipe.module);
        if (!passes_run(recipe.module, PASSES_ALL, &pass_options, diags) && diags_errors(diags) == 0)
            __builtin_trap();
    }
    diags_text(diags);
    arena_free(arena);
    return 0;
}
