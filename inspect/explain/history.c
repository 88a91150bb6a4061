/* Values over all stages: see history.h. */
#include "inspect/explain/history.h"

static const Node **note_stage(History *h, const Func *func, int stage) {
    const Node **nodes = ARENA_ARRAY(h->inspection->arena, const Node *, h->count + 1);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->number == IR_NONE || node->number >= h->count) continue;
        PastValue *value = &h->values[node->number];
        if (!value->first) {
            value->first = node;
            value->first_func = func;
            value->born = stage;
        }
        value->last = node;
        value->last_func = func;
        value->died = stage;
        nodes[node->number] = node;
    }
    return nodes;
}

static void index_remarks(History *h) {
    const Remarks *remarks = h->inspection->module->remarks;
    size_t n = remarks ? remarks->count : 0;
    uint32_t *first = ARENA_ARRAY(h->inspection->arena, uint32_t, h->count + 1);
    uint32_t *next = ARENA_ARRAY(h->inspection->arena, uint32_t, n + 1);
    for (uint32_t i = 0; i < h->count; i++) first[i] = IR_NONE;
    for (size_t i = n; i-- > 0;) {
        const Remark *remark = &remarks->items[i];
        next[i] = IR_NONE;
        if (remark->func != h->func || remark->value >= h->count) continue;
        next[i] = first[remark->value];
        first[remark->value] = (uint32_t)i;
    }
    h->first_remark = first;
    h->next_remark = next;
}

static uint32_t numbers_of(const Inspection *inspection, uint32_t func) {
    uint32_t most = inspection->func->next_number;
    for (size_t s = 0; s < inspection->stages->count; s++) {
        const Stage *stage = &inspection->stages->stages[s];
        if (func < stage->n_funcs && stage->next_numbers[func] > most) most = stage->next_numbers[func];
    }
    return most;
}

/* Follows what remarks say of values that are gone: each became another, which may be gone too. A later remark is
 * followed first, so that each is followed once. */
static void follow(History *h) {
    const Remarks *remarks = h->inspection->module->remarks;
    for (uint32_t n = 0; n < h->count; n++) h->values[n].stands = h->values[n].now == IR_NONE ? IR_NONE : n;
    for (size_t i = remarks ? remarks->count : 0; i-- > 0;) {
        const Remark *remark = &remarks->items[i];
        if (remark->func != h->func || remark->rule != RULE_became) continue;
        if (remark->value >= h->count || remark->other >= h->count) continue;
        if (h->values[remark->value].now == IR_NONE && h->values[remark->value].stands == IR_NONE)
            h->values[remark->value].stands = h->values[remark->other].stands;
    }
}

const History *history_make(const Inspection *inspection) {
    History *h = ARENA_NEW(inspection->arena, History);
    h->inspection = inspection;
    while (inspection->module->funcs[h->func] != inspection->func) h->func++;
    h->count = numbers_of(inspection, h->func);
    h->values = ARENA_ARRAY(inspection->arena, PastValue, h->count + 1);
    for (uint32_t n = 0; n < h->count; n++) h->values[n].now = IR_NONE;
    const Node ***nodes = ARENA_ARRAY(inspection->arena, const Node **, inspection->stages->count + 1);
    for (size_t s = 0; s < inspection->stages->count; s++) {
        const Func *func = inspection_func(inspection, (int)s);
        if (func) nodes[s] = note_stage(h, func, (int)s);
    }
    h->nodes = nodes;
    index_remarks(h);
    for (ValueId id = 0; id < inspection->func->count; id++) {
        uint32_t number = func_node(inspection->func, id)->number;
        if (number != IR_NONE) h->values[number].now = id;
    }
    follow(h);
    return h;
}

const PastValue *history_value(const History *h, uint32_t number) {
    return number < h->count && h->values[number].first ? &h->values[number] : NULL;
}

const Node *history_node(const History *h, uint32_t number, int stage) {
    return number < h->count && h->nodes[stage] ? h->nodes[stage][number] : NULL;
}
