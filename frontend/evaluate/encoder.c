/* Another recipe whose encoder is a network of this one: what expressions may ask of it, and the evaluator among its
 * names. */
#include "frontend/evaluate/evaluator.h"

#include <string.h>

/* ---- facts ------------------------------------------------------------------------------------------------------- */

static const View *view_of(const ParsedRecipe *r) {
    for (size_t i = 0; r->embed_view && i < r->n_views; i++)
        if (strcmp(r->views[i].name, r->embed_view) == 0) return &r->views[i];
    return NULL;
}

static Value record_of(Evaluator *e, Loc loc, size_t n) {
    Value record = value_list(e, loc, V_RECORD, n);
    record.names = ARENA_ARRAY(e->arena, const char *, n + 1);
    return record;
}

static Value knobs_of(Evaluator *e, Loc loc, const ParsedRecipe *r) {
    Value record = record_of(e, loc, r->n_knobs);
    for (size_t i = 0; record.kind != V_POISON && i < record.count; i++) {
        record.names[i] = r->knobs[i].name;
        record.items[i] = knob_value(e, &r->knobs[i]);
    }
    return close_list(e, loc, record);
}

Value encoder_fact(Evaluator *e, const Expr *at, const Definition *network) {
    const ParsedRecipe *r = network->recipe;
    const View *view = view_of(r);
    if (strcmp(at->text, "knobs") == 0) return knobs_of(e, at->loc, r);
    if (strcmp(at->text, "view") != 0)
        return name_error(
            e, at->loc, "network %s has `view` (its size and channels) and `knobs`, those of '%s'; not '%s'",
            network->signature.name, r->name, at->text);
    Value record = record_of(e, at->loc, 2);
    if (record.kind == V_POISON || !view) return (Value){0};
    record.names[0] = "size";
    record.names[1] = "channels";
    record.items[0] = value_number(view->size, true);
    record.items[1] = value_number(view->channels, true);
    return close_list(e, at->loc, record);
}

/* ---- among its names --------------------------------------------------------------------------------------------- */

static const char *const TIME[] = {"step", "steps_per_epoch", "epoch", "epochs", "batch", "training"};

/* Calls that run outside are not seen: their names are of another recipe. */
Evaluator enter_recipe(Evaluator *e, const ParsedRecipe *recipe) {
    Evaluator left = *e;
    Frame *globals = ARENA_NEW(e->arena, Frame);
    for (size_t i = 0; i < sizeof TIME / sizeof *TIME; i++) {
        const Value *value = frame_find(e->globals, TIME[i]);
        if (value) define(e, globals, TIME[i], *value);
    }
    e->recipe = recipe;
    e->globals = globals;
    e->own = ARENA_NEW(e->arena, Frame);
    e->n_knobs = 0;
    e->frame = NULL;
    e->calls = NULL, e->n_calls = e->calls_capacity = 0;
    e->callers = NULL, e->n_callers = e->callers_capacity = 0;
    e->running = NULL, e->n_running = e->running_capacity = 0;
    e->clashes = (Names){0};
    e->sees = e->place = e->assigned = NULL;
    e->block = NULL;
    e->settable = false;
    e->mentions = NULL;
    define_knobs(e);
    define_definitions(e);
    return left;
}

void leave_recipe(Evaluator *e, const Evaluator *left) {
    e->recipe = left->recipe;
    e->globals = left->globals;
    e->own = left->own;
    e->n_knobs = left->n_knobs;
    e->frame = left->frame;
    e->calls = left->calls, e->n_calls = left->n_calls, e->calls_capacity = left->calls_capacity;
    e->callers = left->callers, e->n_callers = left->n_callers, e->callers_capacity = left->callers_capacity;
    e->running = left->running, e->n_running = left->n_running, e->running_capacity = left->running_capacity;
    e->clashes = left->clashes;
    e->sees = left->sees, e->place = left->place, e->assigned = left->assigned;
    e->block = left->block;
    e->settable = left->settable;
    e->mentions = left->mentions;
}
