/* Parameters, buffers and draws: made where an expression asks for them, found again by name. */
#include "frontend/states/states.h"
#include "frontend/recipe/catalog.h"

#include <string.h>

/* Whether a state or random input can be made here, which it cannot in a schedule, a constant and the like
 * (States.place). */
static bool may_make(Evaluator *e, Loc loc, const char *what) {
    if (e->states->application || !e->states->place) return true;
    eval_error(e, loc, "%s() has no place in %s", what, e->states->place);
    return false;
}

uint32_t trained_state(Evaluator *e, uint32_t state) {
    while (e->module->states[state].role == ROLE_EMA) state = state_info(e, state)->source;
    return state;
}

StateInfo *state_info(Evaluator *e, uint32_t state) {
    States *states = e->states;
    while (states->n_info <= state) {
        StateInfo info = {.source = IR_NONE};
        ARENA_PUSH(e->arena, states->info, states->n_info, states->info_capacity, info);
    }
    return &states->info[state];
}

static const char *full_name(Evaluator *e, Loc loc, const char *name, const char *what) {
    if (!name) name = e->assigned;
    if (!name) {
        eval_error(e, loc, "a %s wants a name: assign it (`weight = %s(…)`) or give name='…'", what, what);
        return NULL;
    }
    const char *full = join_scope(e, e->scope, name);
    for (const char *c = full; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '"' || *c == '\\') {
            eval_error(e, loc, "a name with quotes, backslashes or control characters");
            return NULL;
        }
    if (strcmp(full, "__metadata__") != 0) return full; /* which safetensors files keep for themselves */
    eval_error(e, loc, "no %s can be called '%s'", what, full);
    return NULL;
}

/* The state of that name, if an earlier application made it; -1: there is none. An error if it is of another kind or
 * type, or was made in this application already. */
static int64_t find_made(Evaluator *e, Loc loc, const char *name, const Type *type, StateRole role) {
    int64_t known = module_find_state(e->module, name);
    if (known < 0) return known;
    StateInfo *info = state_info(e, (uint32_t)known);
    const State *state = &e->module->states[known];
    if (state->role != role) { /* such as the counter of steps */
        eval_error(e, loc, "'%s' is a state of another kind already; choose another name", name);
    } else if (info->stamp == e->states->stamp) {
        eval_error(e, loc, "'%s' is made twice; label the calls apart (`fc1: linear(…)`)", name);
        diag_note(e->diags, info->loc, "first here");
    } else if (!type_equal(&state->type, type)) {
        eval_error(e, loc, "'%s' was made as %s before, now it would be %s", name,
                   type_text(e->arena, &state->type), type_text(e->arena, type));
        diag_note(e->diags, info->loc, "first here");
    }
    info->stamp = e->states->stamp;
    return known;
}

static uint32_t add_state(Evaluator *e, State state, Loc loc) {
    state.loc = loc;
    uint32_t index = module_add_state(e->module, state);
    StateInfo *info = state_info(e, index);
    info->stamp = e->states->stamp;
    info->loc = loc;
    info->network = e->states->application ? e->states->application->definition : NULL;
    return index;
}

/* The parameter or buffer that one of an EMA network follows, `suffix` being what stands behind the network's name:
 * made if it is not yet, in networks between too, which may be applied nowhere. IR_NONE after an error, and if it would
 * be a buffer of another type, which is none to follow. */
