/* Builtins of parameters and states: initial values, param, buffer, draw, note. */
#include "frontend/builtins/builtins.h"
#include "frontend/states/states.h"

#include <math.h>
#include <string.h>

static Value initialiser(Evaluator *e, const Expr *at, InitKind kind, const Value *a, const Value *b) {
    Value init = {.kind = V_INIT, .init = kind};
    bool spread = kind == INIT_NORMAL || kind == INIT_TRUNC_NORMAL;
    if (!real_in(e, at->loc, a, "an initialiser's number", -MOST, MOST, &init.a) ||
        !real_in(e, at->loc, b, spread ? "std" : "an initialiser's number", spread ? 0 : -MOST, MOST,
                 &init.b))
        return (Value){0};
    if (kind == INIT_UNIFORM && init.a > init.b)
        return eval_error(e, at->loc, "uniform from %g to %g: the lower end comes first", init.a, init.b);
    return init;
}

FUNCTION(b_constant) {
    UNUSED;
    Value zero = value_number(0, false);
    return initialiser(e, at, INIT_CONSTANT, &args[0], &zero);
}

/* With shape=(…): a value for `state:`, which has no other place to say it. */
static Value shaped(Evaluator *e, const Expr *at, Value init, const Value *shape) {
    Ints sizes;
    if (init.kind == V_POISON || shape->kind == V_NONE) return init;
    Value wrapped = {.kind = V_LIST, .items = (Value *)shape, .count = 1};
    if (!sizes_of(e, at->loc, &wrapped, &sizes, false)) return (Value){0};
    if (sizes.n == 0) return eval_error(e, at->loc, "a shape without sizes");
    init.items = ARENA_ARRAY(e->arena, Value, (size_t)sizes.n + 1);
    init.count = (size_t)sizes.n;
    for (int k = 0; k < sizes.n; k++) init.items[k] = value_number((double)sizes.v[k], true);
    return init;
}

FUNCTION(b_normal) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_NORMAL, &args[1], &args[0]), &args[2]);
}
FUNCTION(b_trunc_normal) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_TRUNC_NORMAL, &args[1], &args[0]), &args[2]);
}
FUNCTION(b_uniform) {
    UNUSED;
    return shaped(e, at, initialiser(e, at, INIT_UNIFORM, &args[0], &args[1]), &args[2]);
}

/* `name=`: a string, or none. */
static bool name_of(Evaluator *e, Loc loc, const Value *v, const char **name) {
    *name = v->kind == V_STRING ? v->text : NULL;
    if (v->kind == V_STRING ? v->text[0] != '\0' : v->kind == V_NONE) return true;
    eval_error(e, loc, "a name must be a string, not %s", show_value(e, v));
    return false;
}

typedef struct { /* rows of a table that are places of a grid, and how many lie before and after them */
    bool is;
    uint32_t before, after;
} Grid;

/* `resize='grid'`, `prefix` and `suffix`: what the rows of a table are places of. */
static bool grid_of(Evaluator *e, const Expr *at, const Value *args, const Ints *sizes, Grid *out) {
    int64_t before, after;
    *out = (Grid){.is = false};
    if (!int_of(e, at->loc, &args[1], "prefix", &before) || !int_of(e, at->loc, &args[2], "suffix", &after))
        return false;
    if (args[0].kind == V_NONE && before == 0 && after == 0) return true;
    int64_t rows = sizes->n >= 2 ? sizes->v[sizes->n - 2] : 0, places = rows - before - after;
    double edge = places > 0 ? floor(sqrt((double)places) + 0.5) : 0;
    if (args[0].kind == V_NONE)
        eval_error(e, at->loc, "prefix and suffix go with resize='grid'");
    else if (args[0].kind != V_STRING || strcmp(args[0].text, "grid") != 0)
        eval_error(e, at->loc, "resize is 'grid' or none, not %s", show_value(e, &args[0]));
    else if (sizes->n < 2)
        eval_error(e, at->loc, "resize='grid' is for tables [rows, width] or [1, rows, width]");
    else if (before < 0 || after < 0 || !(edge >= 1) || edge * edge != (double)places)
        eval_error(e, at->loc,
                   "resize='grid': %lld rows, less a prefix of %lld and a suffix of %lld, are no square grid",
                   (long long)rows, (long long)before, (long long)after);
    else
        *out = (Grid){.is = true, .before = (uint32_t)before, .after = (uint32_t)after};
    return out->is;
}

FUNCTION(b_param) {
    UNUSED;
    Ints sizes;
    Grid grid;
    int decay = -1;
    bool trainable, decays;
    if (!sizes_of(e, at->loc, &args[0], &sizes, false) ||
        !bool_of(e, at->loc, &args[3], "trainable", &trainable))
        return (Value){0};
    if (args[2].kind != V_NONE) {
        if (!bool_of(e, at->loc, &args[2], "decay", &decays)) return (Value){0};
        decay = decays;
    }
    const char *name;
    if (!name_of(e, at->loc, &args[4], &name) || !grid_of(e, at, &args[5], &sizes, &grid)) return (Value){0};
    State like = {.type = type_make(DT_F32, sizes.n, sizes.v),
                  .name = name,
                  .frozen = !trainable,
                  .grid = grid.is,
                  .before = grid.before,
                  .after = grid.after};
    return make_param(e, at->loc, &like, &args[1], decay);
}

FUNCTION(b_buffer) {
    UNUSED;
    const char *name;
    if (!name_of(e, at->loc, &args[1], &name)) return (Value){0};
    return make_buffer(e, at->loc, &args[0], name);
}

enum { MAX_NOTES = 1000 };

FUNCTION(b_note) {
    UNUSED;
    double value;
    if (args[0].kind != V_STRING) return eval_error(e, at->loc, "note('NAME', number)");
    if (!real_of(e, at->loc, &args[1], "a note's value", &value)) return (Value){0};
    States *states = e->states;
    if (states->n_notes >= MAX_NOTES) return eval_error(e, at->loc, "more than %d notes", MAX_NOTES);
    RecipeNote note = {states->application ? states->application->definition->signature.name : NULL,
                       args[0].text, value};
    for (size_t i = 0; i < states->n_notes; i++) {
        const RecipeNote *known = &states->notes[i];
        if (known->network == note.network && !strcmp(known->name, note.name) && known->value == value)
            return value_none();
    }
    ARENA_PUSH(e->arena, states->notes, states->n_notes, states->notes_capacity, note);
    return value_none();
}

FUNCTION(b_draw) {
    UNUSED;
    Ints sizes;
    if (args[0].kind != V_STRING) return eval_error(e, at->loc, "draw('SAMPLER', sizes…)");
    if (!sizes_of(e, at->loc, &args[1], &sizes, false)) return (Value){0};
    const char *name;
    if (!name_of(e, at->loc, &args[2], &name)) return (Value){0};
    return make_draw(e, at, args[0].text, &sizes, &args[3], name);
}
