/* Loading a recipe: read, then elaborate. */
#include "frontend/frontend.h"
#include "frontend/elaborate/elaborate.h"
#include "frontend/read/read.h"
#include "frontend/text/sources.h"

#include <errno.h>
#include <string.h>

bool recipe_load_text(Arena *arena, Diags *diags, const char *path, const char *text, size_t size,
                      const RecipeOptions *options, Recipe *out) {
    ParsedRecipe *recipe = ARENA_NEW(arena, ParsedRecipe);
    recipe->arena = arena;
    recipe->diags = diags;
    recipe->options = options;
    if (options->warnings == WARNINGS_IGNORED) diags_ignore_warnings(diags);
    bool good = recipe_read(recipe, path, text, size) && elaborate(recipe, out);
    if (options->warnings == WARNINGS_STRICT) diags_make_warnings_errors(diags);
    if (!good || diags_errors(diags)) return false;
    out->resolved = recipe_resolved(recipe);
    if (!out->resolved) return false;
    recipe_locate_settings(arena, out->resolved, (VtSetting *)out->plan.settings, out->plan.n_settings);
    return true;
}

bool recipe_load(Arena *arena, Diags *diags, const char *path, const RecipeOptions *options, Recipe *out) {
    size_t size;
    char *text = source_read(arena, path, &size);
    if (!text) {
        diag_error(diags, (Loc){0, 0, 0}, "cannot read recipe '%s': %s", path, strerror(errno));
        return false;
    }
    if (size == 0) {
        diag_error(diags, (Loc){0, 0, 0}, "recipe '%s' is empty", path);
        return false;
    }
    if (size >= 4 && memcmp(text, "\177ELF", 4) == 0) {
        diag_error(diags, (Loc){0, 0, 0}, "'%s' is a program or library, not a recipe", path);
        return false;
    }
    return recipe_load_text(arena, diags, path, text, size, options, out);
}
