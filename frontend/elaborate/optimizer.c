/* Gradients, clipping and the optimiser: the new values of the trained parameters. */
#include "frontend/elaborate/step.h"
#include "ir/base/pattern.h"

#include <string.h>

/* ---- freeze ------------------------------------------------------------------------------------------------------ */

typedef struct { /* of a pattern of `freeze:` */
    bool always; /* known at compile time, and true */
    ValueId now; /* the condition, known at run time; IR_NONE: it is known now */
} Freeze;

static bool freeze_condition(Evaluator *e, const Entry *entry, Freeze *freeze) {
    e->settable = true;
    Value value = eval_in(e, "a freeze condition", entry->value);
    e->settable = false;
    *freeze = (Freeze){.now = IR_NONE};
    if (value.kind == V_POISON) return false;
    if (value.kind == V_BOOL) {
        pin(e, value_loc(e, entry->value), &value); /* it decides what there is to train */
        freeze->always = value.number != 0;
        return true;
    }
    ValueId id = is_tensor(&value) ? tensor_of(e, value_loc(e, entry->value), &value, DT_BOOL) : IR_NONE;
    if (id == IR_NONE || func_type(e->func, id)->dtype != DT_BOOL || func_type(e->func, id)->rank) {
        eval_error(e, value_loc(e, entry->value), "a freeze condition must be one bool, not %s",
                   show_value(e, &value));
        return false;
    }
    freeze->now = id;
    return true;
}

/* The conditions, each once. What is frozen always is not trained: it gets no gradient, and no state of the
 * optimiser. trained: NULL where that is not known, after errors. */
static Freeze *read_freeze(Evaluator *e, bool *trained) {
    const Entries *entries = &e->recipe->freeze;
    Freeze *freeze = ARENA_ARRAY(e->arena, Freeze, entries->count + 1);
    for (size_t i = 0; i < entries->count; i++) {
        const Entry *entry = &entries->items[i];
        bool fits = false;
        if (!freeze_condition(e, entry, &freeze[i])) continue;
        for (uint32_t s = 0; s < e->module->n_states && spend(e, entry->loc, 1); s++) {
            State *state = &e->module->states[s];
            if (state->role != ROLE_PARAM || !pattern_matches(entry->name, state->name)) continue;
            fits = fits || !trained || trained[s];
            state->frozen = state->frozen || freeze[i].always;
        }
        const char *nearest = nearest_parameter(e, entry->name);
        if (!fits && trained)
            diag_warning(e->diags, entry->loc, "freeze: no trained parameter has a name like '%s'%s",
                         entry->name, nearest ? arena_printf(e->arena, "; one is '%s'", nearest) : "");
    }
    size_t was = 0, left = 0;
    for (uint32_t s = 0; trained && s < e->module->n_states; s++) {
        was += trained[s];
        trained[s] = trained[s] && !e->module->states[s].frozen;
        left += trained[s];
    }
    if (was && !left) diag_warning(e->diags, entries->items[0].loc, "`freeze` leaves no parameter to train");
    return freeze;
}

