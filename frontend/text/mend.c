/* Lists where maps belong: `- name: value` for `name: value`. They are told, and read as the map that was meant, so
 * that what they name is known. */
#include "frontend/text/tree.h"

#include <string.h>

/* A list of maps as one map; false if it is another list, or none. */
static bool mend_list(Arena *arena, Diags *diags, Tree *tree, const char *what) {
    if (tree->kind != TREE_LIST || tree->count == 0) return false;
    size_t n = 0;
    for (size_t i = 0; i < tree->count; i++) {
        const Tree *item = tree->items[i].value;
        if (item->kind != TREE_MAP) return false;
        n += item->count;
    }
    diag_error(diags, tree->loc, "%s must be a map, not a list: write `name: value` without `- `", what);
    TreeItem *items = ARENA_ARRAY(arena, TreeItem, n + 1);
    n = 0;
    for (size_t i = 0; i < tree->count; i++) {
        Tree *map = tree->items[i].value;
        bool beside = map->count > 1 &&
                      tree_is_null(map->items[0].value); /* `- name:`, its keys not below but beside it */
        for (size_t k = 0; k < (beside ? 1 : map->count); k++) items[n++] = map->items[k];
        if (!beside) continue;
        map->items++;
        map->count--;
        items[n - 1].value = map;
    }
    tree->kind = TREE_MAP;
    tree->items = items;
    tree->count = n;
    return true;
}

void tree_mend_lists(Arena *arena, Diags *diags, Tree *root) {
    static const char *const sections[] = {"knobs",    "presets", "views",     "draws",      "modules",
                                           "networks", "state",   "schedules", "objectives", "metrics",
                                           "values",   "embed",   "train",     "data",       "inputs"};
    static const char *const forms[] = {"knobs",    "presets",    "views",   "draws",
                                        "networks", "objectives", "metrics", "inputs"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        Tree *map = tree_get(root, sections[i]);
        if (map) mend_list(arena, diags, map, sections[i]);
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        Tree *map = tree_get(root, forms[i]);
        for (size_t k = 0; map && map->kind == TREE_MAP && k < map->count; k++)
            mend_list(arena, diags, map->items[k].value,
                      arena_printf(arena, "'%s'", map->items[k].key->text));
    }
}
