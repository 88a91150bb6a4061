/* Parameters, buffers, draws and networks: what an elaborated recipe keeps between steps, and how it is named. */
#include "frontend/evaluate/eval.h"

#include <string.h>

enum { MAX_APPLICATIONS = 10000 };

/* ---- initial values --------------------------------------------------------------------------------------------- */

/* Copies an expression of constants into the function `init`; IR_NONE if it depends on an input or a state. */
static ValueId copy_constant(Elaborator *e, ValueId id, Loc loc) {
    Func *from = e->func;
    size_t n = id + 1;
    bool *used = ARENA_ARRAY(e->arena, bool, n);
    ValueId *map = ARENA_ARRAY(e->arena, ValueId, n);
    used[id] = true;
    for (ValueId i = id + 1; i-- > 0;) {
        if (!used[i]) continue;
        const Node *node = func_node(from, i);
        if (node->op == OP_input || node->op == OP_state) {
            eval_error(e, loc, "an initial value may not depend on inputs, parameters or the step");
            return IR_NONE;
        }
        for (int o = 0; o < node->n_operands; o++) used[node->operands[o]] = true;
    }
    for (ValueId i = 0; i < n; i++) {
        if (!used[i]) continue;
        const Node *node = func_node(from, i);
        ValueId *operands = ARENA_ARRAY(e->arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) operands[o] = map[node->operands[o]];
        map[i] = func_copy(e->init, node, operands);
    }
    return map[id];
}

bool set_init(Elaborator *e, Loc loc, const Value *init, State *state) {
    state->init = INIT_CONSTANT;
    if (init->kind == V_POISON) return false;
    if (init->kind == V_INIT) {
        if (!check_number(e, loc, init->a, DT_F32) || !check_number(e, loc, init->b, DT_F32)) return false;
        state->init = init->init;
        state->a = init->a;
        state->b = init->b;
        return true;
    }
    if (init->kind == V_BUILTIN &&
        (!strcmp(init->builtin->name, "zeros") || !strcmp(init->builtin->name, "ones"))) {
        state->a = init->builtin->name[0] == 'o';
        return true;
    }
    if (init->kind == V_BUILTIN &&
        (!strcmp(init->builtin->name, "normal") || !strcmp(init->builtin->name, "trunc_normal"))) {
        state->init = init->builtin->name[0] == 'n' ? INIT_NORMAL : INIT_TRUNC_NORMAL;
        state->b = init->builtin->name[0] == 'n' ? 1 : 0.02;
        return true;
    }
    if (is_number(init)) {
        if (!check_number(e, loc, init->number, (DType)state->type.dtype)) return false;
        state->a = init->number;
        return true;
    }
    if (!is_tensor(init)) {
        eval_error(e, loc,
                   "%s is no initial value: zeros, normal(std), uniform(low, high), a number or a tensor of "
                   "constants",
                   show_value(e, init));
        return false;
    }
    ValueId id = tensor_of(e, loc, init, DT_F32);
    if (id == IR_NONE) return false;
    const Node *node = func_node(e->func, id);
    const Node *scalar = node->op == OP_broadcast ? func_node(e->func, node->operands[0]) : node;
    if (scalar->op == OP_constant && type_equal(&node->type, &state->type)) {
        state->a = scalar->attrs[0].f;
        return true;
    }
    id = copy_constant(e, id, loc);
    if (id == IR_NONE) return false;
    id = ir_cast(e->init, id, (DType)state->type.dtype);
    id = ir_reshape(e->init, id, state->type.rank, state->type.dim);
    if (id == IR_NONE) {
        eval_error(e, loc, "the initial value's shape does not fit %s", type_text(e->arena, &state->type));
        return false;
    }
    state->init = INIT_FUNCTION;
    func_add_output(e->init, state->name, id);
    return true;
}

/* ---- making and finding states --------------------------------------------------------------------------------------- */

bool check_type(Elaborator *e, Loc loc, const Type *type) {
    if (type_fits(type)) return true;
    eval_error(e, loc, "a tensor of %s is too large: at most 2^%d elements", type_text(e->arena, type),
               IR_MAX_ELEMENTS_LOG2);
    return false;
}

/* States and random inputs are made where a step runs, not where a constant or a number of the step is asked for. */
static bool may_make(Elaborator *e, Loc loc, const char *what) {
    if (e->application || !e->place) return true;
    eval_error(e, loc, "%s() has no place in %s", what, e->place);
    return false;
}

