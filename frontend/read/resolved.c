/* The recipe as it was resolved: overrides applied and its libraries written into it, so that a run can be resumed and
 * evaluated whatever becomes of those files. */
#include "frontend/read/read.h"

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

char *recipe_resolved(const ParsedRecipe *r) {
    static const char *const replaced[] = {"use", "modules", "libraries"};
    Tree *root = new_tree(r, TREE_MAP, NULL, r->tree->count + COUNT(replaced)),
         *libraries = new_tree(r, TREE_MAP, NULL, r->n_texts);
    for (size_t i = 0; i < r->tree->count; i++) {
        bool kept = true;
        for (size_t k = 0; k < COUNT(replaced); k++)
            kept = kept && strcmp(r->tree->items[i].key->text, replaced[k]) != 0;
        if (kept) root->items[root->count++] = r->tree->items[i];
    }
    put_source(r, root, &r->texts[0]);
    for (size_t i = 1; i < r->n_texts; i++) {
        Tree *library = new_tree(r, TREE_MAP, NULL, 2);
        put_source(r, library, &r->texts[i]);
        put(r, libraries, r->texts[i].name, library);
    }
    if (libraries->count) put(r, root, "libraries", libraries);
    return tree_print(r->arena, r->diags, root);
}
