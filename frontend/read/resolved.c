/* The recipe as it was resolved: overrides applied and its libraries written into it, so that a run can be resumed and
 * evaluated whatever becomes of those files. */
#include "frontend/read/read.h"

#include <stdlib.h>
#include <string.h>

static Tree *new_tree(const ParsedRecipe *r, TreeKind kind, const char *text, size_t most) {
    Tree *tree = ARENA_NEW(r->arena, Tree);
    *tree = (Tree){.kind = kind, .text = text, .size = text ? strlen(text) : 0};
    tree->items = ARENA_ARRAY(r->arena, TreeItem, most + 1);
    return tree;
}

static void put(const ParsedRecipe *r, Tree *map, const char *key, const Tree *value) {
    map->items[map->count++] = (TreeItem){new_tree(r, TREE_SCALAR, key, 0), (Tree *)value};
}

/* The keys `use` and `modules` of a text. */
static void put_source(const ParsedRecipe *r, Tree *map, const SourceText *source) {
    if (source->n_uses) {
        Tree *uses = new_tree(r, TREE_LIST, NULL, source->n_uses);
        for (size_t i = 0; i < source->n_uses; i++)
            uses->items[uses->count++].value = new_tree(r, TREE_SCALAR, r->texts[source->uses[i]].name, 0);
        put(r, map, "use", uses);
    }
    if (source->modules && source->modules->count) put(r, map, "modules", source->modules);
}

/* ---- options of train -------------------------------------------------------------------------------------------- */

/* As short as it is read back. */
static Tree *number_tree(const ParsedRecipe *r, double value) {
    const char *text = arena_printf(r->arena, "%.15g", value);
    if (strtod(text, NULL) != value) text = arena_printf(r->arena, "%.17g", value);
    return new_tree(r, TREE_SCALAR, text, 0);
}

typedef struct {
    const char *key;
    double value;
} Option;

/* The map with all n options: those that it lacks, and numbers in the place of formulas but `$knob`, so that each is a
 * short text. */
static Tree *with_options(const ParsedRecipe *r, const Tree *map, const Option *options, size_t n) {
    size_t count = map ? map->count : 0;
    Tree *made = new_tree(r, TREE_MAP, NULL, count + n + 1);
    for (size_t i = 0; i < count; i++) {
        TreeItem item = map->items[i];
        for (size_t o = 0; o < n; o++)
            if (strcmp(item.key->text, options[o].key) == 0 && strncmp(item.value->text, "$(", 2) == 0)
                item.value = number_tree(r, options[o].value);
        made->items[made->count++] = item;
    }
    for (size_t o = 0; o < n; o++)
        if (!tree_get(map, options[o].key)) put(r, made, options[o].key, number_tree(r, options[o].value));
    return made;
}

/* Settings have a place in the text. */
static Tree *train_with_options(const ParsedRecipe *r, const Tree *train) {
    const VtTrain *t = &r->train;
    const Option options[] = {{"epochs", t->epochs},
                              {"seed", (double)t->seed},
                              {"checkpoint_every", t->checkpoint_every}},
                 of_knn[] = {{"every", t->knn_every}, {"k", t->knn_k}, {"temperature", t->knn_temperature}};
    const Tree *old = tree_get(train, "knn");
    Tree *made = with_options(r, train, options, COUNT(options)),
         *knn = with_options(r, old, of_knn, COUNT(of_knn));
    for (size_t i = 0; old && i < made->count; i++)
        if (made->items[i].value == old) made->items[i].value = knn;
    if (!old) put(r, made, "knn", knn);
    return made;
}

/* ---- encoders of other recipes ----------------------------------------------------------------------------------- */

/* The view of `embed` alone; of `train` the size of a batch. */
static Tree *only(const ParsedRecipe *r, const Tree *map, const char *const *names, size_t n) {
    Tree *made = new_tree(r, TREE_MAP, NULL, map->count);
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++)
        for (size_t k = 0; k < n; k++)
            if (strcmp(map->items[i].key->text, names[k]) == 0) made->items[made->count++] = map->items[i];
    return made;
}

static void put_texts(const ParsedRecipe *r, Tree *root);

