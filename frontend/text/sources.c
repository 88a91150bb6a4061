/* The files of a recipe: where `use:` looks for them, and all of them, followed without reading what else they say. */
#include "frontend/text/sources.h"
#include "frontend/text/tree.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SOURCE = 64 << 20 };

char *source_read(Arena *arena, const char *path, size_t *size) {
    return stream_read_file(arena, path, MAX_SOURCE, size);
}

void source_candidates(Arena *arena, const char *from, const char *name, const char *models_dir,
                       const char *out[2]) {
    const char *slash = strrchr(from, '/');
    out[0] = slash ? arena_printf(arena, "%.*s/%s", (int)(slash - from), from, name)
                   : arena_printf(arena, "./%s", name);
    out[1] = models_dir ? arena_printf(arena, "%s/%s", models_dir, name) : NULL;
}

static bool follow(Arena *arena, Diags *diags, const char *path, const char *models_dir, RecipeSources *out,
                   const char *file);

/* The first candidate that is there, if it was not read before: as reading the recipe does. */
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
    const Tree *uses = tree_get(tree, "use"), *inside = tree_get(tree, "libraries");
    if (uses && uses->kind != TREE_LIST) return false;
    for (size_t i = 0; uses && i < uses->count; i++) {
        const Tree *item = uses->items[i].value;
        if (item->kind == TREE_SCALAR && tree_get(inside, item->text)) continue;
        if (item->kind != TREE_SCALAR || !follow_use(arena, diags, path, item->text, models_dir, out))
            return false;
    }
    return true;
}

bool recipe_sources(Arena *arena, const char *path, const RecipeOptions *options, RecipeSources *out) {
    *out = (RecipeSources){0};
    return follow(arena, diags_new(arena), path, options->models_dir, out, path);
}
