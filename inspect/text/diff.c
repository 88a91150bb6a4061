/* What a pass changed, counted: see diff.h. */
#include "inspect/text/diff.h"
#include "inspect/text/diff_hunks.h"
#include "inspect/text/diff_match.h"

#include <string.h>

const char *const DIFF_WORDS[N_DIFF_WORDS] = {"operator", "operands", "attributes", "type",  "place",
                                              "kernel",   "loops",    "members",    "reads", "stores",
                                              "chain",    "barrier",  "marks"};

const char *diff_what(Arena *arena, unsigned what) {
    const char *all = "";
    for (int bit = 0; bit < N_DIFF_WORDS; bit++)
        if (what >> bit & 1) all = arena_printf(arena, "%s%s%s", all, *all ? ", " : "", DIFF_WORDS[bit]);
    return all;
}

static void count_kernels(const Matching *m, DiffCounts *counts) {
    const Plan *f = m->before->plan, *g = m->after->plan;
    counts->before = f ? f->n_kernels : 0;
    counts->after = g ? g->n_kernels : 0;
    size_t both = 0;
    for (uint32_t k = 0; k < counts->after; k++) {
        if (m->kernel_before[k] == IR_NONE) continue;
        both++;
        counts->changed += diff_kernel(m, m->kernel_before[k], k) != 0;
    }
    counts->gone = counts->before - both;
    counts->made = counts->after - both;
}

static void count_values(const Matching *m, DiffCounts *counts) {
    size_t both = 0;
    for (ValueId id = 0; id < m->before->count; id++)
        counts->before += !op_is_source((OpKind)m->before->nodes[id].op);
    for (ValueId id = 0; id < m->after->count; id++) {
        counts->after += !op_is_source((OpKind)m->after->nodes[id].op);
        if (m->to_before[id] == IR_NONE) continue;
        both++;
        counts->changed += diff_value(m, m->to_before[id], id) != 0;
    }
    counts->gone = counts->before - both;
    counts->made = counts->after - both;
}

static bool other_room(const Func *before, const Func *after) {
    const Plan *f = before->plan, *g = after->plan;
    if (!f || !g) return false;
    return f->laid_out != g->laid_out || f->arena_bytes != g->arena_bytes ||
           f->block_bytes != g->block_bytes || f->has_barriers != g->has_barriers;
}

static ValueId output_named(const Func *func, const char *name) {
    for (size_t i = 0; i < func->n_outputs; i++)
        if (strcmp(func->outputs[i].name, name) == 0) return func->outputs[i].value;
    return IR_NONE;
}

static void compare_results(const Matching *m, FuncDiff *diff) {
    const Func *f = m->before, *g = m->after;
    diff->outputs = ARENA_ARRAY(m->arena, uint32_t, g->n_outputs + 1);
    diff->updates = ARENA_ARRAY(m->arena, uint32_t, g->n_updates + 1);
    for (uint32_t i = 0; i < g->n_outputs; i++) {
        ValueId old = output_named(f, g->outputs[i].name);
        if (old == IR_NONE || !diff_same(m, old, g->outputs[i].value)) diff->outputs[diff->n_outputs++] = i;
    }
    for (uint32_t i = 0; i < g->n_updates; i++) {
        ValueId old = func_find_update(f, g->updates[i].state); /* states keep their numbers */
        if (old == IR_NONE || !diff_same(m, old, g->updates[i].value)) diff->updates[diff->n_updates++] = i;
    }
}

/* A function without nodes, for one that is not there. */
static const Func *or_empty(Arena *arena, const Func *func, const Func *other) {
    if (func) return func;
    Func *empty = ARENA_NEW(arena, Func);
    empty->module = other->module;
    empty->name = other->name;
    return empty;
}

static FuncDiff count(const Matching *m, const Func *before, const Func *after) {
    FuncDiff diff = {.before = before, .after = after, .reordered = m->reordered};
    count_values(m, &diff.values);
    count_kernels(m, &diff.kernels);
    compare_results(m, &diff);
    diff.room = other_room(m->before, m->after);
    return diff;
}

static Matching match(Arena *arena, const Func *before, const Func *after, const Remarks *remarks,
                      int stage) {
    return diff_match(arena, or_empty(arena, before, after), or_empty(arena, after, before), remarks, stage);
}

FuncDiff diff_count(Arena *arena, const Func *before, const Func *after, const Remarks *remarks, int stage) {
    Matching m = match(arena, before, after, remarks, stage);
    return count(&m, before, after);
}

FuncDiff *diff_make(Arena *arena, const Func *before, const Func *after, const Remarks *remarks, int stage,
                    const char *only) {
    FuncDiff *diff = ARENA_NEW(arena, FuncDiff);
    Matching m = match(arena, before, after, remarks, stage);
    *diff = count(&m, before, after);
    diff_hunks(&m, remarks, stage, only, diff);
    return diff;
}

bool diff_is_empty(const FuncDiff *d) {
    const DiffCounts *v = &d->values, *k = &d->kernels;
    return !(v->gone | v->made | v->changed | k->gone | k->made | k->changed | d->n_outputs | d->n_updates) &&
           !d->room && !d->before == !d->after;
}
