/* For tests of recipes that are several files: a folder for them, in which the recipe at hand is outer.yaml. */
#ifndef VITC_TESTS_FRONTEND_WRITTEN_H
#define VITC_TESTS_FRONTEND_WRITTEN_H

#include "tests/driver/folder.h"
#include "tests/frontend/interpreted.h"

static inline const char *written(const char *name, const char *text) {
    char *path = arena_printf(arena, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* Its module is NULL after errors, which are among the messages. */
static inline Recipe load(const char *text, const char *const *set, int n, const char **messages) {
    Recipe recipe = {0};
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = set, .n_overrides = n};
    const char *path = arena_printf(arena, "%s/outer.yaml", folder);
    diags = diags_new(arena);
    bool good = recipe_load_text(arena, diags, path, text, strlen(text), &options, &recipe);
    *messages = diags_text(diags);
    if (!good) recipe.module = NULL;
    return recipe;
}

/* The text with `by` wherever it had `word`. */
static inline const char *with(const char *text, const char *word, const char *by) {
    const char *at = strstr(text, word);
    if (!at) return text;
    const char *rest = with(at + strlen(word), word, by);
    return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, by, rest);
}

#endif
