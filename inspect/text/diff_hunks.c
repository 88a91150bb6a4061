/* The changes of a function module by module, and which are alike: see diff.h. */
#include "inspect/text/diff_hunks.h"
#include "inspect/text/selection.h"
#include "ir/base/names.h"
#include "ir/plan/cost.h"

#include <ctype.h>
#include <string.h>

typedef struct {
    const Matching *m;
    FuncDiff *diff;
    const char *only;
    Names by_scope;         /* hunks */
    const Remark **remarks; /* by number: the last of the pass */
} Making;

static void find_remarks(Making *making, const Remarks *remarks, int stage) {
    const Func *func = making->diff->after ? making->diff->after : making->diff->before;
    uint32_t f = func_index(func);
    for (size_t i = 0; remarks && i < remarks->count; i++) {
        const Remark *remark = &remarks->items[i];
        if (remark->pass == stage && remark->func == f && remark->value < making->m->numbers)
            making->remarks[remark->value] = remark;
    }
}

static void add_item(Making *making, const char *scope, DiffItem item) {
    Arena *arena = making->m->arena;
    FuncDiff *diff = making->diff;
    if (making->only && !only_matches(making->only, scope)) return;
    if (!scope) scope = "";
    uint32_t h = names_find(&making->by_scope, scope);
    if (h == NAMES_NONE) {
        h = (uint32_t)diff->n_hunks;
        names_set(arena, &making->by_scope, scope, h);
        DiffHunk hunk = {.scope = scope, .alike = 1, .first_alike = h};
        ARENA_PUSH(arena, diff->hunks, diff->n_hunks, diff->hunks_capacity, hunk);
    }
    DiffHunk *hunk = &diff->hunks[h];
    ARENA_PUSH(arena, hunk->items, hunk->count, hunk->capacity, item);
}

static void add_value(Making *making, ValueId before, ValueId after, unsigned what) {
    const Matching *m = making->m;
    const Node *node = after == IR_NONE ? func_node(m->before, before) : func_node(m->after, after);
    add_item(
        making, node->scope,
        (DiffItem){.before = before, .after = after, .what = what, .remark = making->remarks[node->number]});
}

/* In the order of the function after the pass; what is gone where it was. */
static void add_values(Making *making) {
    const Matching *m = making->m;
    ValueId old = 0; /* those before it are told */
    for (ValueId id = 0; id < m->after->count; id++) {
        if (op_is_source((OpKind)m->after->nodes[id].op)) continue;
        ValueId was = m->to_before[id];
        for (; was != IR_NONE && old < was; old++)
            if (m->to_after[old] == IR_NONE && !op_is_source((OpKind)m->before->nodes[old].op))
                add_value(making, old, IR_NONE, 0);
        unsigned what = was == IR_NONE ? 0 : diff_value(m, was, id);
        /* That it is in another kernel the kernels tell. */
        if (was == IR_NONE || what & ~(unsigned)DIFF_KERNEL) add_value(making, was, id, what);
    }
    for (; old < m->before->count; old++)
        if (m->to_after[old] == IR_NONE && !op_is_source((OpKind)m->before->nodes[old].op))
            add_value(making, old, IR_NONE, 0);
}

static const char *kernel_scope(const Func *func, uint32_t k) {
    return func_node(func, kernel_cost(func, &func->plan->kernels[k]).named)->scope;
}

static void add_kernels(Making *making) {
    const Matching *m = making->m;
    const Plan *f = m->before->plan, *g = m->after->plan;
    for (uint32_t k = 0; f && k < f->n_kernels; k++)
        if (m->kernel_after[k] == IR_NONE)
            add_item(making, kernel_scope(m->before, k),
                     (DiffItem){.kernel = true, .before = k, .after = IR_NONE});
    for (uint32_t k = 0; g && k < g->n_kernels; k++) {
        uint32_t old = m->kernel_before[k];
        unsigned what = old == IR_NONE ? 0 : diff_kernel(m, old, k);
        if (old == IR_NONE || what)
            add_item(making, kernel_scope(m->after, k),
                     (DiffItem){.kernel = true, .before = old, .after = k, .what = what});
    }
}

/* ---- which are alike --------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t value) {
    h = (h ^ value) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t hash_node(uint64_t h, const Node *node) {
    h = mix(mix(h, node->op),
            (uint64_t)node->n_operands << 16 | (uint64_t)node->type.dtype << 8 | node->type.rank);
    for (int d = 0; d < node->type.rank; d++) h = mix(h, (uint64_t)node->type.dim[d]);
    return h;
}

static uint64_t hash_kernel(uint64_t h, const Kernel *kernel) {
    h = mix(mix(h, (uint64_t)kernel->kind), kernel->last - kernel->first);
    for (int d = 0; d < kernel->domain.rank; d++) h = mix(h, (uint64_t)kernel->domain.extent[d]);
    return mix(h, (uint64_t)kernel->n_reads << 32 | kernel->n_stores);
}

/* Of its module the path without numbers, of its changes what they are of, in any order. */
static uint64_t hash_hunk(const Matching *m, const DiffHunk *hunk) {
    uint64_t h = 1, all = 0;
    for (const char *c = hunk->scope; *c; c++) {
        bool number = isdigit((unsigned char)*c) && (c == hunk->scope || c[-1] == '.');
        h = mix(h, number ? '#' : (unsigned char)*c);
        while (number && isdigit((unsigned char)c[1])) c++;
    }
    for (size_t i = 0; i < hunk->count; i++) {
        const DiffItem *item = &hunk->items[i];
        uint64_t of = mix(item->what, (uint64_t)item->kernel << 2 | (uint64_t)(item->before == IR_NONE) << 1 |
                                          (uint64_t)(item->after == IR_NONE));
        if (!item->kernel && item->before != IR_NONE) of = hash_node(of, func_node(m->before, item->before));
        if (!item->kernel && item->after != IR_NONE) of = hash_node(of, func_node(m->after, item->after));
        if (item->kernel && item->before != IR_NONE)
            of = hash_kernel(of, &m->before->plan->kernels[item->before]);
        if (item->kernel && item->after != IR_NONE)
            of = hash_kernel(of, &m->after->plan->kernels[item->after]);
        all += of;
    }
    return mix(h, all + hunk->count);
}

static void find_alike(Making *making) {
    FuncDiff *diff = making->diff;
    Arena *arena = making->m->arena;
    Names first = {0};
    for (uint32_t h = 0; h < diff->n_hunks; h++) {
        uint64_t hash = hash_hunk(making->m, &diff->hunks[h]);
        const char *key = arena_printf(arena, "%llx", (unsigned long long)hash);
        uint32_t found = *diff->hunks[h].scope ? names_find(&first, key) : NAMES_NONE;
        if (found == NAMES_NONE) {
            names_set(arena, &first, key, h);
            continue;
        }
        diff->hunks[found].alike++;
        diff->hunks[h].alike = 0;
        diff->hunks[h].first_alike = found;
    }
}

void diff_hunks(const Matching *m, const Remarks *remarks, int stage, const char *only, FuncDiff *diff) {
    Making making = {.m = m, .diff = diff, .only = only};
    making.remarks = ARENA_ARRAY(m->arena, const Remark *, (size_t)m->numbers + 1);
    find_remarks(&making, remarks, stage);
    add_values(&making);
    add_kernels(&making);
    find_alike(&making);
}
