/* Loading a recipe: read, then elaborate. */
#include "frontend/frontend.h"
#include "frontend/recipe.h"

#include <errno.h>
#include <string.h>

bool recipe_load_text(Arena *arena, Diags *diags, const char *path, const char *text, size_t size,
                      const RecipeOptions *options, Recipe *out) {
    ParsedRecipe *recipe = ARENA_NEW(arena, ParsedRecipe);
    recipe->arena = arena;
    recipe->diags = diags;
    recipe->options = options;
    return recipe_read(recipe, path, text, size) && elaborate(recipe, out);
}

bool recipe_load(Arena *arena, Diags *diags, const char *path, const RecipeOptions *options, Recipe *out) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        diag_error(diags, (Loc){0, 0, 0}, "cannot read recipe '%s': %s", path, strerror(errno));
        return false;
    }
    char *text = NULL;
    size_t size = 0, capacity = 0;
    char buffer[65536];
    for (size_t n; size < 32u << 20 && (n = fread(buffer, 1, sizeof buffer, file)) > 0;) {
        while (size + n + 1 > capacity) text = arena_grow(arena, text, &capacity, size + n + 1, 1);
        memcpy(text + size, buffer, n);
        size += n;
    }
    bool broken = ferror(file);
    fclose(file);
    if (broken || !text) {
        diag_error(diags, (Loc){0, 0, 0}, "recipe '%s' %s", path, broken ? "cannot be read" : "is empty");
        return false;
    }
    text[size] = '\0';
    return recipe_load_text(arena, diags, path, text, size, options, out);
}
