/* What a recipe gives names to: see own_names.h. */
#include "frontend/recipe/own_names.h"

#include <string.h>

static bool in_entries(const Entries *entries, const char *kind, size_t *i, OwnName *out) {
    if (*i >= entries->count) {
        *i -= entries->count;
        return false;
    }
    *out = (OwnName){entries->items[*i].name, kind, entries->items[*i].loc};
    return true;
}

/* The i-th; false: there are fewer. */
static bool own_name(const ParsedRecipe *r, size_t i, OwnName *out) {
    if (i < r->n_knobs) return *out = (OwnName){r->knobs[i].name, "a knob", r->knobs[i].loc}, true;
    i -= r->n_knobs;
    if (i < r->n_views) return *out = (OwnName){r->views[i].name, "a view", r->views[i].loc}, true;
    i -= r->n_views;
    if (i < r->n_draws) {
        const Draw *draw = &r->draws[i];
        return *out = (OwnName){draw->name, draw->given ? "an input" : "a draw", draw->loc}, true;
    }
    i -= r->n_draws;
    if (i < r->n_networks) {
        const Definition *network = &r->networks[i];
        return *out = (OwnName){network->signature.name, "a network", network->loc}, true;
    }
    i -= r->n_networks;
    return in_entries(&r->state, "a state", &i, out) || in_entries(&r->schedules, "a schedule", &i, out) ||
           in_entries(&r->objectives, "an objective", &i, out);
}

bool own_name_find(const ParsedRecipe *r, const char *name, OwnName *out) {
    for (size_t i = 0; own_name(r, i, out); i++)
        if (strcmp(out->name, name) == 0) return true;
    return false;
}

const Definition *network_named(const ParsedRecipe *recipe, const char *name) {
    for (size_t i = 0; i < recipe->n_networks; i++)
        if (strcmp(recipe->networks[i].signature.name, name) == 0) return &recipe->networks[i];
    return NULL;
}
