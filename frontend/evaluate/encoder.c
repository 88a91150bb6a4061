/* Another recipe whose encoder is a network of this one: the evaluator among its names. */
#include "frontend/evaluate/evaluator.h"

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