static StateInfo *info_of(Elaborator *e, uint32_t state) {
    while (e->n_states <= state) {
        StateInfo info = {.current = IR_NONE, .source = IR_NONE};
        ARENA_PUSH(e->arena, e->states, e->n_states, e->states_capacity, info);
    }
    return &e->states[state];
}

static const char *full_name(Elaborator *e, Loc loc, const char *name, const char *what) {
    if (!name) name = e->pending_label;
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
    if (strcmp(full, "__metadata__") != 0) return full; /* a word of the files that hold states */
    eval_error(e, loc, "no %s can be called '%s'", what, full);
    return NULL;
}

/* The state of that name if this network made it in an earlier application; errors on a second one in the same. */
static int64_t find_made(Elaborator *e, Loc loc, const char *name, const Type *type, StateRole role) {
    int64_t known = module_find_state(e->module, name);
    if (known < 0) return known;
    StateInfo *info = info_of(e, (uint32_t)known);
    const State *state = &e->module->states[known];
    if (state->role != role) { /* the step's counter among others */
        eval_error(e, loc, "'%s' is a state of another kind already; choose another name", name);
    } else if (info->stamp == e->stamp) {
        eval_error(e, loc, "'%s' is made twice; label the calls apart (`fc1: linear(…)`)", name);
        diag_note(e->diags, info->loc, "first here");
    } else if (!type_equal(&state->type, type)) {
        eval_error(e, loc, "'%s' was made as %s before, now it would be %s", name,
                   type_text(e->arena, &state->type), type_text(e->arena, type));
        diag_note(e->diags, info->loc, "first here");
    }
    info->stamp = e->stamp;
    return known;
}

static uint32_t add_state(Elaborator *e, State state, Loc loc) {
    state.loc = loc;
    uint32_t index = module_add_state(e->module, state);
    StateInfo *info = info_of(e, index);
    info->stamp = e->stamp;
    info->loc = loc;
    info->network = e->application ? e->application->definition : NULL;
    return index;
}

/* The parameter an EMA network's copy follows: the same name under the other network. */
static uint32_t source_param(Elaborator *e, const State *like, const char *name, Loc loc) {
    const char *own = e->application->definition->signature.name, *of = e->application->definition->ema_of;
    const char *source = arena_printf(e->arena, "%s%s", of, name + strlen(own));
    int64_t known = module_find_state(e->module, source);
    if (known >= 0) return (uint32_t)known;
    State state = *like;
    state.name = source;
    state.role = ROLE_PARAM;
    uint32_t index = add_state(e, state, loc);
    info_of(e, index)->stamp = 0; /* not made by this application */
    return index;
}

Value make_param(Elaborator *e, Loc loc, Type type, const Value *init, int decay, bool trainable,
                 const char *name) {
    if (!e->application) return eval_error(e, loc, "param() belongs into a network");
    name = full_name(e, loc, name, "param");
    if (!name || !check_type(e, loc, &type)) return (Value){0};
    StateRole role = e->application->ema ? ROLE_EMA : ROLE_PARAM;
    int64_t known = find_made(e, loc, name, &type, role);
    if (known < 0) {
        State state = {.name = name, .type = type, .role = role, .frozen = !trainable};
        state.decay = decay < 0 ? type.rank > 1 : decay != 0;
        uint32_t source = IR_NONE;
        if (!set_init(e, loc, init, &state)) return (Value){0};
        if (e->application->ema) {
            source = source_param(e, &state, name, loc);
            state.init = INIT_COPY;
            state.copy_of = source;
        }
        known = add_state(e, state, loc);
        info_of(e, (uint32_t)known)->source = source;
    }
    ValueId value = state_value(e, (uint32_t)known);
    if (e->application->ema) value = ir_unary(e->func, OP_stop_grad, value);
    return value_tensor(e, loc, value);
}

