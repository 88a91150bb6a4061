/* Lists, their limits, and what is in them. */
#include "frontend/evaluate/evaluator.h"

#include <string.h>

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
    list.height = (uint16_t)(height + 1);
    return list;
}

/* Whether two values that are known now are equal; *known: false for tensors, which are not. */
static bool equal(const Value *a, const Value *b, bool *known) {
    if (is_tensor(a) || is_tensor(b)) {
        *known = false;
        return false;
    }
    if (is_number(a) && is_number(b)) return a->number == b->number;
    if (is_list(a) && is_list(b)) {
        bool same = a->count == b->count;
        for (size_t i = 0; i < a->count && same; i++) same = equal(&a->items[i], &b->items[i], known);
        return same;
    }
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case V_STRING: return strcmp(a->text, b->text) == 0;
    case V_MODULE:
    case V_NETWORK: return a->definition == b->definition;
    case V_BUILTIN: return a->builtin == b->builtin;
    default: return a->kind == V_NONE;
    }
}

Value value_in(Evaluator *e, Loc loc, const Value *x, const Value *of) {
    bool found = false, known = true;
    if (x->kind == V_POISON || of->kind == V_POISON) return (Value){0};
    if (is_list(of)) {
        if (!spend(e, loc, of->count)) return (Value){0};
        for (size_t i = 0; i < of->count && !found; i++) found = equal(x, &of->items[i], &known);
        if (known || found) return value_bool(found);
        return eval_error(
            e, loc, "`in` compares what is known at compile time, and %s is not: `x == a` compares tensors",
            show_value(e, is_tensor(x) ? x : &of->items[0]));
    }
    if (of->kind != V_STRING && of->kind != V_RECORD)
        return eval_error(e, loc, "`in` looks into a list, a string or a record, not %s", show_value(e, of));
    if (x->kind != V_STRING)
        return eval_error(e, loc, "`in` looks for %s in %s, not for %s",
                          of->kind == V_STRING ? "a string" : "the name of a field", show_value(e, of),
                          show_value(e, x));
    if (of->kind == V_STRING) return value_bool(strstr(of->text, x->text) != NULL);
    for (size_t i = 0; i < of->count && !found; i++) found = strcmp(of->names[i], x->text) == 0;
    return value_bool(found);
}
