/* Values and kernels of two stages, matched: see diff.h. */
#include "inspect/text/diff.h"
#include "inspect/text/diff_parts.h"
#include "ir/plan/cost.h"

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

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Whether two values are the same one: of one number, or that of what stands for it; an input or state of one name. */
static bool same_value(const Matching *m, ValueId a, ValueId b) {
    const char *x = source_name(m->before, func_node(m->before, a)),
               *y = source_name(m->after, func_node(m->after, b));
    uint32_t n = func_node(m->before, a)->number;
    if (!x) x = y ? m->became_source[n] : NULL;
    if (x || y) return x && y && strcmp(x, y) == 0;
    uint32_t now = func_node(m->after, b)->number;
    return n == now || m->became[n] == now;
}

static bool same_attrs(const Node *x, const Node *y) {
    const OpInfo *info = op_info((OpKind)x->op);
    for (int a = 0; a < info->n_attrs; a++)
        if (!attr_equal(info->attrs[a].kind, &x->attrs[a], &y->attrs[a])) return false;
    return true;
}

static bool same_place(const Place *a, const Place *b) {
    return a->kind == b->kind && a->index == b->index && a->offset == b->offset;
}

/* What of a value is another, its kernel aside. */
static unsigned compare_values(const Matching *m, ValueId a, ValueId b) {
    const Func *f = m->before, *g = m->after;
    const Node *x = func_node(f, a), *y = func_node(g, b);
    unsigned what = x->op != y->op ? DIFF_OPERATOR : same_attrs(x, y) ? 0 : DIFF_ATTRIBUTES;
    bool operands = x->n_operands == y->n_operands;
    for (int o = 0; operands && o < x->n_operands; o++)
        operands = same_value(m, x->operands[o], y->operands[o]);
    if (!operands) what |= DIFF_OPERANDS;
    if (!type_equal(&x->type, &y->type)) what |= DIFF_TYPE;
    if (f->plan && g->plan && !same_place(&f->plan->places[a], &g->plan->places[b])) what |= DIFF_PLACE;
    return what;
}

static uint32_t func_number(const Func *func) {
    uint32_t f = 0;
    while (f < func->module->n_funcs && func->module->funcs[f] != func) f++;
    return f;
}

/* What the pass says became of values; through values that became others in turn. */
static void find_became(Matching *m, const Remarks *remarks, int stage) {
    uint32_t *became = ARENA_ARRAY(m->arena, uint32_t, (size_t)m->numbers + 1), f = func_number(m->after);
    m->became_source = ARENA_ARRAY(m->arena, const char *, (size_t)m->numbers + 1);
    for (uint32_t n = 0; n < m->numbers; n++) became[n] = n;
    for (size_t i = remarks ? remarks->count : 0; i-- > 0;) { /* the last first: what it leads to is known */
        const Remark *remark = &remarks->items[i];
        if (remark->pass != stage || remark->func != f || remark->rule != RULE_became) continue;
        if (remark->value >= m->numbers) continue;
        if (remark->other < m->numbers) {
            became[remark->value] = became[remark->other];
            m->became_source[remark->value] = m->became_source[remark->other];
        } else
            m->became_source[remark->value] = remark->text;
    }
    m->became = became;
}

static void match_values(Matching *m) {
    const Func *f = m->before, *g = m->after;
    size_t numbers = m->numbers;
    ValueId *by_number = ARENA_ARRAY(m->arena, ValueId, numbers + 1);
    m->to_after = ARENA_ARRAY(m->arena, ValueId, f->count + 1);
    m->to_before = ARENA_ARRAY(m->arena, ValueId, g->count + 1);
    memset(by_number, 0xff, sizeof *by_number * (numbers + 1));
    memset(m->to_after, 0xff, sizeof *m->to_after * (f->count + 1));
    memset(m->to_before, 0xff, sizeof *m->to_before * (g->count + 1));
    for (ValueId id = 0; id < f->count; id++)
        if (f->nodes[id].number != IR_NONE) by_number[f->nodes[id].number] = id;
    ValueId last = 0;
    for (ValueId id = 0; id < g->count; id++) {
        if (g->nodes[id].number == IR_NONE) continue;
        ValueId old = by_number[g->nodes[id].number];
        if (old == IR_NONE) continue;
        m->to_before[id] = old;
        m->to_after[old] = id;
        m->reordered |= old < last;
        last = old;
    }
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* Kernel k of `after` among those of `before`: the one with the value that it is named after, else with one that it
 * stores; each once. */
static uint32_t kernel_before(const Matching *m, uint32_t k, const bool *taken) {
    const Kernel *kernel = &m->after->plan->kernels[k];
    const uint32_t *kernel_of = m->before->plan->kernel_of;
    ValueId old = m->to_before[kernel_cost(m->after, kernel).named];
    if (old != IR_NONE && !taken[kernel_of[old]]) return kernel_of[old];
    for (size_t i = 0; i < kernel->n_stores; i++) {
        old = m->to_before[kernel->stores[i]];
        if (old != IR_NONE && kernel_of[old] != IR_NONE && !taken[kernel_of[old]]) return kernel_of[old];
    }
    return IR_NONE;
}

static void match_kernels(Matching *m) {
    const Plan *f = m->before->plan, *g = m->after->plan;
    size_t n = f ? f->n_kernels : 0;
    bool *taken = ARENA_ARRAY(m->arena, bool, n + 1);
    m->kernel_before = ARENA_ARRAY(m->arena, uint32_t, (g ? g->n_kernels : 0) + 1);
    m->kernel_after = ARENA_ARRAY(m->arena, uint32_t, n + 1);
    memset(m->kernel_after, 0xff, sizeof *m->kernel_after * (n + 1));
    uint32_t last = 0;
    for (uint32_t k = 0; g && k < g->n_kernels; k++) {
        uint32_t old = m->kernel_before[k] = f ? kernel_before(m, k, taken) : IR_NONE;
        if (old == IR_NONE) continue;
        taken[old] = true;
        m->kernel_after[old] = k;
        m->reordered |= old < last;
        last = old;
    }
}

static uint64_t hash_value(const Func *func, ValueId id) {
    const Node *node = func_node(func, id);
    uint64_t h = node->number;
    if (op_is_source((OpKind)node->op))
        h = 1u << 31 ^ (uint64_t)node->op << 33 ^ (uint64_t)source_attrs(node)->index;
    return (h + 1) * 0x9e3779b97f4a7c15u;
}

/* A set of values, in any order. */
static uint64_t hash_values(const Func *func, const ValueId *values, size_t n) {
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) h += hash_value(func, values[i]) ^ hash_value(func, values[i]) >> 29;
    return h;
}

