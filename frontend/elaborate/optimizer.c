/* Gradients, clipping and the optimiser: the new values of the trained parameters. */
#include "frontend/elaborate/step.h"

/* The parameters that the loss depends on through differentiable operators. */
static void find_trained(Step *step) {
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
    step->trained = ARENA_ARRAY(e->arena, uint32_t, e->module->n_states + 1);
    for (uint32_t s = 0; s < e->module->n_states; s++)
        if (trained[s]) step->trained[step->n_trained++] = s;
}

static void take_gradients(Step *step) {
    Evaluator *e = &step->e;
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
    Value list = value_list(e, e->recipe->clip->loc, V_LIST, step->n_trained);
    for (size_t i = 0; i < list.count; i++) list.items[i] = value_of(e, step->gradients[i]);
    define(e, &frame, "grads", list);
    e->frame = &frame;
    Value clipped = eval(e, e->recipe->clip);
    e->frame = NULL;
    if (clipped.kind == V_POISON) return;
    if (clipped.kind != V_LIST || clipped.count != step->n_trained) {
        eval_error(e, e->recipe->clip->loc, "clip must return the list of %zu gradients, not %s",
                   step->n_trained, show_value(e, &clipped));
        return;
    }
    for (size_t i = 0; i < step->n_trained; i++) {
        const Type was = *func_type(e->func, step->gradients[i]);
        Type type;
        if (!tensor_with_type(e, e->recipe->clip->loc, &clipped.items[i], DT_F32, &step->gradients[i], &type))
            return;
        if (!type_equal(&type, &was))
            eval_error(e, e->recipe->clip->loc, "clip makes %s of the gradient of '%s', which is %s",
                       type_text(e->arena, &type), e->module->states[step->trained[i]].name,
                       type_text(e->arena, &was));
    }
}

/* Whether a pattern with * and ? matches the whole name; on a mismatch it goes on from the last * met. */
static bool matches(const char *pattern, const char *name) {
    const char *star = NULL, *from = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern == '?' || *pattern == *name)
            pattern++, name++;
        else if (star) {
            pattern = star + 1;
            name = ++from;
        } else
            return false;
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

/* The condition under which a parameter stays as it is; IR_NONE: never. */
static ValueId frozen_now(Evaluator *e, const char *name) {
    ValueId frozen = IR_NONE;
    for (size_t i = 0; i < e->recipe->freeze.count; i++) {
        const Entry *entry = &e->recipe->freeze.items[i];
        if (!spend(e, entry->loc, 1) || !matches(entry->name, name)) continue;
        Value value = eval_in(e, "a freeze condition", entry->value);
        ValueId id = tensor_of(e, entry->loc, &value, DT_BOOL);
        if (id == IR_NONE) return IR_NONE;
        if (func_type(e->func, id)->dtype != DT_BOOL || func_type(e->func, id)->rank) {
            eval_error(e, entry->loc, "a freeze condition must be one bool, not %s", show_value(e, &value));
            return IR_NONE;
        }
        frozen = frozen == IR_NONE ? id : ir_binary(e->func, OP_or, frozen, id);
    }
    return frozen;
}

static void set_unless(Evaluator *e, uint32_t s, ValueId value, ValueId frozen) {
    if (frozen != IR_NONE) value = ir_select(e->func, frozen, func_read_state(e->func, s), value);
    set_state(e, s, value);
}

static void optimize_parameter(Step *step, size_t i) {
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
    Value value = eval(e, e->recipe->optimizer);
    e->states->parameter = NULL;
    e->scope = NULL;
    e->func->scope = NULL;
    e->frame = NULL;
    ValueId id = value.kind == V_POISON ? IR_NONE : tensor_of(e, e->recipe->optimizer->loc, &value, DT_F32);
    if (id == IR_NONE) return;
    if (!type_equal(func_type(e->func, id), &state.type)) {
        eval_error(e, e->recipe->optimizer->loc, "the optimizer returns %s for parameter '%s' of %s",
                   show_value(e, &value), state.name, type_text(e->arena, &state.type));
        return;
    }
    ValueId frozen = frozen_now(e, state.name);
    for (uint32_t m = before; frozen != IR_NONE && m < e->module->n_states;
         m++) /* the moments made for it stay too */
        if (state_value(e, m)->updated) set_unless(e, m, state_value(e, m)->current, frozen);
    set_unless(e, s, id, frozen);
}

void optimize(Step *step) {
    Evaluator *e = &step->e;
    find_trained(step);
    take_gradients(step);
    clip_gradients(step);
    if (!e->recipe->optimizer) return;
    for (size_t i = 0; i < step->n_trained && diags_errors(e->diags) == 0; i++) optimize_parameter(step, i);
    for (size_t i = 0; i < e->recipe->freeze.count && diags_errors(e->diags) == 0; i++) {
        const Entry *entry = &e->recipe->freeze.items[i];
        size_t k = 0;
        while (k < step->n_trained && !matches(entry->name, e->module->states[step->trained[k]].name)) k++;
        if (k == step->n_trained)
            eval_error(e, entry->loc, "freeze: no trained parameter has a name like '%s'", entry->name);
    }
}
