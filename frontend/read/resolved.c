/* The recipe as it was resolved: overrides applied and the modules of its libraries written into it, so that a run can
 * be resumed and evaluated whatever becomes of those files. */
#include "frontend/read/read.h"

#include <string.h>

static TreeItem *find_item(Tree *map, const char *key) {
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[i].key->text, key) == 0) return &map->items[i];
    return NULL;
}

/* All modules as one map: the libraries' in the order they were read, then the recipe's own. */
static Tree *all_modules(const ParsedRecipe *r, const Tree *own) {
    Tree *all = ARENA_NEW(r->arena, Tree);
    size_t count = own ? own->count : 0;
    for (size_t i = 0; i < r->n_library_modules; i++) count += r->library_modules[i]->count;
    *all = (Tree){.kind = TREE_MAP, .items = ARENA_ARRAY(r->arena, TreeItem, count + 1)};
    for (size_t i = 0; i <= r->n_library_modules; i++) {
        const Tree *map = i < r->n_library_modules ? r->library_modules[i] : own;
        for (size_t k = 0; map && k < map->count; k++) all->items[all->count++] = map->items[k];
    }
    return all;
}

char *recipe_resolved(const ParsedRecipe *r) {
    Tree root = *r->tree;
    root.items = ARENA_ARRAY(r->arena, TreeItem, root.count + 1);
    root.count = 0;
    TreeItem *own = find_item(r->tree, "modules");
    for (size_t i = 0; i < r->tree->count; i++) {
        const TreeItem *item = &r->tree->items[i];
        bool replaced = strcmp(item->key->text, "use") == 0 || item == own;
        if (!replaced) root.items[root.count++] = *item;
    }
    Tree *modules = all_modules(r, own ? own->value : NULL);
    if (modules->count) {
        Tree *key = ARENA_NEW(r->arena, Tree);
        *key = (Tree){.kind = TREE_SCALAR, .text = "modules", .size = strlen("modules")};
        root.items[root.count++] = (TreeItem){key, modules};
    }

    return tree_print(r->arena, r->diags, &root);
}