static bool same_loops(const Kernel *x, const Kernel *y) {
    return x->kind == y->kind && x->rows == y->rows && x->domain.rank == y->domain.rank &&
           memcmp(x->domain.extent, y->domain.extent, sizeof *x->domain.extent * (size_t)x->domain.rank) == 0;
}

static bool same_chain(const Matching *m, uint32_t a, uint32_t b) {
    const Chain *x = plan_chain(m->before->plan, a), *y = plan_chain(m->after->plan, b);
    if (!x || !y) return !x && !y;
    return x->units == y->units && x->size == y->size && x->last - x->first == y->last - y->first;
}

static bool same_members(const Matching *m, const Kernel *x, const Kernel *y, uint32_t a) {
    if (x->last - x->first != y->last - y->first) return false;
    for (ValueId id = y->first; id <= y->last; id++)
        if (m->to_before[id] == IR_NONE || m->before->plan->kernel_of[m->to_before[id]] != a) return false;
    return true;
}

static unsigned compare_kernels(const Matching *m, uint32_t a, uint32_t b) {
    const Func *f = m->before, *g = m->after;
    const Kernel *x = &f->plan->kernels[a], *y = &g->plan->kernels[b];
    bool marks = x->again == y->again && x->single == y->single && !x->prologue == !y->prologue;
    unsigned what = same_loops(x, y) ? 0 : DIFF_LOOPS;
    if (!same_members(m, x, y, a)) what |= DIFF_MEMBERS;
    if (hash_values(f, x->reads, x->n_reads) != hash_values(g, y->reads, y->n_reads)) what |= DIFF_READS;
    if (hash_values(f, x->stores, x->n_stores) != hash_values(g, y->stores, y->n_stores)) what |= DIFF_STORES;
    if (!same_chain(m, a, b)) what |= DIFF_CHAIN;
    if (x->barrier != y->barrier) what |= DIFF_BARRIER;
    return marks ? what : what | DIFF_MARKS;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

Matching diff_match(Arena *arena, const Func *before, const Func *after, const Remarks *remarks, int stage) {
    Matching m = {.arena = arena, .before = before, .after = after};
    m.numbers = before->next_number > after->next_number ? before->next_number : after->next_number;
    find_became(&m, remarks, stage);
    match_values(&m);
    match_kernels(&m);
    return m;
}

unsigned diff_value(const Matching *m, ValueId before, ValueId after) {
    const Plan *f = m->before->plan, *g = m->after->plan;
    unsigned what = compare_values(m, before, after);
    if (f && g && m->kernel_before[g->kernel_of[after]] != f->kernel_of[before]) what |= DIFF_KERNEL;
    return what;
}

unsigned diff_kernel(const Matching *m, uint32_t before, uint32_t after) {
    return compare_kernels(m, before, after);
}

static void count_kernels(const Matching *m, DiffCounts *counts) {
    const Plan *f = m->before->plan, *g = m->after->plan;
    counts->before = f ? f->n_kernels : 0;
    counts->after = g ? g->n_kernels : 0;
    size_t both = 0;
    for (uint32_t k = 0; k < counts->after; k++) {
        if (m->kernel_before[k] == IR_NONE) continue;
        both++;
        counts->changed += compare_kernels(m, m->kernel_before[k], k) != 0;
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
        if (old == IR_NONE || !same_value(m, old, g->outputs[i].value)) diff->outputs[diff->n_outputs++] = i;
    }
    for (uint32_t i = 0; i < g->n_updates; i++) {
        ValueId old = func_find_update(f, g->updates[i].state); /* states keep their numbers */
        if (old == IR_NONE || !same_value(m, old, g->updates[i].value)) diff->updates[diff->n_updates++] = i;
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

FuncDiff *diff_make(Arena *arena, const Func *before, const Func *after, const Remarks *remarks, int stage) {
    FuncDiff *diff = ARENA_NEW(arena, FuncDiff);
    Matching m = match(arena, before, after, remarks, stage);
    *diff = count(&m, before, after);
    diff_hunks(&m, remarks, stage, diff);
    return diff;
}

bool diff_is_empty(const FuncDiff *d) {
    const DiffCounts *v = &d->values, *k = &d->kernels;
    return !(v->gone | v->made | v->changed | k->gone | k->made | k->changed | d->n_outputs | d->n_updates) &&
           !d->room && !d->before == !d->after;
}
