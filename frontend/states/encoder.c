/* A network that is the encoder of another recipe, applied: `embed` of that recipe, its view being the argument. The
 * networks in it are applied within this one, so that their parameters are this one's, NETWORK.THEIRS.blocks.0 …: a
 * moving average follows all of them, and a checkpoint of that recipe's run has their names. */
#include "frontend/states/states.h"
#include "frontend/recipe/own_names.h"

#include <string.h>

/* Schedules and states that the encoder mentions; others are of no use here, and may be large. */
static bool is_mentioned(const ParsedRecipe *r, const Entry *entry) {
    return names_find(&r->mentions->read, entry->name) != NAMES_NONE;
}

static void define_mentioned(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    for (size_t i = 0; i < r->schedules.count; i++) {
        const Entry *entry = &r->schedules.items[i];
        if (!is_mentioned(r, entry)) continue;
        Value value = eval(e, entry->value);
        ValueId id = scalar_of(e, value_loc(e, entry->value), &value, DT_F64, "a schedule");
        define(e, e->globals, entry->name,
               id == IR_NONE ? (Value){0} : value_of(e, ir_cast(e->func, id, DT_F64)));
    }
    for (size_t i = 0; i < r->state.count; i++) {
        const Entry *entry = &r->state.items[i];
        if (!is_mentioned(r, entry)) continue;
        int64_t known = module_find_state(e->module, join_scope(e, e->scope, entry->name));
        Value value = {.kind = V_STATE, .state = (uint32_t)known};
        if (known < 0) value = eval(e, entry->value);
        if (known < 0 && value.kind != V_POISON)
            value = make_buffer(e, value_loc(e, entry->value), &value, entry->name);
        define(e, e->own, entry->name, value);
    }
}

static const View *view_of(const ParsedRecipe *r) {
    const View *view = r->views;
    while (strcmp(view->name, r->embed_view) != 0)
        view++; /* there is one: that was looked at when it was read */
    return view;
}

/* The images, which are such as the recipe's view. */
static bool check_images(Evaluator *e, const Definition *network, const Expr *at, const Value *images) {
    const View *view = view_of(network->recipe);
    ValueId id;
    Type type;
    if (!tensor_with_type(e, at->loc, images, DT_F32, &id, &type)) return false;
    int64_t size = view->size;
    if (type.dtype == DT_F32 && type.rank == 4 && type.dim[1] == view->channels && type.dim[2] == size &&
        type.dim[3] == size)
        return true;
    eval_error(e, at->loc, "network %s sees images f32[n, %d, %lld, %lld], as '%s' is made for, not %s",
               network->signature.name, view->channels, (long long)size, (long long)size,
               network->recipe->name, type_text(e->arena, &type));
    return false;
}

static Value run_embed(Evaluator *e, const Definition *network, const Value *images) {
    const ParsedRecipe *r = network->recipe;
    Frame frame = {0};
    Evaluator left = enter_recipe(e, r);
    e->frame = &frame;
    e->sees =
        arena_printf(e->arena, "the encoder of '%s' sees its view '%s', networks, states, knobs and modules",
                     r->name, r->embed_view);
    define_mentioned(e);
    define(e, e->own, r->embed_view, *images);
    size_t applied = e->states->n_applied;
    const Expr *expr = r->embed_readout ? r->embed_readout : r->embed_features;
    Value value = eval(e, r->embed_features);
    value = read_out(e, &value, applied);
    ValueId id = value.kind == V_POISON ? IR_NONE : tensor_of(e, value_loc(e, expr), &value, DT_F32);
    if (id != IR_NONE && func_type(e->func, id)->rank != 2) {
        eval_error(e, value_loc(e, expr), "features must be [batch, dim], not %s",
                   type_text(e->arena, func_type(e->func, id)));
        id = IR_NONE;
    }
    leave_recipe(e, &left);
    return id == IR_NONE ? (Value){0} : value;
}

/* How many networks took what is passed on: a fact for `vitc check`. */
static void note_passed(Evaluator *e, const Definition *network, const Passed *passed) {
    States *states = e->states;
    for (size_t i = 0; i < passed->frame.count; i++) {
        RecipeNote note = {network->signature.name,
                           arena_printf(e->arena, "networks that take %s", passed->frame.variables[i].name),
                           (double)passed->taken[i]};
        bool known = false;
        for (size_t k = 0; k < states->n_notes; k++)
            known =
                known || (states->notes[k].network && strcmp(states->notes[k].network, note.network) == 0 &&
                          strcmp(states->notes[k].name, note.name) == 0);
        if (!known) ARENA_PUSH(e->arena, states->notes, states->n_notes, states->notes_capacity, note);
    }
}

Value run_encoder(Evaluator *e, const Definition *network, const Expr *at, Value *args, const char **keywords,
                  size_t n) {
    const Signature *signature = &network->signature;
    Frame given = {0};
    if (!bind_arguments(e, signature, at, &given, args, keywords, n) ||
        !bind_defaults(e, signature, at, &given))
        return (Value){0};
    const Value images = *frame_find(&given, signature->parameters[0].name);
    if (images.kind == V_POISON || !check_images(e, network, at, &images)) return (Value){0};
    Passed passed = {.taken = ARENA_ARRAY(e->arena, size_t, signature->count)};
    for (size_t p = 1; p < signature->count; p++) {
        const char *name = signature->parameters[p].name;
        define(e, &passed.frame, name, *frame_find(&given, name));
    }
    Application here = *e->states->application;
    const Application *before = e->states->application;
    size_t failures = e->failures;
    here.passed = &passed;
    e->states->application = &here;
    Value value = run_embed(e, network, &images);
    e->states->application = before;
    if (e->failures > failures)
        diag_note(e->diags, at->loc, "in the encoder of '%s', applied here", network->recipe->name);
    else
        note_passed(e, network, &passed);
    return value;
}
