/* Lists, and their limits. */
#include "frontend/evaluate/evaluator.h"

Value value_list(Evaluator *e, Loc loc, ValueKind kind, size_t n) {
    e->elements += n > MAX_LIST ? 0 : n;
    if (n > MAX_LIST)
        overdraw(e, loc, "a list of more than %d values", MAX_LIST);
    else if (e->elements > MAX_ELEMENTS)
        overdraw(e, loc, "lists of over %d values in all are made here", MAX_ELEMENTS);
    if (e->exhausted) return (Value){0};
    return (Value){.kind = kind, .items = ARENA_ARRAY(e->arena, Value, n + 1), .count = n};
}

/* A list may hold another several times, so that a few nested lists would print as 2^60 values: its weight counts
 * them all. */
Value close_list(Evaluator *e, Loc loc, Value list) {
    uint64_t weight = 0;
    uint32_t height = 0;
    if (list.kind == V_POISON) return list;
    for (size_t i = 0; i < list.count; i++) {
        const Value *item = &list.items[i];
        bool nests = is_list(item) || item->kind == V_RECORD;
        if (item->kind == V_POISON) return *item;
        weight += 1 + (nests ? item->weight : 0);
        if (nests && item->height > height) height = item->height;
    }
    if (weight > MAX_LIST)
        return eval_error(e, loc, "a list that holds over %d values, with those of its lists", MAX_LIST);
    if (height >= MAX_LIST_DEPTH) return eval_error(e, loc, "lists nest deeper than %d", MAX_LIST_DEPTH);
    list.weight = (uint32_t)weight;
    list.height = height + 1;
    return list;
}
