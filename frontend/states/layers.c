/* Layers of a network, by the names of its parameters and the order in which its applications ask for them. */
#include "frontend/states/states.h"
#include "ir/base/pattern.h"

#include <ctype.h>
#include <string.h>

typedef struct Layers {
    const char *network; /* the first part of names, of n_network letters */
    size_t n_network;
    const char *units; /* a pattern, or NULL */
    size_t n_asked;    /* when this was found out */
    int64_t *layer;    /* of the module's states; -1: not of this network */
    int64_t last;
} Layers;

/* ---- units: scopes that begin a name ----------------------------------------------------------------------------- */

static size_t end_of_part(const char *name, size_t at) {
    return at + strcspn(name + at, ".");
}

/* Where the first part behind the network that is a whole number begins; 0: there is none. */
static size_t first_index(const char *name, size_t n_network) {
    for (size_t at = n_network; name[at] == '.';) {
        size_t end = end_of_part(name, ++at), digits = strspn(name + at, "0123456789");
        if (digits && at + digits == end) return at;
        at = end;
    }
    return 0;
}

/* The length of the unit that a parameter lies in, 0: in none. stack: what its index follows, without a pattern. */
static size_t unit_of(const Layers *layers, const char *name, const char *stack) {
    if (!layers->units) {
        size_t at = first_index(name, layers->n_network);
        bool inside = at && stack && strlen(stack) == at - 1 && strncmp(stack, name, at - 1) == 0;
        return inside ? end_of_part(name, at) : 0;
    }
    for (size_t at = 0;; at++) {
        at = end_of_part(name, at);
        if (pattern_matches_parts(layers->units, name, at)) return at;
        if (!name[at]) return 0;
    }
}

static bool is_of(const Layers *layers, const char *name) {
    return strncmp(name, layers->network, layers->n_network) == 0 && name[layers->n_network] == '.';
}

/* What precedes the outermost index of most parameters, "encoder.blocks"; NULL: no name has an index. */
static const char *main_stack(Evaluator *e, const Layers *layers) {
    const Module *module = e->module;
    Names known = {0};
    const char *most = NULL;
    uint32_t n_most = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t s = 0; s < module->n_states; s++) {
            const char *name = module->states[s].name;
            if (module->states[s].role != ROLE_PARAM || !is_of(layers, name)) continue;
            size_t at = first_index(name, layers->n_network);
            if (!at) continue;
            const char *stack = arena_strndup(e->arena, name, at - 1);
            uint32_t n = names_find(&known, stack);
            if (pass == 0)
                names_set(e->arena, &known, stack, n == NAMES_NONE ? 1 : n + 1);
            else if (n > n_most)
                most = stack, n_most = n;
        }
    return most;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

static void number_layers(Evaluator *e, Layers *layers) {
    const States *states = e->states;
    const char *stack = layers->units ? NULL : main_stack(e, layers);
    Names numbers = {0};
    uint32_t n = 0, begun = 0, stamp = 0;
    bool *outside = ARENA_ARRAY(e->arena, bool, e->module->n_states);
    layers->layer = ARENA_ARRAY(e->arena, int64_t, e->module->n_states);
    for (size_t s = 0; s < e->module->n_states; s++) layers->layer[s] = -1;
    for (size_t i = 0; i < states->n_asked; i++) {
        uint32_t s = states->asked[i].state;
        const char *name = e->module->states[s].name;
        if (!is_of(layers, name)) continue;
        if (states->asked[i].stamp != stamp) begun = 0;
        stamp = states->asked[i].stamp;
        size_t length = unit_of(layers, name, stack);
        uint32_t number = 0;
        if (length) {
            const char *unit = arena_strndup(e->arena, name, length);
            number = names_find(&numbers, unit);
            if (number == NAMES_NONE) names_set(e->arena, &numbers, unit, number = ++n);
            if (number > begun) begun = number;
        }
        if (layers->layer[s] >= 0) continue;
        layers->layer[s] = length ? number : begun;
        outside[s] = !length;
    }
    layers->last = n ? n + 1 : 0;
    for (size_t s = 0; s < e->module->n_states; s++)
        if (outside[s] && n && layers->layer[s] == n) layers->layer[s] = layers->last;
}

/* Found out once for a network and a pattern. NULL after an error. */
static const Layers *layers_of(Evaluator *e, Loc loc, const char *name, const char *units) {
    States *states = e->states;
    Layers wanted = {.network = name, .n_network = end_of_part(name, 0), .units = units};
    Layers *found = NULL;
    for (size_t i = 0; i < states->n_layers && !found; i++) {
        Layers *known = &states->layers[i];
        bool same = known->n_network == wanted.n_network && is_of(known, name) && !known->units == !units;
        if (same && (!units || strcmp(known->units, units) == 0)) found = known;
    }
    if (found && found->n_asked == states->n_asked) return found;
    if (!spend(e, loc, states->n_asked + e->module->n_states)) return NULL;
    if (!found) {
        ARENA_PUSH(e->arena, states->layers, states->n_layers, states->layers_capacity, wanted);
        found = &states->layers[states->n_layers - 1];
    }
    found->n_asked = states->n_asked;
    number_layers(e, found);
    if (units && !found->last)
        diag_warning(e->diags, loc,
                     "'%s' matches no scope of network %.*s: all its parameters are of layer 0", units,
                     (int)wanted.n_network, name);
    return found;
}

const char *nearest_parameter(Evaluator *e, const char *pattern) {
    const char *nearest = NULL;
    size_t most = 0;
    for (size_t s = 0; s < e->module->n_states; s++) {
        const char *name = e->module->states[s].name;
        size_t same = 0;
        if (e->module->states[s].role != ROLE_PARAM) continue;
        while (name[same] && name[same] == pattern[same]) same++;
        if (!nearest || same > most) nearest = name, most = same;
    }
    return nearest;
}

bool layer_of(Evaluator *e, Loc loc, const char *name, const char *units, int64_t *layer, int64_t *last) {
    int64_t s = module_find_state(e->module, name);
    if (s >= 0) s = trained_state(e, (uint32_t)s);
    if (s < 0 || s >= UINT32_MAX || e->module->states[s].role != ROLE_PARAM) {
        const char *nearest = nearest_parameter(e, name);
        eval_error(e, loc, "no parameter is called '%s'%s", name,
                   nearest ? arena_printf(e->arena, "; one is '%s'", nearest)
                           : ": there are none before the losses are known");
        return false;
    }
    const Layers *layers = layers_of(e, loc, e->module->states[s].name, units);
    if (!layers) return false;
    *layer = layers->layer[s] < 0 ? 0 : layers->layer[s];
    *last = layers->last;
    return true;
}
