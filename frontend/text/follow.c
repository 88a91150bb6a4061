/* All files of a recipe: followed without reading what else they say. */
#include "frontend/text/base.h"
#include "frontend/text/sources.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    Diags *diags;
    const RecipeOptions *options;
    RecipeSources *out;
    int depth; /* of recipes that take the encoders of others */
} Follower;

static bool follow(Follower *f, const char *path, const char *file);

/* A file that was found, if it was not read before: as reading the recipe does. */
static bool follow_file(Follower *f, const char *path) {
    char *real = realpath(path, NULL);
    if (!real) return false;
    const char *file = arena_strdup(f->arena, real);
    free(real);
    for (size_t k = 1; k < f->out->count; k++)
        if (strcmp(f->out->items[k].path, file) == 0) return true;
    return follow(f, path, file);
}

static bool follow_use(Follower *f, const char *from, const char *name) {
    const char *paths[2];
    source_candidates(f->arena, from, name, f->options->models_dir, paths);
    for (int i = 0; i < 2; i++)
        if (paths[i] && access(paths[i], F_OK) == 0) return follow_file(f, paths[i]);
    return false;
}

/* ---- encoders of other recipes ----------------------------------------------------------------------------------- */

/* What a word leads to, if anything; `here`: of the command line, else from the file in which it stands. */
static bool follow_word(Follower *f, const char *from, const Tree *word, bool here) {
    const char *folder, *path = NULL;
    if (word && !here) from = diags_source_name(f->diags, word->loc.file);
    if (word && word->kind == TREE_SCALAR && *word->text)
        path = source_recipe(f->arena, from, word->text, f->options->models_dir, here, &folder);
    return !path || follow_file(f, path);
}

/* All that a knob may be: by default, by a preset. */
static bool follow_knob(Follower *f, const char *from, const Tree *root, const char *knob) {
    const Tree *form = tree_get(tree_get(root, "knobs"), knob), *presets = tree_get(root, "presets");
    bool good =
        follow_word(f, from, form && form->kind == TREE_MAP ? tree_get(form, "default") : form, false);
    for (size_t i = 0; good && presets && i < presets->count; i++)
        good = follow_word(f, from, tree_get(presets->items[i].value, knob), false);
    return good;
}

/* Words of the command line may say which recipe it is: all are tried, since a file too many does no harm. */
static bool follow_settings(Follower *f, const char *from) {
    bool good = true;
    for (int i = 0; good && i < f->options->n_overrides; i++) {
        const char *value = strchr(f->options->overrides[i], '=');
        Tree word = {.kind = TREE_SCALAR, .text = value ? value + 1 : ""};
        if (value && !strpbrk(value + 1, "[{\n")) good = follow_word(f, from, &word, true);
    }
    return good;
}

static bool follow_encoders(Follower *f, const char *path, const Tree *root) {
    const Tree *networks = tree_get(root, "networks"), *inside = tree_get(root, "encoders");
    for (size_t i = 0; networks && networks->kind == TREE_MAP && i < networks->count; i++) {
        const char *key = networks->items[i].key->text;
        const Tree *recipe = tree_get(networks->items[i].value, "recipe");
        if (!recipe || recipe->kind != TREE_SCALAR) continue;
        if (!follow_word(f, path, tree_get(networks->items[i].value, "use"), false)) return false;
        if (f->depth == 1 && !follow_settings(f, path)) return false;
        if (tree_get(inside, arena_strndup(f->arena, key, strcspn(key, "( ")))) continue;
        bool knob = recipe->text[0] == '$' && !recipe->quoted;
        if (!(knob ? follow_knob(f, path, root, recipe->text + 1) : follow_word(f, path, recipe, false)))
            return false;
    }
    return true;
}

/* ---- a file ------------------------------------------------------------------------------------------------------ */

static bool follow_uses(Follower *f, const char *path, const Tree *uses, const Tree *inside) {
    if (uses && uses->kind != TREE_LIST) return false;
    for (size_t i = 0; uses && i < uses->count; i++) {
        const Tree *item = uses->items[i].value;
        if (item->kind == TREE_SCALAR && tree_get(inside, item->text)) continue;
        if (item->kind != TREE_SCALAR || !follow_use(f, path, item->text)) return false;
    }
    return true;
}

/* `path` is what uses are relative to, `file` where the text lies. */
static bool follow(Follower *f, const char *path, const char *file) {
    enum { MAX_SOURCES = 1000, MAX_DEPTH = 100 }; /* as many as are read, and no deeper than the stack */
    RecipeSource source = {.path = file};
    RecipeBases bases;
    struct stat status;
    if (f->out->count >= MAX_SOURCES || f->depth >= MAX_DEPTH) return false;
    if (stat(file, &status) != 0 || !S_ISREG(status.st_mode)) return false; /* a pipe can be read only once */
    source.text = source_read(f->arena, file, &source.size);
    if (!source.text) return false;
    ARENA_PUSH(f->arena, f->out->items, f->out->count, f->out->capacity, source);
    uint32_t number = diags_add_source(f->diags, path, source.text, source.size);
    Tree *own = tree_parse(f->arena, f->diags, number, source.text, source.size);
    if (!own || own->kind != TREE_MAP) return false;
    const Tree *tree = tree_on_bases(f->arena, f->diags, path, f->options->models_dir, own, &bases);
    f->depth++;
    bool good = tree && follow_uses(f, path, tree_get(own, "use"), tree_get(own, "libraries"));
    for (size_t i = 0; good && i < bases.count; i++) {
        const RecipeBase *base = &bases.items[i];
        source = (RecipeSource){.path = base->path, .text = base->text, .size = base->size};
        ARENA_PUSH(f->arena, f->out->items, f->out->count, f->out->capacity, source);
        good = follow_uses(f, base->path, base->use, NULL);
    }
    good = good && follow_encoders(f, path, tree);
    f->depth--;
    return good;
}

bool recipe_sources(Arena *arena, const char *path, const RecipeOptions *options, RecipeSources *out) {
    *out = (RecipeSources){0};
    Follower f = {.arena = arena, .diags = diags_new(arena), .options = options, .out = out};
    return follow(&f, path, path) && (!options->also_uses || follow_use(&f, path, options->also_uses));
}
