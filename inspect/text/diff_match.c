/* Which values and kernels of two stages are the same, and what of them is another: see diff_match.h. */
#include "inspect/text/diff_match.h"
#include "ir/plan/cost.h"

#include <string.h>

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Whether two values are the same one: of one number, or that of what stands for it; an input or state of one name. */
bool diff_same(const Matching *m, ValueId a, ValueId b) {
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
        operands = diff_same(m, x->operands[o], y->operands[o]);
    if (!operands) what |= DIFF_OPERANDS;
    if (!type_equal(&x->type, &y->type)) what |= DIFF_TYPE;
    if (f->plan && g->plan && !same_place(&f->plan->places[a], &g->plan->places[b])) what |= DIFF_PLACE;
    return what;
}

/* What the pass says became of values; through values that became others in turn. */
static void find_became(Matching *m, const Remarks *remarks, int stage) {
    uint32_t *became = ARENA_ARRAY(m->arena, uint32_t, (size_t)m->numbers + 1), f = func_index(m->after);
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

unsigned diff_kernel(const Matching *m, uint32_t a, uint32_t b) {
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
