/* What a recipe names and could not be read: an error was told, and that others use the name is none any more. */
#include "frontend/read/read.h"

#include <string.h>

static bool among(const Entries *entries, const char *name) {
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->items[i].name, name) == 0) return true;
    return false;
}

static bool defined(const Definition *list, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].signature.name, name) == 0) return true;
    return false;
}

static bool was_read(const ParsedRecipe *r, const char *section, const char *name) {
    if (strcmp(section, "knobs") == 0) return knob_find(r, name) != NULL;
    if (strcmp(section, "modules") == 0) return defined(r->modules, r->n_modules, name);
    if (strcmp(section, "networks") == 0) return defined(r->networks, r->n_networks, name);
    if (strcmp(section, "state") == 0) return among(&r->state, name);
    if (strcmp(section, "schedules") == 0) return among(&r->schedules, name);
    if (strcmp(section, "objectives") == 0) return among(&r->objectives, name);
    for (size_t i = 0; i < r->n_views; i++)
        if (strcmp(r->views[i].name, name) == 0) return true;
    for (size_t i = 0; i < r->n_draws; i++)
        if (strcmp(r->draws[i].name, name) == 0) return true;
    return false;
}

void note_unread(ParsedRecipe *r, const char *section, const Tree *map) {
    if (!map || tree_is_null(map)) return;
    if (map->kind != TREE_MAP) r->names_missing = true;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *key = map->items[i].key;
        const char *text = key->text, *space = strchr(text, ' '); /* `def f(x)` is f, too */
        if (space && strcspn(text, "(") > (size_t)(space - text) && strchr(text, '(')) text = space + 1;
        const char *name = arena_strndup(r->arena, text, strcspn(text, "( "));
        if (!*name || was_read(r, section, name)) continue;
        Unread unread = {name, strcmp(section, "modules") == 0 || strcmp(section, "schedules") == 0};
        ARENA_PUSH(r->arena, r->unread, r->n_unread, r->unread_capacity, unread);
    }
}
