/* Numbers that may be others when the program runs: see scalars.h. */
#include "frontend/recipe/scalars.h"
#include "runtime/scalars.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SCALARS = 10000 }; /* beyond, what is computed fixes what it is made of */

/* ---- operators --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t n;
} OPERATORS[] = {
#define SCALAR(name, n, value) {#name, n},
#include "runtime/scalars.def"
};

/* ---- scalars ----------------------------------------------------------------------------------------------------- */

static uint32_t add(ParsedRecipe *r, VtScalar scalar) {
    Scalars *s = r->scalars;
    const char *text = scalar.op == VT_SCALAR_NUMBER
                           ? arena_printf(r->arena, "%a", scalar.value)
                           : arena_printf(r->arena, "%d %d %d %d", scalar.op, scalar.a, scalar.b, scalar.c);
    uint32_t known = names_find(&s->known, text);
    if (known != NAMES_NONE) return known;
    ARENA_PUSH(r->arena, s->fixed, s->n_fixed, s->fixed_capacity, false);
    ARENA_PUSH(r->arena, s->items, s->count, s->capacity, scalar);
    names_set(r->arena, &s->known, text, (uint32_t)s->count);
    return (uint32_t)s->count;
}

uint32_t scalars_candidate(ParsedRecipe *r, const VtSetting *setting, int *number) {
    Scalars *s = r->scalars;
    Candidate candidate = {.setting = *setting, .follows = -1};
    *number = (int)s->n_candidates;
    candidate.scalar = add(r, (VtScalar){VT_SCALAR_SETTING, *number, 0, 0, setting->value});
    ARENA_PUSH(r->arena, s->candidates, s->n_candidates, s->candidates_capacity, candidate);
    return candidate.scalar;
}

uint32_t scalars_number(ParsedRecipe *r, double value) {
    return add(r, (VtScalar){VT_SCALAR_NUMBER, 0, 0, 0, value});
}

uint32_t scalars_make(ParsedRecipe *r, const char *op, const uint32_t *operands, size_t n, double value) {
    double x[3] = {0};
    int32_t made[3] = {0};
    for (int row = 0; row < (int)(sizeof OPERATORS / sizeof *OPERATORS); row++) {
        if (strcmp(OPERATORS[row].name, op) != 0 || OPERATORS[row].n != n) continue;
        for (size_t i = 0; i < n; i++) {
            made[i] = (int32_t)operands[i];
            x[i] = r->scalars->items[operands[i] - 1].value;
        }
        if (vt_scalar_value(row, x) != value || r->scalars->count >= MAX_SCALARS) return 0;
        return add(r, (VtScalar){VT_SCALAR_OPERATOR + row, made[0], made[1], made[2], value});
    }
    return 0;
}

size_t scalars_input(ParsedRecipe *r, uint32_t scalar) {
    Scalars *s = r->scalars;
    for (size_t i = 0; i < s->n_inputs; i++)
        if (s->inputs[i] == scalar) return i + 1;
    ARENA_PUSH(r->arena, s->inputs, s->n_inputs, s->inputs_capacity, scalar);
    return s->n_inputs;
}

/* ---- what they are made of --------------------------------------------------------------------------------------- */

void scalars_leaves(const Scalars *s, uint32_t scalar, bool *candidates) {
    bool *needed = calloc(s->count + 1, sizeof *needed);
    arena_must(needed);
    needed[scalar] = scalar > 0;
    for (uint32_t i = scalar; i > 0; i--) { /* operands come first */
        const VtScalar *item = &s->items[i - 1];
        if (!needed[i]) continue;
        if (item->op == VT_SCALAR_SETTING) candidates[item->a] = true;
        if (item->op >= VT_SCALAR_OPERATOR) needed[item->a] = needed[item->b] = needed[item->c] = true;
    }
    free(needed);
}

static void fix(ParsedRecipe *r, Candidate *c, Loc at, const char *why) {
    if (c->fixed) return;
    c->fixed = true;
    c->at = at;
    c->why = why;
    if (c->follows >= 0) fix(r, &r->scalars->candidates[c->follows], at, why);
    scalars_fix(r, (uint32_t)c->setting.made, at, why);
}

void scalars_fix(ParsedRecipe *r, uint32_t scalar, Loc at, const char *why) {
    Scalars *s = r->scalars;
    if (!scalar || s->fixed[scalar - 1]) return;
    bool *leaves = ARENA_ARRAY(r->arena, bool, s->n_candidates + 1);
    scalars_leaves(s, scalar, leaves);
    for (size_t i = 0; i < s->n_candidates; i++)
        if (leaves[i]) fix(r, &s->candidates[i], at, why);
    s->fixed[scalar - 1] = true;
}

bool scalars_fixed(const ParsedRecipe *r, uint32_t scalar) {
    const Scalars *s = r->scalars;
    bool *leaves = ARENA_ARRAY(r->arena, bool, s->n_candidates + 1), all = true;
    scalars_leaves(s, scalar, leaves);
    for (size_t i = 0; i < s->n_candidates; i++) all = all && (!leaves[i] || s->candidates[i].fixed);
    return all;
}

/* ---- what the recipe demands ------------------------------------------------------------------------------------- */

void scalars_demand(ParsedRecipe *r, Loc at, uint32_t holds, const char *text, const uint32_t *values,
                    size_t n) {
    Scalars *s = r->scalars;
    bool *leaves = ARENA_ARRAY(r->arena, bool, s->n_candidates + 1);
    scalars_leaves(s, holds, leaves);
    for (size_t i = 0; i < s->n_candidates; i++)
        if (leaves[i] && !s->candidates[i].decided.line) s->candidates[i].decided = at;
    for (size_t i = 0; i < s->n_demands; i++)
        if (s->demands[i].holds == holds && strcmp(s->demands[i].text, text) == 0) return;
    Demand demand = {.holds = holds, .n_values = n, .text = text};
    demand.values = ARENA_ARRAY(r->arena, uint32_t, n + 1);
    if (n) memcpy(demand.values, values, n * sizeof *values);
    ARENA_PUSH(r->arena, s->demands, s->n_demands, s->demands_capacity, demand);
}