Value make_buffer(Elaborator *e, Loc loc, const Value *init, const Type *shape, const char *name) {
    if (!may_make(e, loc, "buffer")) return (Value){0};
    if (!e->in_optimizer)
        name = full_name(e, loc, name, "buffer");
    else if (!name && !(name = e->pending_label))
        return eval_error(e, loc, "a buffer wants a name: assign it (`moment = buffer(…)`) or give name='…'");
    else
        name = arena_printf(e->arena, "optimizer.%s.%s", name, e->parameter);
    if (!name) return (Value){0};
    ValueId id;
    Type type = shape ? *shape : type_scalar(DT_F32);
    if (!shape && is_tensor(init) && !tensor_with_type(e, loc, init, DT_F32, &id, &type)) return (Value){0};
    if (!shape && init->kind == V_INIT && init->count) {
        type.rank = (uint8_t)init->count;
        for (size_t k = 0; k < init->count; k++) type.dim[k] = (int64_t)init->items[k].number;
    }
    if (!check_type(e, loc, &type)) return (Value){0};
    StateRole role = e->in_optimizer ? ROLE_OPTIMIZER : ROLE_BUFFER;
    int64_t known = find_made(e, loc, name, &type, role);
    if (known < 0) {
        State state = {.name = name, .type = type, .role = role};
        if (!set_init(e, loc, init, &state)) return (Value){0};
        known = add_state(e, state, loc);
    }
    return (Value){.kind = V_STATE, .state = (uint32_t)known};
}

void update_state(Elaborator *e, Loc loc, uint32_t state, const Value *value) {
    const Type *type = &e->module->states[state].type;
    ValueId id = tensor_of(e, loc, value, (DType)type->dtype);
    if (id == IR_NONE) return;
    id = ir_cast(e->func, id, (DType)type->dtype);
    if (!type_equal(func_type(e->func, id), type)) {
        const Type *is = func_type(e->func, id);
        if (type_elements(is) == type_elements(type))
            id = ir_reshape(e->func, id, type->rank, type->dim);
        else {
            eval_error(e, loc, "state '%s' is %s, the new value %s", e->module->states[state].name,
                       type_text(e->arena, type), type_text(e->arena, is));
            return;
        }
    }
    id = ir_unary(e->func, OP_stop_grad, id);
    e->states[state].current = id;
    e->states[state].updated = true;
}

/* ---- inputs ------------------------------------------------------------------------------------------------------------ */

ValueId add_input(Elaborator *e, const char *name, Type type, VtSourceKind source, int index) {
    ValueId id = func_find_input(e->func, name);
    if (id != IR_NONE) return id;
    uint32_t known = names_find(&e->input_names, name); /* of a trial, maybe */
    if (known >= e->n_inputs || strcmp(e->inputs[known].tensor.name, name) != 0) {
        VtInput input = {.tensor = {.name = name, .dtype = type.dtype, .rank = type.rank},
                         .source = source,
                         .index = index};
        for (int k = 0; k < type.rank; k++) input.tensor.dim[k] = type.dim[k];
        names_set(e->arena, &e->input_names, name, (uint32_t)e->n_inputs);
        ARENA_PUSH(e->arena, e->inputs, e->n_inputs, e->inputs_capacity, input);
    }
    return func_add_input(e->func, name, type);
}

void bound_input(Elaborator *e, ValueId id, int64_t most) {
    const Node *node = func_node(e->func, id);
    if (node->op != OP_input || most > INT32_MAX) return;
    const char *name = e->func->inputs[node->attrs[0].i].name;
    for (size_t i = 0; i < e->n_inputs; i++) {
        VtInput *input = &e->inputs[i];
        bool counts = input->source == VT_SOURCE_LABEL || input->source == VT_SOURCE_INDEX;
        if (counts && strcmp(input->tensor.name, name) == 0 && (!input->index || most < input->index))
            input->index = (int32_t)most;
    }
}

Value make_draw(Elaborator *e, const Expr *at, const char *sampler, Type type, const Expr *call, Value *args,
                const char *name) {
    (void)args;
    ParsedRecipe *r = e->recipe;
    if (!may_make(e, at->loc, "draw") || !check_type(e, at->loc, &type)) return (Value){0};
    int row = catalog_sampler(sampler);
    size_t n;
    const char *const *names = catalog_names(true, &n);
    if (row < 0) {
        const char *near = diag_nearest(sampler, names, n);
        return eval_error(e, at->loc, "unknown sampler '%s'%s%s%s", sampler, near ? "; did you mean '" : "",
                          near ? near : "", near ? "'?" : "");
    }
    if (!(name = full_name(e, at->loc, name, "draw"))) return (Value){0};
    if (e->application && e->application->application > 0)
        name = arena_printf(e->arena, "%s.%d", name, e->application->application);
    VtDraw draw = {.name = name, .kind = row};
    catalog_defaults(true, row, draw.params);
    for (size_t i = 0; i < call->n_args; i++) {
        const char *key = call->args[i]->keyword;
        if (!key) continue;
        Value value = eval(e, call->args[i]);
        double number;
        if (!real_of(e, call->args[i]->loc, &value, key, &number)) return (Value){0};
        const char *wrong = catalog_set(r, true, row, key, number, draw.params);
        if (wrong) return eval_error(e, call->args[i]->loc, "%s", wrong);
    }
    const char *keys[2], *problem = catalog_problem(r, true, row, draw.params, &type, keys);
    if (problem) return eval_error(e, at->loc, "%s", problem);
    if (strcmp(sampler, "randint") == 0 || strcmp(sampler, "permutation") == 0) type.dtype = DT_I32;
    if (func_find_input(e->func, name) != IR_NONE)
        return eval_error(e, at->loc, "'%s' is drawn twice; label the calls apart", name);
    ARENA_PUSH(e->arena, r->samplers, r->n_samplers, r->samplers_capacity, draw);
    return value_tensor(e, at->loc, add_input(e, name, type, VT_SOURCE_DRAW, (int)r->n_samplers - 1));
}

