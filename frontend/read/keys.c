/* The keys of a recipe's maps: which there may be, and what names among them may be. */
#include "frontend/read/read.h"

#include <ctype.h>
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

static bool is_identifier(const char *text, size_t length) {
    bool good = length > 0 && !(text[0] >= '0' && text[0] <= '9');
    for (size_t i = 0; i < length; i++) good = good && (isalnum((unsigned char)text[i]) || text[i] == '_');
    return good;
}

/* Names that every step has, words and values of the language: they would hide what else is called so. */
static bool is_reserved(const char *name) {
    static const char *const words[] = {"step",  "epoch",    "epochs", "steps_per_epoch",
                                        "batch", "training", "labels", "index",
                                        "true",  "false",    "none",   "__metadata__"};
    if (is_keyword(name)) return true;
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(words[i], name) == 0) return true;
    return false;
}

/* Names that expressions see side by side are identifiers, and no two are equal. A knob alone may be called as what
 * it sets: batch. */
void check_names(ParsedRecipe *r, const Tree *root) {
    static const char *const sections[] = {"knobs", "views",     "draws",      "networks",
                                           "state", "schedules", "objectives", "data"};
    Names known = {0};
    for (size_t s = 0; s < COUNT(sections); s++) {
        const Tree *map = tree_get(root, sections[s]);
        for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
            const Tree *key = map->items[i].key;
            const char *name = arena_strndup(r->arena, key->text, strcspn(key->text, "( "));
            uint32_t other = names_find(&known, name);
            if (!is_identifier(name, strlen(name)) || (strcspn(key->text, " ") < strlen(key->text) && s != 3))
                diag_error(r->diags, key->loc, "'%.40s' is no name: letters, digits and _ were expected",
                           key->text);
            else if (s > 0 && is_reserved(name))
                diag_error(r->diags, key->loc, "'%s' is a name of every step already; choose another", name);
            else if (other != NAMES_NONE && other != s)
                diag_error(r->diags, key->loc, "'%s' is a name among the %s already; choose another", name,
                           sections[other]);
            else
                names_set(r->arena, &known, name, (uint32_t)s);
        }
    }
}

/* The outputs of a step are called after schedules, metrics and values, the losses after objectives. */
void check_outputs(ParsedRecipe *r, const Tree *root) {
    static const char *const sections[] = {"schedules", "metrics", "values"};
    Names known = {0};
    names_set(r->arena, &known, "loss", 0);
    for (size_t s = 0; s < COUNT(sections); s++) {
        const Tree *map = tree_get(root, sections[s]);
        for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
            const Tree *key = map->items[i].key;
            bool free = strncmp(key->text, "loss.", 5) != 0 && names_set(r->arena, &known, key->text, 0);
            if (!free)
                diag_error(r->diags, key->loc,
                           "'%s' is logged already, as another value; choose another name", key->text);
        }
    }
}
