/* The files of a recipe, followed through `use:` without reading what they say. */
#include "frontend/recipe/recipe.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool follow(Arena *arena, Diags *diags, const char *path, const char *models_dir, RecipeSources *out,
                   const char *file);

/* The first candidate that is there, if it was not read before: as recipe.c does. */
static bool follow_use(Arena *arena, Diags *diags, const char *from, const char *name, const char *models_dir,
                       RecipeSources *out) {
    const char *paths[2];
    source_candidates(arena, from, name, models_dir, paths);
    for (int i = 0; i < 2; i++) {
        char *real = paths[i] ? realpath(paths[i], NULL) : NULL;
        if (!real) continue;
        const char *file = arena_strdup(arena, real);
        free(real);
        for (size_t k = 1; k < out->count; k++)
            if (strcmp(out->items[k].path, file) == 0) return true;
        return follow(arena, diags, paths[i], models_dir, out, file);
    }
    return false;
}

/* `path` is what uses are relative to, `file` where the text lies. */
static bool follow(Arena *arena, Diags *diags, const char *path, const char *models_dir, RecipeSources *out,
                   const char *file) {
    enum { MAX_SOURCES = 1000 }; /* as many as are read, and no deeper than the stack */
    RecipeSource source = {.path = file};
    struct stat status;
    if (out->count >= MAX_SOURCES) return false;
    if (stat(file, &status) != 0 || !S_ISREG(status.st_mode)) return false; /* a pipe can be read only once */
    source.text = source_read(arena, file, &source.size);
    if (!source.text) return false;
    ARENA_PUSH(arena, out->items, out->count, out->capacity, source);
    uint32_t number = diags_add_source(diags, path, source.text, source.size);
    const Tree *tree = tree_parse(arena, diags, number, source.text, source.size);
    if (!tree || tree->kind != TREE_MAP) return false;
    const Tree *uses = tree_get(tree, "use");
    if (uses && uses->kind != TREE_LIST) return false;
    for (size_t i = 0; uses && i < uses->count; i++) {
        const Tree *item = uses->items[i].value;
        if (item->kind != TREE_SCALAR || !follow_use(arena, diags, path, item->text, models_dir, out))
            return false;
    }
    return true;
}

bool recipe_sources(Arena *arena, const char *path, const RecipeOptions *options, RecipeSources *out) {
    *out = (RecipeSources){0};
    return follow(arena, diags_new(arena), path, options->models_dir, out, path);
}

static bool same_word(const char *a, const char *b, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char x = a[i] == '-' ? '_' : a[i], y = b[i] == '-' ? '_' : b[i];
        if (tolower((unsigned char)x) != tolower((unsigned char)y)) return false;
    }
    return true;
}

const char *recipe_setting_near(Arena *arena, const char *word, const char *const *names, size_t n) {
    static const char *const before[] = {"", "train.", "_"}; /* the whole name, or its end */
    size_t length = strlen(word);
    for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < n && length > 1; i++) {
            size_t lead = strlen(before[b]), size = strlen(names[i]), from = size - length;
            if (size < length + lead || !same_word(names[i] + from, word, length)) continue;
            bool begins =
                b == 2 ? names[i][from - 1] == '_' : from == lead && strncmp(names[i], before[b], lead) == 0;
            if (begins) return names[i];
        }
    /* a key inside an option of train: knn.k */
    for (size_t i = 0; i < n; i++) {
        const char *dot = strchr(names[i], '.'), *end = strchr(word, '.');
        if (dot && end && strlen(dot + 1) == (size_t)(end - word) &&
            strncmp(dot + 1, word, (size_t)(end - word)) == 0)
            return arena_printf(arena, "%s%s", names[i], end);
    }
    return diag_nearest(word, names, n);
}

size_t tree_settings(Arena *arena, const Tree *root, const char *const **out) {
    static const char *const always[] = {"train.seed", "train.precision", "train.memory"};
    const Tree *knobs = tree_get(root, "knobs"), *train = tree_get(root, "train"), *maps[] = {knobs, train};
    size_t n = 0, n_always = sizeof always / sizeof *always;
    const char **names =
        ARENA_ARRAY(arena, const char *, (knobs ? knobs->count : 0) + (train ? train->count : 0) + n_always);
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; maps[m] && maps[m]->kind == TREE_MAP && i < maps[m]->count; i++)
            names[n++] = arena_printf(arena, "%s%s", m ? "train." : "", maps[m]->items[i].key->text);
    for (size_t i = 0; i < n_always; i++)
        names[n++] = always[i]; /* whether or not the recipe mentions them */
    *out = names;
    return n;
}

size_t recipe_settings(Arena *arena, const char *path, const char *const **out) {
    Diags *diags = diags_new(arena);
    RecipeSources sources = {0};
    follow(arena, diags, path, NULL, &sources, path);
    if (!sources.count) return 0;
    const RecipeSource *own = &sources.items[0];
    Tree *root =
        tree_parse(arena, diags, diags_add_source(diags, path, own->text, own->size), own->text, own->size);
    return root && root->kind == TREE_MAP ? tree_settings(arena, root, out) : 0;
}
