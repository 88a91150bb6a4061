/* What the function at hand has of its own: its inputs, and the values that states have in it. */
#include "frontend/evaluate/evaluator.h"

#include <string.h>

void begin_function(Evaluator *e, const char *name) {
    e->func = module_add_func(e->module, name);
    e->current = NULL;
    e->n_current = e->current_capacity = 0;
}

FunctionState leave_function(Evaluator *e) {
    return (FunctionState){e->func, e->current, e->n_current, e->current_capacity,
                           e->own,  e->globals, e->n_knobs,   e->sees};
}

void resume_function(Evaluator *e, const FunctionState *function) {
    e->func = function->func;
    e->current = function->current;
    e->n_current = function->n_current;
    e->current_capacity = function->capacity;
    e->own = function->own;
    e->globals = function->globals;
    e->n_knobs = function->n_knobs;
    e->sees = function->sees;
}

StateValue *state_value(Evaluator *e, uint32_t state) {
    StateValue unread = {.current = IR_NONE};
    while (e->n_current <= state) ARENA_PUSH(e->arena, e->current, e->n_current, e->current_capacity, unread);
    return &e->current[state];
}

/* In the body of a loop: at first what stands for its value there, which the loop may carry (loops.c). */
static ValueId read_in_loop(Evaluator *e, uint32_t state) {
    Loop *loop = e->body;
    for (size_t i = 0; i < loop->n_states; i++)
        if (loop->states[i].state == state) return state_value(e, state)->current;
    e->body = loop->outer; /* its value there, which may be one that stands for it in turn */
    ValueId before = read_state(e, state);
    e->body = loop;
    LoopState entry = {.state = state, .outside = *state_value(e, state), .value = {.before = before}};
    entry.value.inside = entry.value.after = ir_unary(e->func, OP_stop_grad, before); /* stands for it */
    ARENA_PUSH(e->arena, loop->states, loop->n_states, loop->states_capacity, entry);
    return state_value(e, state)->current = entry.value.inside;
}

ValueId read_state(Evaluator *e, uint32_t state) {
    if (e->body && e->module->states[state].role != ROLE_PARAM) return read_in_loop(e, state);
    StateValue *value = state_value(e, state);
    if (value->current == IR_NONE) value->current = func_read_state(e->func, state);
    return value->current;
}

void set_state(Evaluator *e, uint32_t state, ValueId value) {
    if (e->body) read_in_loop(e, state);
    *state_value(e, state) = (StateValue){.current = value, .updated = true};
}

ValueId add_input(Evaluator *e, const char *name, Type type, VtSourceKind source, int index) {
    ValueId id = func_find_input(e->func, name);
    if (id != IR_NONE) return id;
    if (names_find(&e->input_names, name) == NAMES_NONE) {
        VtInput input = {.tensor = {.name = name, .dtype = type.dtype, .rank = type.rank},
                         .source = source,
                         .index = index};
        for (int k = 0; k < type.rank; k++) input.tensor.dim[k] = type.dim[k];
        names_set(e->arena, &e->input_names, name, (uint32_t)e->n_inputs);
        ARENA_PUSH(e->arena, e->inputs, e->n_inputs, e->inputs_capacity, input);
    }
    return func_add_input(e->func, name, type);
}

ValueId add_image_input(Evaluator *e, const char *name, Type type, VtSourceKind source, int index,
                        int stream) {
    ValueId id = add_input(e, name, type, source, index);
    e->inputs[names_find(&e->input_names, name)].stream = stream;
    return id;
}

void bound_input(Evaluator *e, ValueId id, int64_t most) {
    const Node *node = func_node(e->func, id);
    while (node->op == OP_slice || node->op == OP_reshape) node = func_node(e->func, node->operands[0]);
    if (node->op != OP_input || most > INT32_MAX) return;
    const char *name = e->func->inputs[source_attrs(node)->index].name;
    for (size_t i = 0; i < e->n_inputs; i++) {
        VtInput *input = &e->inputs[i];
        bool counts = input->source == VT_SOURCE_LABEL || input->source == VT_SOURCE_INDEX;
        if (counts && strcmp(input->tensor.name, name) == 0 && (!input->index || most < input->index))
            input->index = (int32_t)most;
    }
}