static uint32_t followed_state(Evaluator *e, Loc loc, const Definition *network, const char *suffix,
                               const State *like, const Value *init) {
    const bool buffer = like->role == ROLE_BUFFER;
    const Definition **missing = NULL, *at = network;
    size_t n = 0, capacity = 0;
    int64_t known = -1;
    while (known < 0 && at->ema_of && spend(e, loc, 1)) {
        at = network_named(e->states->application->recipe, at->ema_of);
        known = module_find_state(e->module, arena_printf(e->arena, "%s%s", at->signature.name, suffix));
        if (known < 0) ARENA_PUSH(e->arena, missing, n, capacity, at);
    }
    if (e->exhausted) return IR_NONE;
    if (known >= 0 && !type_equal(&e->module->states[known].type, &like->type)) {
        const State *made = &e->module->states[known];
        if (buffer) return IR_NONE;
        eval_error(e, loc, "'%s%s' would be %s, and follows '%s', which is %s", network->signature.name,
                   suffix, type_text(e->arena, &like->type), made->name, type_text(e->arena, &made->type));
        return IR_NONE;
    }
    uint32_t source = known < 0 ? IR_NONE : (uint32_t)known;
    while (n-- > 0) {
        State state = *like;
        StateInfo info = {.source = source, .network = missing[n], .loc = loc}; /* not of this application */
        state.name = arena_printf(e->arena, "%s%s", missing[n]->signature.name, suffix);
        if (!buffer) state.role = missing[n]->ema_of ? ROLE_EMA : ROLE_PARAM;
        state.init = INIT_COPY;
        state.copy_of = source;
        if (!missing[n]->ema_of && !set_initial(e, loc, init, &state)) return IR_NONE;
        source = add_state(e, state, loc);
        *state_info(e, source) = info;
    }
    return source;
}

/* A new state, which begins as `init` says; a parameter or buffer of an EMA network as the one that it follows. Its
 * number, or -1 after an error. */
static int64_t begin_state(Evaluator *e, Loc loc, State state, const Value *init) {
    const Application *application = e->states->application;
    const size_t failures = e->failures;
    uint32_t source = IR_NONE;
    if (application && application->ema && state.role != ROLE_OPTIMIZER) {
        const Definition *network = application->definition;
        const char *suffix = state.name + strlen(network->signature.name);
        source = followed_state(e, loc, network, suffix, &state, init);
        if (e->failures > failures || e->exhausted) return -1;
    }
    if (source != IR_NONE) {
        state.init = INIT_COPY;
        state.copy_of = source;
    } else if (!set_initial(e, loc, init, &state))
        return -1;
    uint32_t index = add_state(e, state, loc);
    state_info(e, index)->source = source;
    return index;
}

Value make_param(Evaluator *e, Loc loc, const State *like, const Value *init, int decay) {
    const Type type = like->type;
    if (!e->states->application) return eval_error(e, loc, "param() belongs into a network");
    const char *name = full_name(e, loc, like->name, "param");
    if (!name || !check_type(e, loc, &type)) return (Value){0};
    StateRole role = e->states->application->ema ? ROLE_EMA : ROLE_PARAM;
    int64_t known = find_made(e, loc, name, &type, role);
    if (known < 0) {
        State state = *like;
        state.name = name;
        state.frozen = like->frozen && !e->states->application->thaw;
        state.role = role;
        state.decay = decay < 0 ? type.rank > 1 : decay != 0;
        if ((known = begin_state(e, loc, state, init)) < 0) return (Value){0};
    }
    Asked asked = {e->states->stamp, trained_state(e, (uint32_t)known)};
    ARENA_PUSH(e->arena, e->states->asked, e->states->n_asked, e->states->asked_capacity, asked);
    ValueId value = read_state(e, (uint32_t)known);
    if (e->states->application->ema) value = ir_unary(e->func, OP_stop_grad, value);
    return value_tensor(e, loc, value);
}

