/* Initial weights in recipes: see recipe_weights.h. */
#include "driver/recipe_weights.h"
#include "ir/base/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_RULES ((size_t)16 << 20) /* bytes, as of a recipe */

bool read_renames(Arena *arena, Diags *diags, const char *path, Renames *out) {
    size_t size;
    char *text = stream_read_file(arena, path, MOST_RULES, &size);
    if (!text) return fail(2, "cannot read '%s': %s", path, strerror(errno)) < 0;
    const Tree *map = tree_parse(arena, diags, diags_add_source(diags, path, text, size), text, size);
    bool good = map && map->kind == TREE_MAP;
    for (size_t i = 0; good && i < map->count; i++) good = map->items[i].value->kind == TREE_SCALAR;
    if (!good) {
        if (map)
            diag_error(diags, map->loc, "a map of foreign names (one * allowed) to names here was expected");
        diags_print(diags, stderr, false);
        return false;
    }
    VtRename *rules = ARENA_ARRAY(arena, VtRename, map->count + 1);
    for (size_t i = 0; i < map->count; i++)
        rules[i] = (VtRename){map->items[i].key->text, map->items[i].value->text};
    *out = (Renames){rules, (int)map->count};
    return true;
}

const VtProgram *states_of_recipe(const Session *s) {
    const Module *module = s->recipe.module;
    VtProgram *p = ARENA_NEW(s->arena, VtProgram);
    VtState *states = ARENA_ARRAY(s->arena, VtState, module->n_states + 1);
    for (size_t i = 0; i < module->n_states; i++) {
        const State *from = &module->states[i];
        VtTensor tensor = {.name = from->name, .dtype = from->type.dtype, .rank = from->type.rank};
        memcpy(tensor.dim, from->type.dim, sizeof tensor.dim);
        states[i] = (VtState){.tensor = tensor,
                              .role = from->role,
                              .init = from->init,
                              .grid = from->grid,
                              .before = (int32_t)from->before,
                              .after = (int32_t)from->after};
    }
    *p = s->recipe.plan;
    p->states = states;
    p->n_states = (int32_t)module->n_states;
    return p;
}

/* ---- the recipe -------------------------------------------------------------------------------------------------- */

/* The map of the network or state of that name, or NULL. */
static Tree *map_of(const Tree *recipe, const char *target) {
    static const char *const sections[] = {"networks", "state"};
    for (int i = 0; i < 2; i++) {
        const Tree *section = tree_get(recipe, sections[i]);
        for (size_t k = 0; section && section->kind == TREE_MAP && k < section->count; k++) {
            const char *key = section->items[k].key->text;
            size_t n = strcspn(key, "( ");
            if (strlen(target) == n && strncmp(key, target, n) == 0) return section->items[k].value;
        }
    }
    return NULL;
}

static void set_key(Arena *arena, Tree *map, const char *key, Tree *value) {
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[i].key->text, key) == 0) {
            map->items[i].value = value;
            return;
        }
    Tree *name = ARENA_NEW(arena, Tree);
    *name = (Tree){.kind = TREE_SCALAR, .text = key, .size = strlen(key)};
    TreeItem *items = ARENA_ARRAY(arena, TreeItem, map->count + 1);
    if (map->count) memcpy(items, map->items, sizeof *items * map->count);
    items[map->count] = (TreeItem){name, value};
    map->items = items;
    map->count++;
}

static Tree *text_tree(Arena *arena, const char *text) {
    Tree *tree = ARENA_NEW(arena, Tree);
    *tree = (Tree){.kind = TREE_SCALAR, .text = text, .size = strlen(text), .quoted = true};
    return tree;
}

static Tree *rules_tree(Arena *arena, const VtWeights *w) {
    Tree *map = ARENA_NEW(arena, Tree);
    *map = (Tree){.kind = TREE_MAP, .items = ARENA_ARRAY(arena, TreeItem, (size_t)w->n_rules + 1)};
    for (int i = 0; i < w->n_rules; i++)
        map->items[map->count++] =
            (TreeItem){text_tree(arena, w->rules[i].from), text_tree(arena, w->rules[i].to)};
    return map;
}

/* NULL after telling. */
static const char *absolute(Arena *arena, const char *path) {
    char joined[4096], *real = realpath(path, NULL); /* NULL: it is gone, and not needed any more */
    if (!real && !absolute_path(path, "from", joined, sizeof joined)) return NULL;
    const char *copy = arena_strdup(arena, real ? real : joined);
    free(real);
    return copy;
}

static bool has_text(const Tree *tree, const char *text) {
    return tree && tree->kind == TREE_SCALAR && strcmp(tree->text, text) == 0;
}

/* A run that goes on: the file, if it is there, is that of the beginning wherever it lies now. */
static void keep_saved(Arena *arena, Tree *map, const Tree *was, const char *path) {
    char hash[VT_HASH_TEXT];
    Tree *from = tree_get(was, "from"), *sum = tree_get(was, "hash"), *rules = tree_get(was, "rename"),
         *rename = tree_get(map, "rename");
    bool moved = from && sum && !has_text(from, path) && access(path, R_OK) == 0 && hash_file(path, hash) &&
                 has_text(sum, hash);
    if (moved) set_key(arena, map, "from", from);
    if (!moved && !has_text(from, path)) return;
    if (sum) set_key(arena, map, "hash", sum);
    if (rules && rename && rename->kind == TREE_SCALAR) set_key(arena, map, "rename", rules);
}

const char *weights_resolved(Session *s, const Weights *weights, const Tree *saved) {
    const VtProgram *p = s->program ? s->program : &s->recipe.plan;
    if (!p->n_weights) return s->resolved;
    size_t size = strlen(s->resolved);
    Tree *root = tree_parse(s->arena, s->diags, diags_add_source(s->diags, "(the recipe)", s->resolved, size),
                            s->resolved, size);
    for (int i = 0; root && i < p->n_weights; i++) {
        const VtWeights *w = weights ? &weights->items[i] : &p->weights[i];
        Tree *map = map_of(root, w->target), *was = saved ? map_of(saved, w->target) : NULL;
        const char *path = absolute(s->arena, w->path);
        if (!path) return NULL;
        if (!map || map->kind != TREE_MAP) continue;
        set_key(s->arena, map, "from", text_tree(s->arena, path));
        if (weights) set_key(s->arena, map, "hash", text_tree(s->arena, w->hash));
        if (weights && w->rename) set_key(s->arena, map, "rename", rules_tree(s->arena, w));
        if (!weights && was) keep_saved(s->arena, map, was, path);
    }
    const char *text = root ? tree_print(s->arena, s->diags, root) : NULL;
    if (!text) diags_print(s->diags, stderr, false);
    return text;
}

bool pin_weights(Session *s, const char *path, const RecipeOptions *asked) {
    if (!s->recipe.plan.n_weights) return true;
    MadeOfRecipe m = {.session = *s}; /* for rules in files */
    InitFlags none = {.path = NULL};
    Weights weights;
    bool good = weights_open(states_of_recipe(s), &m.made, &none, true, &weights);
    const char *text = good ? weights_resolved(s, &weights, NULL) : NULL;
    weights_close(&weights);
    if (!text) return false;
    RecipeOptions options = *asked; /* the text has what overrides changed */
    options.overrides = NULL;
    options.n_overrides = 0;
    options.warnings = WARNINGS_IGNORED;
    good = recipe_load_text(s->arena, s->diags, path, text, strlen(text), &options, &s->recipe);
    s->resolved = s->recipe.resolved;
    if (!good) diags_print(s->diags, stderr, false);
    return good;
}
