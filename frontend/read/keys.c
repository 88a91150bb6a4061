/* The keys of a recipe's maps: which there may be. */
#include "frontend/read/read.h"

#include <string.h>

enum { MAX_SUGGESTIONS = 100 };

const char *suggestion(ParsedRecipe *r, const char *word, const char *const *names, size_t n) {
    const char *near = diags_errors(r->diags) < MAX_SUGGESTIONS ? diag_nearest(word, names, n) : NULL;
    return near ? arena_printf(r->arena, "; did you mean '%s'?", near) : "";
}

bool check_keys(ParsedRecipe *r, const Tree *map, const char *what, const char *const *keys, size_t n) {
    bool good = true;
    if (map->kind != TREE_MAP) {
        diag_error(r->diags, map->loc, "%s must be a map of keys to values", what);
        return false;
    }
    for (size_t i = 0; i < map->count; i++) {
        bool known = false;
        for (size_t k = 0; k < n && !known; k++) known = strcmp(keys[k], map->items[i].key->text) == 0;
        if (known) continue;
        const char *key = map->items[i].key->text;
        diag_error(r->diags, map->items[i].key->loc, "unknown key '%s' in %s%s", key, what,
                   suggestion(r, key, keys, n));
        good = false;
    }
    return good;
}

size_t names_in(const Tree *map, const char **names, size_t most) {
    size_t n = 0;
    for (; map && map->kind == TREE_MAP && n < map->count && n < most; n++)
        names[n] = map->items[n].key->text;
    return n;
}

bool check_map(ParsedRecipe *r, const Tree *map, const char *what) {
    if (map->kind == TREE_MAP || tree_is_null(map)) return true;
    diag_error(r->diags, map->loc, "%s must be a map of names to values", what);
    return false;
}