Value make_buffer(Evaluator *e, Loc loc, const Value *init, const char *name) {
    if (!may_make(e, loc, "buffer")) return (Value){0};
    if (!e->states->parameter)
        name = full_name(e, loc, name, "buffer");
    else if (!name && !(name = e->assigned))
        return eval_error(e, loc, "a buffer wants a name: assign it (`moment = buffer(…)`) or give name='…'");
    else
        name = arena_printf(e->arena, "optimizer.%s.%s", name, e->states->parameter);
    if (!name) return (Value){0};
    ValueId id;
    Type type = type_scalar(DT_F32);
    if (is_tensor(init) && !tensor_with_type(e, loc, init, DT_F32, &id, &type)) return (Value){0};
    if (init->kind == V_INIT && init->count) {
        type.rank = (uint8_t)init->count;
        for (size_t k = 0; k < init->count; k++) type.dim[k] = (int64_t)init->items[k].number;
    }
    if (!check_type(e, loc, &type)) return (Value){0};
    StateRole role = e->states->parameter ? ROLE_OPTIMIZER : ROLE_BUFFER;
    int64_t known = find_made(e, loc, name, &type, role);
    if (known < 0) {
        const State state = {.name = name, .type = type, .role = role};
        if ((known = begin_state(e, loc, state, init)) < 0) return (Value){0};
    }
    return (Value){.kind = V_STATE, .state = (uint32_t)known};
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

static Loc argument_loc(const Expr *call, const char *keyword) {
    for (size_t i = call->n_args; i-- > 0;)
        if (call->args[i]->keyword && strcmp(call->args[i]->keyword, keyword) == 0) return call->args[i]->loc;
    return call->loc;
}

/* The input of a draw: named by the variable, else after its sampler, with the number of the application, and of the
 * draw where there is one of that name already. NULL after an error. */
static const char *draw_name(Evaluator *e, Loc loc, const char *sampler, const char *name) {
    const Application *application = e->states->application;
    const char *full = full_name(e, loc, name || e->assigned ? name : sampler, "draw");
    if (!full) return NULL;
    if (application && application->number > 0)
        full = arena_printf(e->arena, "%s.%d", full, application->number);
    const char *first = full;
    for (int i = 1; func_find_input(e->func, full) != IR_NONE && spend(e, loc, 1); i++)
        full = arena_printf(e->arena, "%s.%d", first, i);
    return full;
}

/* The loop around what is evaluated that runs more than once; a condition does not. */
static const Loop *innermost_repeated(const Evaluator *e) {
    const Loop *loop = e->body;
    while (loop && loop->condition != IR_NONE) loop = loop->outer;
    return loop;
}

Value make_draw(Evaluator *e, const Expr *at, const char *sampler, const Ints *sizes, const Value *parameters,
                const char *name) {
    States *states = e->states;
    Type type = type_make(DT_F32, sizes->n, sizes->v);
    if (!may_make(e, at->loc, "draw") || !check_type(e, at->loc, &type)) return (Value){0};
    int number = catalog_find(SAMPLERS, sampler);
    size_t n;
    const char *const *names = catalog_names(SAMPLERS, &n);
    if (number < 0)
        return eval_error(e, at->loc, "unknown sampler '%s'%s", sampler, did_you_mean(e, sampler, names, n));
    if (!(name = draw_name(e, at->loc, sampler, name))) return (Value){0};
    const CatalogRow *row = catalog_row(SAMPLERS, number);
    VtDraw draw = {.name = name, .kind = number};
    catalog_defaults(row, draw.params);
    for (size_t i = 0; i < parameters->count; i++) {
        const char *key = parameters->names[i];
        Loc loc = argument_loc(at, key);
        double value;
        if (!real_of(e, loc, &parameters->items[i], key, &value)) return (Value){0};
        const char *wrong = catalog_set(e->arena, row, key, value, draw.params);
        if (wrong) return eval_error(e, loc, "%s", wrong);
    }
    const char *keys[2], *problem = catalog_problem(e->arena, row, draw.params, &type, keys);
    if (problem) return eval_error(e, at->loc, "%s", problem);
    type.dtype = (uint8_t)row->dtype;
    const Loop *loop = innermost_repeated(e);
    bool device = (!e->recipe->options->draws_fed || loop) && random_on_device(number, &type);
    if (loop && !device)
        return eval_error(
            e, at->loc,
            "a draw of '%s' inside `%s` would be the same in all iterations: draw a tensor of all before "
            "it, and `scan` its rows",
            sampler, loop->word);
    if (device) draw.kind = catalog_find(SAMPLERS, "key");
    ARENA_PUSH(e->arena, states->draws, states->n_draws, states->draws_capacity, draw);
    if (device) {
        Type key = type_make(DT_I32, 1, (int64_t[]){5});
        ValueId words = add_input(e, name, key, VT_SOURCE_DRAW, (int)states->n_draws - 1);
        return value_tensor(e, at->loc, random_value(e->func, words, e->body, number, draw.params, &type));
    }
    return value_tensor(e, at->loc, add_input(e, name, type, VT_SOURCE_DRAW, (int)states->n_draws - 1));
}
