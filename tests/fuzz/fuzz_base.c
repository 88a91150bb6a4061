/* Fuzz target: two texts with a line "----" between them, a recipe and the one that it begins with by `base: base`.
 * They give diagnostics or a recipe, never a crash; and what is saved of that recipe is whole without the base. */
#include "frontend/frontend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/vitc-fuzz-XXXXXX", base[64];

static void remove_folder(void) {
    unlink(base);
    rmdir(folder);
}

static void write_base(const char *text, size_t size) {
    if (!base[0]) {
        if (!mkdtemp(folder) || atexit(remove_folder) != 0) abort();
        snprintf(base, sizeof base, "%s/base.yaml", folder);
    }
    FILE *file = fopen(base, "wb");
    if (!file || fwrite(text, 1, size, file) != size || fclose(file) != 0) abort();
}

static bool load(Arena *arena, Diags *diags, const char *text, size_t size, Recipe *recipe) {
    RecipeOptions options = {0};
    char path[80];
    snprintf(path, sizeof path, "%s/recipe.yaml", folder);
    return recipe_load_text(arena, diags, path, text, size, &options, recipe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char line[] = "\n----\n";
    if (size > 1 << 14) return 0;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena), *again = diags_new(arena);
    char *text = arena_strndup(arena, (const char *)data, size);
    char *second = memmem(text, size, line, sizeof line - 1);
    size_t own = second ? (size_t)(second - text) + 1 : size;
    second = second ? second + sizeof line - 1 : text + size;
    write_base(second, size - (size_t)(second - text));
    text[own] = '\0';
    Recipe recipe, whole;
    if (load(arena, diags, text, own, &recipe)) {
        unlink(base);
        if (!load(arena, again, recipe.resolved, strlen(recipe.resolved), &whole) ||
            strcmp(recipe.resolved, whole.resolved) != 0) {
            fprintf(stderr, "saved:\n%s\n%s", recipe.resolved, diags_text(again));
            __builtin_trap();
        }
    } else if (diags_errors(diags) == 0)
        __builtin_trap(); /* refused without a word */
    diags_text(diags);
    arena_free(arena);
    return 0;
}
