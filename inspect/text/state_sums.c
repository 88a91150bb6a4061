/* Sums over states: see state_sums.h. */
#include "inspect/text/state_sums.h"
#include "ir/base/names.h"

#include <string.h>

static const char *module_of(Arena *arena, const State *state) {
    size_t n = strcspn(state->name, ".");
    if (!state->name[n]) return "";
    if (state->role == ROLE_OPTIMIZER) n += 1 + strcspn(state->name + n + 1, ".");
    return arena_strndup(arena, state->name, n);
}

const StateSum *state_sums(Arena *arena, const Module *module, size_t *n) {
    StateSum *sums = NULL;
    size_t count = 0, capacity = 0;
    for (StateRole role = 0; role < ROLE_COUNT; role++) {
        Names known = {0};
        for (size_t s = 0; s < module->n_states; s++) {
            const State *state = &module->states[s];
            if (state->role != role) continue;
            const char *of = module_of(arena, state);
            uint32_t i = names_find(&known, of);
            if (i == NAMES_NONE) {
                i = (uint32_t)count;
                names_set(arena, &known, of, i);
                ARENA_PUSH(arena, sums, count, capacity, ((StateSum){.role = role, .module = of}));
            }
            sums[i].tensors++;
            sums[i].frozen += state->frozen;
            sums[i].elements += type_elements(&state->type);
            sums[i].bytes += type_bytes(&state->type);
        }
    }
    *n = count;
    return sums;
}