/* The sections that `embed` needs (encoder.c), whole in themselves. */
static Tree *encoder_tree(const ParsedRecipe *r) {
    static const char *const kept[] = {"recipe", "about",    "knobs", "check",     "train", "data",
                                       "views",  "networks", "state", "schedules", "embed"};
    static const char *const extent[] = {"batch", "epochs"};
    const View *view = encoder_view(r);
    Tree *root = new_tree(r, TREE_MAP, NULL, COUNT(kept) + 4);
    for (size_t i = 0; i < r->tree->count; i++)
        for (size_t k = 0; k < COUNT(kept); k++) {
            const char *key = r->tree->items[i].key->text;
            const Tree *value = r->tree->items[i].value;
            if (strcmp(key, kept[k]) != 0) continue;
            if (strcmp(key, "views") == 0) value = only(r, value, &view->name, 1);
            if (strcmp(key, "train") == 0) value = only(r, value, extent, COUNT(extent));
            if (value->count || value->kind == TREE_SCALAR) put(r, root, key, value);
        }
    put_texts(r, root);
    return root;
}

static void put_encoders(const ParsedRecipe *r, Tree *root) {
    Tree *encoders = new_tree(r, TREE_MAP, NULL, r->n_encoders);
    for (size_t i = 0; i < r->n_encoders; i++)
        put(r, encoders, r->encoders[i].signature.name, encoder_tree(r->encoders[i].recipe));
    if (encoders->count) put(r, root, "encoders", encoders);
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

/* The modules of all texts, and the encoders. */
static void put_texts(const ParsedRecipe *r, Tree *root) {
    Tree *libraries = new_tree(r, TREE_MAP, NULL, r->n_texts);
    put_source(r, root, &r->texts[0]);
    for (size_t i = 1; i < r->n_texts; i++) {
        Tree *library = new_tree(r, TREE_MAP, NULL, 2);
        put_source(r, library, &r->texts[i]);
        put(r, libraries, r->texts[i].name, library);
    }
    if (libraries->count) put(r, root, "libraries", libraries);
    put_encoders(r, root);
}

char *recipe_resolved(const ParsedRecipe *r) {
    static const char *const replaced[] = {"use", "modules", "libraries", "encoders"};
    Tree *root = new_tree(r, TREE_MAP, NULL, r->tree->count + COUNT(replaced) + 1);
    const Tree *train = tree_get(r->tree, "train");
    bool trains = r->objectives.count && (!train || train->kind == TREE_MAP);
    for (size_t i = 0; i < r->tree->count; i++) {
        bool kept = true;
        for (size_t k = 0; k < COUNT(replaced); k++)
            kept = kept && strcmp(r->tree->items[i].key->text, replaced[k]) != 0;
        if (!kept) continue;
        root->items[root->count] = r->tree->items[i];
        if (trains && root->items[root->count].value == train)
            root->items[root->count].value = train_with_options(r, train);
        root->count++;
    }
    if (trains && !train) put(r, root, "train", train_with_options(r, NULL));
    put_texts(r, root);
    return tree_print(r->arena, r->diags, root);
}

/* ---- where settings have their values ---------------------------------------------------------------------------- */

static const Tree *tree_at(const Tree *root, const char *path) {
    char name[64];
    for (size_t n; root && *path; path += n + (path[n] == '.')) {
        n = strcspn(path, ".");
        if (n >= sizeof name) return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        root = tree_get(root, name);
    }
    return root;
}

/* Of a scalar on one line, with its quotes. */
static void locate(const char *text, const Tree *value, VtSetting *setting) {
    const char *at = text;
    for (uint32_t line = 1; line < value->loc.line; line++) at = strchr(at, '\n') + 1;
    at += value->loc.col - 1;
    size_t length = value->size;
    if (*at == '"' || *at == '\'') /* of what no quote stands in: `$(…)` */
        length = strcspn(at + 1, at[0] == '"' ? "\"" : "'") + 2;
    setting->at = at - text;
    setting->length = (int64_t)length;
}

void recipe_locate_settings(Arena *arena, const char *text, VtSetting *settings, int n) {
    Diags *aside = diags_new(arena);
    size_t size = strlen(text);
    const Tree *root = tree_parse(arena, aside, diags_add_source(aside, "resolved", text, size), text, size);
    for (int i = 0; i < n; i++) {
        const char *key = settings[i].key;
        bool option = strncmp(key, "train.", 6) == 0;
        const Tree *value = option ? tree_at(root, key) : tree_get(tree_get(root, "knobs"), key);
        if (value && value->kind == TREE_MAP) value = tree_get(value, "default");
        if (value && value->kind == TREE_SCALAR) locate(text, value, &settings[i]);
    }
}
