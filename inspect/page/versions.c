/* The values of a function over the stages: see versions.h. */
#include "inspect/page/versions.h"
#include "inspect/phases.h"

#include <stdlib.h>
#include <string.h>

int64_t value_reference(const Func *func, ValueId id) {
    const Node *node = func_node(func, id);
    if (node->op == OP_input) return -1 - source_attrs(node)->index;
    if (node->op == OP_state) return -1 - (int64_t)func->n_inputs - source_attrs(node)->index;
    return node->number;
}

/* ---- whether a value is what it was ------------------------------------------------------------------------------ */

static bool equal_texts(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool equal_values(const Func *func_a, const Node *a, const Func *func_b, const Node *b) {
    const OpInfo *info = op_info((OpKind)a->op);
    if (a->op != b->op || a->n_operands != b->n_operands || a->origin != b->origin) return false;
    if (a->loc.file != b->loc.file || a->loc.line != b->loc.line || a->loc.col != b->loc.col) return false;
    if (!type_equal(&a->type, &b->type) || !equal_texts(a->scope, b->scope)) return false;
    for (int i = 0; i < info->n_attrs; i++)
        if (!attr_equal(info->attrs[i].kind, &a->attrs[i], &b->attrs[i])) return false;
    for (int o = 0; o < a->n_operands; o++)
        if (value_reference(func_a, a->operands[o]) != value_reference(func_b, b->operands[o])) return false;
    return true;
}

/* ---- stage by stage ---------------------------------------------------------------------------------------------- */

typedef struct {
    const Inspection *inspection;
    Version *of; /* in the order in which they begin */
    size_t count, capacity;
    uint32_t *current; /* by number: its version at the stage before; IR_NONE: none yet */
    uint8_t *phase;    /* by number */
    size_t n_numbers;
} Walk;

static void add_stage(Walk *w, const Func *func, uint16_t before, uint16_t stage) {
    const uint8_t *phases = phases_of(w->inspection, func);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (op_is_source((OpKind)node->op)) continue;
        w->phase[node->number] = phases[id];
        uint32_t *at = &w->current[node->number];
        Version *version = *at == IR_NONE ? NULL : &w->of[*at];
        if (version && version->last == before &&
            equal_values(version->func, func_node(version->func, version->id), func, node)) {
            version->last = stage;
            continue;
        }
        Version fresh = {.number = node->number, .first = stage, .last = stage, .func = func, .id = id};
        *at = (uint32_t)w->count;
        ARENA_PUSH(w->inspection->arena, w->of, w->count, w->capacity, fresh);
    }
}

static int by_number(const void *a, const void *b) {
    const Version *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

Versions *versions_make(const Inspection *inspection, uint64_t stages) {
    Arena *arena = inspection->arena;
    const Stages *all = inspection->stages;
    Versions *versions = ARENA_NEW(arena, Versions);
    Walk w = {.inspection = inspection};
    w.n_numbers = inspection->func->next_number;
    w.current = ARENA_ARRAY(arena, uint32_t, w.n_numbers + 1);
    w.phase = ARENA_ARRAY(arena, uint8_t, w.n_numbers + 1);
    memset(w.current, 0xff, sizeof *w.current * (w.n_numbers + 1));
    uint16_t before = 0;
    const Func *was = NULL;
    for (uint16_t i = 0; i < all->count; i++) {
        const Func *func = i < 64 && stages >> i & 1 ? inspection_func(inspection, i) : NULL;
        if (!func) continue;
        if (was && !all->stages[i].changed && before + 1 == i) /* the same again */
            for (size_t v = 0; v < w.count; v++) w.of[v].last += w.of[v].last == before;
        else
            add_stage(&w, func, before, i);
        before = i;
        was = func;
    }
    for (size_t v = 0; v < w.count; v++) w.of[v].phase = w.phase[w.of[v].number];
    if (w.count) qsort(w.of, w.count, sizeof *w.of, by_number);
    versions->of = w.of;
    versions->count = w.count;
    versions->n_inputs = inspection->func->n_inputs;
    return versions;
}