/* ---- networks ---------------------------------------------------------------------------------------------------------- */

static bool same_value(Elaborator *e, const Value *a, const Value *b) {
    if (a->kind != b->kind || a->count != b->count) return false;
    e->steps += a->count;
    switch (a->kind) {
    case V_TENSOR: return a->id == b->id && a->func == b->func;
    case V_STATE: return a->state == b->state;
    case V_INT:
    case V_REAL:
    case V_BOOL: return a->number == b->number;
    case V_STRING: return strcmp(a->text, b->text) == 0;
    case V_MODULE:
    case V_NETWORK: return a->definition == b->definition;
    case V_BUILTIN: return a->builtin == b->builtin;
    case V_INIT:
        if (a->init != b->init || a->a != b->a || a->b != b->b) return false;
        break;
    default: break;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == V_RECORD && strcmp(a->names[i], b->names[i]) != 0) return false;
        if (a->items != b->items && !same_value(e, &a->items[i], &b->items[i])) return false;
    }
    return true;
}

static const Definition *source_of(Elaborator *e, const Definition *network) {
    for (int hops = 0; network && network->ema_of && hops < 8; hops++) {
        const Definition *next = NULL;
        for (size_t i = 0; i < e->recipe->n_networks; i++)
            if (strcmp(e->recipe->networks[i].signature.name, network->ema_of) == 0)
                next = &e->recipe->networks[i];
        network = next;
    }
    return network && !network->ema_of ? network : NULL;
}

/* Before its first use in a step, an EMA network that moves `before`: m·θ_ema + (1 - m)·θ is known when a parameter is read. */
static Value run_network(Elaborator *e, const Definition *network, const Definition *source, const Expr *at,
                         Value *args, const char **keywords, size_t n, int application) {
    Application here = {network, source, application, network->ema_of != NULL}, *before = e->application;
    const char *scope = e->scope;
    e->application = &here;
    e->scope = network->signature.name;
    e->func->scope = e->scope;
    e->stamp++;
    e->entering_network = true;
    Value result = call_definition(e, source, at, args, keywords, n);
    e->application = before;
    e->scope = scope;
    e->func->scope = scope;
    return result;
}

Value apply_network(Elaborator *e, const Definition *network, const Expr *at, Value *args,
                    const char **keywords, size_t n) {
    const Definition *source = source_of(e, network);
    if (!source)
        return eval_error(e, at->loc, "network '%s' is an EMA of '%s', which is none",
                          network->signature.name, network->ema_of);
    if (e->application)
        return eval_error(e, at->loc, "a network is not applied inside another; use a module");
    int application = 0;
    if (e->n_applied >= MAX_APPLICATIONS)
        return eval_error(e, at->loc, "networks are applied more than %d times", MAX_APPLICATIONS);
    for (size_t i = 0; i < e->n_applied && spend(e, at->loc, 0); i++) {
        Applied *applied = &e->applied[i];
        if (applied->network != network || applied->func != e->func) continue;
        application++;
        bool same = applied->n_arguments == n;
        for (size_t a = 0; same && a < n; a++) same = same_value(e, &applied->arguments[a], &args[a]);
        if (same) return applied->result;
    }
    Applied applied = {.network = network, .arguments = args, .n_arguments = n, .func = e->func};
    applied.result = run_network(e, network, source, at, args, keywords, n, application);
    ARENA_PUSH(e->arena, e->applied, e->n_applied, e->applied_capacity, applied);
    return applied.result;
}
