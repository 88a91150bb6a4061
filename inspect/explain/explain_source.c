/* Explanations of states and inputs: see explanation.h. */
#include "inspect/explain/parts.h"
#include "ir/text/text.h"

#include <string.h>

static const char *const KINDS[ROLE_COUNT] = {
    [ROLE_PARAM] = "parameter", [ROLE_EMA] = "moving average", [ROLE_OPTIMIZER] = "state of the optimiser",
    [ROLE_BUFFER] = "buffer",   [ROLE_COUNTER] = "counter",    [ROLE_DERIVED] = "packed copy of a parameter"};

/* Readers of the source node of that operator and index. */
static void find_readers(const Explainer *x, OpKind op, uint32_t index, SourceExplanation *e) {
    const Func *func = x->inspection->func;
    ValueLines lines = {0};
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        for (int o = 0; o < node->n_operands; o++) {
            const Node *operand = func_node(func, node->operands[o]);
            if (operand->op == op && (uint32_t)source_attrs(operand)->index == index)
                part_add_value(x, &lines, node->number);
        }
    }
    e->readers = lines.items;
    e->n_readers = lines.count;
}

/* "trunc_normal(mean = 0, std = 0.02)" */
static const char *init_text(const Explainer *x, const State *state) {
    const InitText *text = &INIT_TEXTS[state->init];
    if (state->init == INIT_COPY)
        return arena_printf(x->arena, "a copy of %s", x->inspection->module->states[state->copy_of].name);
    if (!text->a) return text->name;
    if (!text->b) return arena_printf(x->arena, "%s(%s = %g)", text->name, text->a, state->a);
    return arena_printf(x->arena, "%s(%s = %g, %s = %g)", text->name, text->a, state->a, text->b, state->b);
}

/* A line of a value that is there now, with its kernel. */
static const ValueLine *present(const Explainer *x, uint32_t number, KernelFacts *kernel) {
    ValueLine *line = ARENA_NEW(x->arena, ValueLine);
    *line = part_value(x, number);
    if (line->kernel) *kernel = part_kernel(x, line->kernel - 1);
    return line;
}

static void find_update(const Explainer *x, uint32_t state, SourceExplanation *e) {
    const Func *func = x->inspection->func;
    ValueId value = func_find_update(func, state);
    if (value == IR_NONE) return;
    const Place *place = &func->plan->places[value];
    uint32_t number = func_node(func, value)->number;
    e->updated = true;
    bool in_place = place->kind == PLACE_STATE && place->index == state;
    e->update_place = in_place ? "in place, over the old value" : "by a copy after all kernels";
    if (number != IR_NONE) e->update = present(x, number, &e->update_kernel);
}

/* ---- what belongs to a parameter --------------------------------------------------------------------------------- */

/* Whether a function makes derived state `derived` of the state by `pack`. */
static bool packs(const Module *module, uint32_t derived, uint32_t state) {
    for (size_t f = 0; f < module->n_funcs; f++) {
        const Func *func = module->funcs[f];
        ValueId value = func_find_update(func, derived);
        if (value == IR_NONE || func_node(func, value)->op != OP_pack) continue;
        ValueId of = func_node(func, value)->operands[0];
        while (op_is_view((OpKind)func_node(func, of)->op)) of = func_node(func, of)->operands[0];
        const Node *node = func_node(func, of);
        if (node->op == OP_state && (uint32_t)source_attrs(node)->index == state) return true;
    }
    return false;
}

static bool ends_in_part(const char *name, const char *part) {
    size_t n = strlen(name), m = strlen(part);
    return n > m && strcmp(name + n - m, part) == 0 && name[n - m - 1] == '.';
}

static const char *companion(const Module *module, uint32_t other, uint32_t state) {
    const State *it = &module->states[other];
    if (it->init == INIT_COPY && it->copy_of == state) return "began as its copy, and follows it";
    if (it->role == ROLE_OPTIMIZER && ends_in_part(it->name, module->states[state].name))
        return "the optimiser keeps it for this parameter";
    if (it->role == ROLE_DERIVED && packs(module, other, state))
        return "the same, packed as products read it";
    return NULL;
}

static void find_companions(const Explainer *x, uint32_t state, SourceExplanation *e) {
    const Module *module = x->inspection->module;
    Companion *found = NULL;
    size_t capacity = 0;
    for (uint32_t s = 0; s < module->n_states; s++) {
        const char *how = s == state ? NULL : companion(module, s, state);
        const State *it = &module->states[s];
        if (!how) continue;
        Companion one = {it->name, type_text(x->arena, &it->type), KINDS[it->role], how,
                         type_bytes(&it->type)};
        ARENA_PUSH(x->arena, found, e->n_companions, capacity, one);
    }
    e->companions = found;
}

/* ---- both kinds -------------------------------------------------------------------------------------------------- */

SourceExplanation explain_state(const Explainer *x, uint32_t number) {
    const State *state = &x->inspection->module->states[number];
    SourceExplanation e = {.name = state->name,
                           .kind = KINDS[state->role],
                           .type = type_text(x->arena, &state->type),
                           .init = init_text(x, state),
                           .bytes = type_bytes(&state->type),
                           .frozen = state->frozen,
                           .decay = state->decay,
                           .declared = {positions_text(x->arena, &x->positions, state->loc),
                                        line_text(x->arena, &x->positions, state->loc)}};
    find_readers(x, OP_state, number, &e);
    find_update(x, number, &e);
    uint32_t gradient = part_gradient(x, IR_NONE, number);
    if (gradient != IR_NONE) e.gradient = present(x, gradient, &e.gradient_kernel);
    e.trained = state->role == ROLE_PARAM && !state->frozen && e.gradient != NULL;
    find_companions(x, number, &e);
    return e;
}

SourceExplanation explain_input(const Explainer *x, uint32_t number) {
    const Input *input = &x->inspection->func->inputs[number];
    SourceExplanation e = {.name = input->name,
                           .kind = "input",
                           .type = type_text(x->arena, &input->type),
                           .bytes = type_bytes(&input->type),
                           .declared = {"", ""}};
    find_readers(x, OP_input, number, &e);
    return e;
}