/* The condition under which a parameter stays as it is; IR_NONE: never. */
static ValueId frozen_now(Evaluator *e, const Freeze *freeze, const char *name) {
    ValueId frozen = IR_NONE;
    for (size_t i = 0; i < e->recipe->freeze.count; i++) {
        const Entry *entry = &e->recipe->freeze.items[i];
        if (freeze[i].now == IR_NONE || !spend(e, entry->loc, 1) || !pattern_matches(entry->name, name))
            continue;
        frozen = frozen == IR_NONE ? freeze[i].now : ir_binary(e->func, OP_or, frozen, freeze[i].now);
    }
    return frozen;
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* Which states are parameters that the loss depends on through differentiable operators. */
static bool *find_trained(Step *step) {
    Evaluator *e = &step->e;
    bool *reached = ARENA_ARRAY(e->arena, bool, step->loss + 1),
         *trained = ARENA_ARRAY(e->arena, bool, e->module->n_states + 1);
    reached[step->loss] = true;
    for (ValueId id = step->loss + 1; id-- > 0;) {
        const Node *node = func_node(e->func, id);
        if (!reached[id]) continue;
        if (node->op == OP_state) {
            uint32_t s = (uint32_t)source_attrs(node)->index;
            const State *state = &e->module->states[s];
            trained[s] = state->role == ROLE_PARAM && !state->frozen;
            continue;
        }
        if (op_info((OpKind)node->op)->grad == GRAD_ZERO) continue; /* GRAD_NONE is refused by autodiff */
        for (int o = 0; o < node->n_operands; o++) reached[node->operands[o]] = true;
    }
    return trained;
}

static void take_gradients(Step *step, const bool *trained) {
    Evaluator *e = &step->e;
    step->trained = ARENA_ARRAY(e->arena, uint32_t, e->module->n_states + 1);
    for (uint32_t s = 0; s < e->module->n_states; s++)
        if (trained[s]) step->trained[step->n_trained++] = s;
    step->gradients = ARENA_ARRAY(e->arena, ValueId, step->n_trained + 1);
    for (size_t i = 0; i < step->n_trained; i++) {
        ValueId operands[] = {step->loss, func_read_state(e->func, step->trained[i])};
        step->gradients[i] = func_emit(e->func, OP_grad, operands, 2, NULL);
    }
    if (!e->recipe->options->with_gradients) return;
    for (size_t i = 0; i < step->n_trained; i++)
        func_add_output(e->func, arena_printf(e->arena, "grad.%s", e->module->states[step->trained[i]].name),
                        step->gradients[i]);
}

static void clip_gradients(Step *step) {
    Evaluator *e = &step->e;
    if (!e->recipe->clip) return;
    Frame frame = {0};
    Loc loc = e->recipe->clip->loc;
    Value grads = value_list(e, loc, V_LIST, step->n_trained),
          params = value_list(e, loc, V_LIST, grads.count), names = value_list(e, loc, V_LIST, grads.count);
    for (size_t i = 0; i < names.count; i++) {
        grads.items[i] = value_of(e, step->gradients[i]);
        params.items[i] = value_of(e, func_read_state(e->func, step->trained[i]));
        names.items[i] = (Value){.kind = V_STRING, .text = e->module->states[step->trained[i]].name};
    }
    define(e, &frame, "grads", close_list(e, loc, grads));
    define(e, &frame, "params", close_list(e, loc, params));
    define(e, &frame, "names", close_list(e, loc, names));
    e->frame = &frame;
    e->settable = true;
    Value clipped = eval(e, e->recipe->clip);
    e->settable = false;
    e->frame = NULL;
    if (clipped.kind == V_POISON) return;
    if (clipped.kind != V_LIST || clipped.count != step->n_trained) {
        eval_error(e, value_loc(e, e->recipe->clip), "clip must return the list of %zu gradients, not %s",
                   step->n_trained, show_value(e, &clipped));
        return;
    }
    for (size_t i = 0; i < step->n_trained; i++) {
        const Type was = *func_type(e->func, step->gradients[i]);
        Type type;
        if (!tensor_with_type(e, value_loc(e, e->recipe->clip), &clipped.items[i], DT_F32,
                              &step->gradients[i], &type))
            return;
        if (!type_equal(&type, &was))
            eval_error(e, value_loc(e, e->recipe->clip), "clip makes %s of the gradient of '%s', which is %s",
                       type_text(e->arena, &type), e->module->states[step->trained[i]].name,
                       type_text(e->arena, &was));
    }
}

/* ---- optimiser --------------------------------------------------------------------------------------------------- */

static void set_unless(Evaluator *e, uint32_t s, ValueId value, ValueId frozen) {
    if (frozen != IR_NONE) value = ir_select(e->func, frozen, func_read_state(e->func, s), value);
    set_state(e, s, value);
}

static void optimize_parameter(Step *step, size_t i, const Freeze *freeze) {
    Evaluator *e = &step->e;
    uint32_t s = step->trained[i];
    const State state = e->module->states[s];
    Frame frame = {0};
    uint32_t before = (uint32_t)e->module->n_states;
    define(e, &frame, "param", value_of(e, func_read_state(e->func, s)));
    define(e, &frame, "grad", value_of(e, step->gradients[i]));
    define(e, &frame, "decay", value_bool(state.decay));
    define(e, &frame, "name", (Value){.kind = V_STRING, .text = state.name});
    e->frame = &frame;
    e->states->parameter = state.name;
    e->states->stamp++; /* the same buffer is not made twice for one parameter */
    e->scope = state.name;
    e->func->scope = state.name;
    e->settable = true;
    Value value = eval(e, e->recipe->optimizer);
    e->settable = false;
    e->states->parameter = NULL;
    e->scope = NULL;
    e->func->scope = NULL;
    e->frame = NULL;
    ValueId id =
        value.kind == V_POISON ? IR_NONE : tensor_of(e, value_loc(e, e->recipe->optimizer), &value, DT_F32);
    if (id == IR_NONE) return;
    if (!type_equal(func_type(e->func, id), &state.type)) {
        eval_error(e, value_loc(e, e->recipe->optimizer), "the optimizer returns %s for parameter '%s' of %s",
                   show_value(e, &value), state.name, type_text(e->arena, &state.type));
        return;
    }
    ValueId frozen = frozen_now(e, freeze, state.name);
    for (uint32_t m = before; frozen != IR_NONE && m < e->module->n_states;
         m++) /* the moments made for it stay too */
        if (state_value(e, m)->updated) set_unless(e, m, state_value(e, m)->current, frozen);
    set_unless(e, s, id, frozen);
}

/* Patterns of `matches` that fit no parameter. */
static void tell_unmatched(Evaluator *e) {
    for (size_t i = 0; i < e->states->n_patterns; i++) {
        const NamePattern *pattern = &e->states->patterns[i];
        bool fits = false;
        for (uint32_t s = 0; s < e->module->n_states && !fits && spend(e, pattern->loc, 1); s++)
            fits = e->module->states[s].role == ROLE_PARAM &&
                   pattern_matches(pattern->text, e->module->states[s].name);
        const char *nearest = nearest_parameter(e, pattern->text);
        if (!fits && nearest)
            diag_warning(e->diags, pattern->loc, "no parameter has a name like '%s'; one is '%s'",
                         pattern->text, nearest);
    }
}

void optimize(Step *step) {
    Evaluator *e = &step->e;
    bool *trained = find_trained(step);
    const Freeze *freeze = read_freeze(e, trained);
    if (diags_errors(e->diags)) return;
    take_gradients(step, trained);
    e->states->names_parameters = true;
    clip_gradients(step);
    for (size_t i = 0; e->recipe->optimizer && i < step->n_trained && diags_errors(e->diags) == 0; i++)
        optimize_parameter(step, i, freeze);
    e->states->names_parameters = false;
    if (diags_errors(e->diags)) return;
    tell_unmatched(e);
}

void try_optimizer(Step *step) {
    Evaluator *e = &step->e;
    for (uint32_t s = 0; s < e->module->n_states && !step->n_trained; s++)
        if (e->module->states[s].role == ROLE_PARAM) {
            step->trained = ARENA_ARRAY(e->arena, uint32_t, 1);
            step->gradients = ARENA_ARRAY(e->arena, ValueId, 1);
            step->trained[0] = s;
            step->gradients[0] = func_read_state(e->func, s);
            step->n_trained = 1;
        }
    if (step->n_trained == 0) return;
    e->states->names_parameters = true;
    clip_gradients(step);
    if (e->recipe->optimizer) optimize_parameter(step, 0, read_freeze(e, NULL));
    e->states->names_parameters = false;
}

void warn_untrained(Step *step) {
    Evaluator *e = &step->e;
    const Module *module = e->module;
    if (step->loss == IR_NONE || diags_errors(e->diags)) return;
    bool *needed = ARENA_ARRAY(e->arena, bool, step->loss + 1),
         *read = ARENA_ARRAY(e->arena, bool, module->n_states + 1);
    needed[step->loss] = true;
    for (ValueId id = step->loss + 1; id-- > 0;) {
        const Node *node = func_node(e->func, id);
        if (!needed[id]) continue;
        if (node->op == OP_state) read[source_attrs(node)->index] = true;
        for (int o = 0; o < node->n_operands; o++) needed[node->operands[o]] = true;
    }
    for (size_t i = 0; i < e->recipe->n_networks; i++) {
        const Definition *network = &e->recipe->networks[i];
        const char *name = network->signature.name, *first = NULL;
        size_t length = strlen(name), count = 0, all = 0;
        for (uint32_t s = 0; s < module->n_states && spend(e, network->loc, 1); s++) {
            const State *state = &module->states[s];
            bool own = strncmp(state->name, name, length) == 0 && state->name[length] == '.';
            if (state->role != ROLE_PARAM || !own || state->frozen) continue;
            all++;
            if (read[s]) continue;
            if (!first) first = state->name;
            count++;
        }
        if (count && count == all)
            diag_warning(e->diags, network->loc,
                         "no loss depends on network %s, whose parameters stay as they begin", name);
        else if (count && !network->recipe) /* whose heads are for its own objectives */
            diag_warning(
                e->diags, network->loc,
                "no loss depends on %zu of %zu parameters of network %s, which stay as they begin: '%s'%s",
                count, all, name, first, count > 1 ? " and others" : "");
    }
}
