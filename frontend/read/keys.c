/* The keys of a recipe's maps: which there may be. */
#include "frontend/read/read.h"

#include <string.h>

enum { MAX_SUGGESTIONS = 100 };

const char *suggestion(ParsedRecipe *r, const char *word, const char *const *names, size_t n) {
    const char *near = diags_errors(r->diags) < MAX_SUGGESTIONS ? diag_nearest(word, names, n) : NULL;
    return near ? arena_printf(r->arena, "; did you mean '%s'?", near) : "";
}

/* A known key that a colon or a space is missing after: `p 0.5`, `p:0.5`; NULL: it is another mistake. */
static const char *key_hint(ParsedRecipe *r, const char *key, const char *const *keys, size_t n) {
    size_t length = strcspn(key, ": ");
    for (size_t k = 0; key[length] && k < n; k++)
        if (strlen(keys[k]) == length && strncmp(keys[k], key, length) == 0)
            return arena_printf(r->arena, "%s is missing behind '%s%s'",
                                key[length] == ':' ? "a space" : "`:`", keys[k],
                                key[length] == ':' ? ":" : "");
    return NULL;
}

static const char *kind_of(const Tree *tree) {
    return tree->kind == TREE_LIST ? "a list"
           : tree_is_null(tree)    ? "nothing"
           : tree->block           ? "a block"
                                   : "a word";
}

bool check_keys(ParsedRecipe *r, const Tree *map, const char *what, const char *const *keys, size_t n) {
    bool good = true;
    if (map->kind != TREE_MAP) {
        const char *hint = map->kind == TREE_SCALAR && !map->quoted ? key_hint(r, map->text, keys, n) : NULL;
        if (hint)
            diag_error(r->diags, map->loc, "%s", hint);
        else
            diag_error(r->diags, map->loc, "%s must be a map of keys to values, not %s", what, kind_of(map));
        return false;
    }
    for (size_t i = 0; i < map->count; i++) {
        bool known = false;
        for (size_t k = 0; k < n && !known; k++) known = strcmp(keys[k], map->items[i].key->text) == 0;
        if (known) continue;
        const char *key = map->items[i].key->text;
        const char *hint = key_hint(r, key, keys, n);
        const char *near = diag_nearest(key, keys, n);
        if (hint)
            diag_error(r->diags, map->items[i].key->loc, "%s", hint);
        else
            diag_error(r->diags, map->items[i].key->loc, "unknown key '%s' in %s%s", key, what,
                       suggestion(r, key, keys, n));
        if (map == r->tree && near &&
            !tree_get(map, near)) { /* a section: what it names is known all the same */
            map->items[i].key->text = near;
            map->items[i].key->size = strlen(near);
        }
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
    diag_error(r->diags, map->loc, "%s must be a map of names to values, not %s", what, kind_of(map));
    return false;
}
