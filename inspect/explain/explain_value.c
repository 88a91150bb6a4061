/* Explanations of values: see explanation.h. */
#include "inspect/explain/parts.h"

#include <string.h>

/* ---- relatives --------------------------------------------------------------------------------------------------- */

static void find_origins(const Explainer *x, const PastValue *past, ValueExplanation *e) {
    ValueLines lines = {0};
    for (uint32_t origin = past->last->origin; origin != IR_NONE;
         origin = history_value(x->history, origin)->last->origin) {
        size_t before = lines.count;
        if (!history_value(x->history, origin)) break;
        part_add_value(x, &lines, origin);
        if (lines.count == before) break;
    }
    e->made_for = lines.items;
    e->n_made_for = lines.count;
}

/* Gone values that it stands for. */
static void find_merged(const Explainer *x, uint32_t number, ValueExplanation *e) {
    ValueLines lines = {0};
    for (uint32_t n = 0; n < x->history->count; n++)
        if (n != number && history_value(x->history, n) && x->history->values[n].stands == number)
            part_add_value(x, &lines, n);
    e->merged = lines.items;
    e->n_merged = lines.count;
}

/* Values that are there now and were made for the sake of `number`, or of one that it stands for: by copying, or by
 * differentiation. */
static void find_made(const Explainer *x, uint32_t number, ValueExplanation *e) {
    const Func *func = x->inspection->func;
    const Remarks *remarks = x->inspection->module->remarks;
    ValueLines copies = {0}, partners = {0};
    for (size_t i = 0; remarks && i < remarks->count; i++) {
        const Remark *remark = &remarks->items[i];
        bool of_it =
            remark->func == x->history->func && remark->rule == RULE_copied && remark->other == number;
        const PastValue *copy = of_it ? history_value(x->history, remark->value) : NULL;
        if (copy && copy->now != IR_NONE) part_add_value(x, &copies, remark->value);
    }
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->number == IR_NONE || node->origin == IR_NONE || node->number == number) continue;
        const PastValue *origin = history_value(x->history, node->origin);
        bool of_it = node->origin == number || (origin && origin->stands == number);
        if (of_it && x->phases[id] == PHASE_GRADIENT) part_add_value(x, &partners, node->number);
    }
    e->copies = copies.items;
    e->n_copies = copies.count;
    e->partners = partners.items;
    e->n_partners = partners.count;
}

/* ---- what it reads, and what reads it ---------------------------------------------------------------------------- */

static void add_source(const char **sources, size_t *n, const char *name) {
    for (size_t i = 0; i < *n; i++)
        if (sources[i] == name) return;
    sources[(*n)++] = name;
}

static void find_operands(const Explainer *x, const Func *func, const Node *node, ValueExplanation *e) {
    ValueLines lines = {0};
    const char **sources = ARENA_ARRAY(x->arena, const char *, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++) {
        const Node *operand = func_node(func, node->operands[o]);
        if (operand->op == OP_input)
            add_source(sources, &e->n_sources, func->inputs[source_attrs(operand)->index].name);
        else if (operand->op == OP_state)
            add_source(sources, &e->n_sources, func->module->states[source_attrs(operand)->index].name);
        else
            part_add_value(x, &lines, operand->number);
    }
    e->sources = sources;
    e->operands = lines.items;
    e->n_operands = lines.count;
}

static void find_readers(const Explainer *x, ValueId value, ValueExplanation *e) {
    const Func *func = x->inspection->func;
    ValueLines lines = {0};
    for (ValueId id = 0; id < func->count; id++)
        for (int o = 0; o < func_node(func, id)->n_operands; o++)
            if (func_node(func, id)->operands[o] == value)
                part_add_value(x, &lines, func_node(func, id)->number);
    e->readers = lines.items;
    e->n_readers = lines.count;
    const char **results = ARENA_ARRAY(x->arena, const char *, func->n_outputs + func->n_updates + 1);
    for (size_t i = 0; i < func->n_outputs; i++)
        if (func->outputs[i].value == value)
            results[e->n_results++] = arena_printf(x->arena, "output %s", func->outputs[i].name);
    for (size_t i = 0; i < func->n_updates; i++)
        if (func->updates[i].value == value)
            results[e->n_results++] =
                arena_printf(x->arena, "new value of %s", func->module->states[func->updates[i].state].name);
    e->results = results;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

/* What it is now. */
static void add_present(const Explainer *x, const PastValue *past, ValueExplanation *e) {
    const Func *func = x->inspection->func;
    const Node *node = func_node(func, past->now);
    e->phase = PHASE_NAMES[x->phases[past->now]];
    e->kernel = part_kernel(x, func->plan->kernel_of[past->now]);
    e->place = part_place(x, past->now);
    e->flops = node_flops(func, node);
    find_merged(x, node->number, e);
    find_made(x, node->number, e);
    find_operands(x, func, node, e);
    find_readers(x, past->now, e);
    uint32_t gradient = part_gradient(x, node->number, IR_NONE);
    if (gradient == IR_NONE || gradient == node->number) return;
    ValueLine *line = ARENA_NEW(x->arena, ValueLine);
    *line = part_value(x, gradient);
    e->gradient = line;
}

ValueExplanation explain_value(const Explainer *x, uint32_t number) {
    const PastValue *past = history_value(x->history, number);
    const Stage *stages = x->inspection->stages->stages;
    Events done = {0}, missed = {0};
    ValueExplanation e = {.value = part_value(x, number),
                          .attrs = part_attrs_text(x, past->last_func, past->last),
                          .precision = part_precision(past->last),
                          .gone = past->now == IR_NONE,
                          .made_by = stages[past->born].label,
                          .bytes = (double)type_bytes(&past->last->type)};
    e.lines = part_lines(x, past->last, &e.n_lines);
    find_origins(x, past, &e);
    part_events(x, number, &done, &missed);
    e.events = done.items;
    e.n_events = done.count;
    e.missed = missed.items;
    e.n_missed = missed.count;
    if (!e.gone) add_present(x, past, &e);
    if (!e.gone) return e;
    e.gone_by = stages[past->died + 1].label;
    if (past->stands != IR_NONE) {
        ValueExplanation *heir = ARENA_NEW(x->arena, ValueExplanation);
        *heir = explain_value(x, past->stands);
        e.heir = heir;
    }
    return e;
}
