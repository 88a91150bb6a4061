/* Fuzz target: any bytes as a recipe give diagnostics or a module, never a crash. No file is read: `use:` finds nothing. */
#include "frontend/frontend.h"
#include "passes/passes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 1 << 16) return 0;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    char *text = arena_strndup(arena, (const char *)data, size);
    RecipeOptions options = {.with_gradients = true, .with_values = true};
    Recipe recipe;
    if (recipe_load_text(arena, diags, "fuzz/recipe.yaml", text, size, &options, &recipe)) {
        PassOptions pass_options = {.verify = true};
        passes_run(recipe.module, "simplify,autodiff,expand", &pass_options, diags);
    } else if (diags_errors(diags) == 0)
        __builtin_trap(); /* refused without a word */
    arena_free(arena);
    return 0;
}
