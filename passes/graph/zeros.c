/* Zeros: no product with an operand that is known to be zero, no sum of known zeros. The gradient of a slice is padded
 * with zeros, that of a gather is rows added to zeros; what is known of them, their *support*, follows through whatever
 * makes zero of zero (zeros_rules.c). It is the mirror of `demand`: that drops rows which nobody reads before gradients
 * are taken; this drops, of what is left, rows of gradients that are zero because a part of a value reaches the loss.
 *
 * Forward over the nodes, supports are found. Backward, it is decided which nodes are computed in compact form:
 * products and sums that then have less to do, and what lies between them and where the zeros come from. What has its
 * zeros padded for nothing stays as it is: kernels read pads where they lie. Where others read the whole value, zeros
 * are put around the compact one.
 *
 * A product of zero with what is not finite is zero then, and not NaN. */
#include "passes/graph/zeros.h"
#include "ir/range/range.h"
#include "ir/remarks.h"
#include "passes/graph/algebra.h"
#include "passes/graph/zeros_rules.h"

#include <string.h>

/* So much of a product or a sum must be left out: else it stays. */
#define LEAST_SAVED (1.0 / 16)
enum { MOST_ROUNDS = 4 };

typedef struct {
    Func *func;
    const Node *nodes;
    ValueId n;
    Arena *arena;
    DemandRules rules;
    Range *ranges; /* NULL: nobody has asked */
    Support *supports;
    bool *used;               /* by outputs, updates and what they need */
    bool *wanted, *narrow;    /* somebody reads the compact value; it is made */
    ValueId *compact, *whole; /* new values */
    Rewrite rewrite;
    Simplify simplify;
} Zeros;

/* ---- what is zero ------------------------------------------------------------------------------------------------ */

static bool in_range(void *user, ValueId index, int64_t n) {
    Zeros *z = user;
    if (!z->ranges) {
        z->ranges = ARENA_ARRAY(z->arena, Range, z->n + 1);
        range_of_func(z->func, NULL, z->ranges);
    }
    return range_is_within(&z->ranges[index], 0, (double)(n - 1));
}

static bool is_part(const Selection *s) {
    return s && s != &SUPPORT_EMPTY;
}

static void find_supports(Zeros *z) {
    for (ValueId id = 0; id < z->n; id++) {
        const Node *node = &z->nodes[id];
        const Selection **x = ARENA_ARRAY(z->arena, const Selection *, node->n_operands + 1);
        z->supports[id].share = 1;
        if (support_is_zero(z->func, id) && dtype_is_float((DType)node->type.dtype))
            z->supports[id] = (Support){.of = &SUPPORT_EMPTY};
        bool any = node->op == OP_pad || node->op == OP_scatter_add;
        for (int o = 0; o < node->n_operands; o++) {
            x[o] = z->supports[node->operands[o]].of;
            any = any || x[o];
        }
        if (any && !z->supports[id].of) z->supports[id] = support_of(&z->rules, node, x);
    }
}

/* ---- what is computed so ----------------------------------------------------------------------------------------- */

/* A support as a selection of the compact value of a larger one; NULL: it does not lie in that, factor by factor. */
static const Selection *within(Arena *arena, const Selection *small, const Selection *large) {
    if (!is_part(small) || !is_part(large) || small->n != large->n || selection_has_rows(small)) return NULL;
    Selection made = {.rank = small->rank, .n = small->n};
    memcpy(made.first, small->first, sizeof made.first);
    for (int f = 0; f < small->n; f++) {
        const Factor *in = &large->factors[f], *of = &small->factors[f];
        Segment *segments = ARENA_ARRAY(arena, Segment, of->n + 1);
        if (in->size != of->size || (in->n && !of->n) || factor_has_rows(in)) return NULL;
        for (int i = 0; i < of->n; i++) {
            int64_t at = factor_position(in, &of->segments[i]);
            if (at < 0) return NULL;
            segments[i] = (Segment){at, at + of->segments[i].limit - of->segments[i].start, NULL};
        }
        made.factors[f] = (Factor){.size = factor_count(in), .n = of->n, .segments = segments};
        if (factor_count(of) == factor_count(in)) made.factors[f].n = 0;
    }
    Selection *kept = arena_alloc(arena, sizeof *kept);
    *kept = made;
    return kept;
}

/* Whether an operand's compact value has what is taken of it, or but for zeros. */
static bool is_taken_compact(const Zeros *z, ValueId id, int o) {
    const Support *s = &z->supports[id];
    ValueId operand = z->nodes[id].operands[o];
    const Selection *have = z->supports[operand].of, *take = s->takes ? s->takes[o] : NULL;
    if (have == &SUPPORT_EMPTY) return true;
    if (z->nodes[id].op == OP_scatter_add || !have || !take) return false;
    if (selection_has_rows(have) && !(s->carries >> o & 1)) return false;
    return selection_covers(z->arena, have, take, &z->nodes[operand].type) || within(z->arena, have, take);
}

static bool saves_work(const Zeros *z, ValueId id) {
    const OpInfo *info = op_info((OpKind)z->nodes[id].op);
    bool works = info->loop == LOOP_MATMUL || info->loop == LOOP_REDUCE || info->cost_unit == COST_TAPS;
    return works && z->supports[id].share <= 1 - LEAST_SAVED;
}

static void find_used(Zeros *z) {
    for (size_t i = 0; i < z->func->n_outputs; i++) z->used[z->func->outputs[i].value] = true;
    for (size_t i = 0; i < z->func->n_updates; i++) z->used[z->func->updates[i].value] = true;
    for (ValueId id = z->n; id-- > 0;) {
        z->used[id] = z->used[id] || !op_may_drop((OpKind)z->nodes[id].op);
        for (int o = 0; z->used[id] && o < z->nodes[id].n_operands; o++)
            z->used[z->nodes[id].operands[o]] = true;
    }
}

/* Whether anything is to be done. */
static bool decide(Zeros *z) {
    bool any = false;
    for (ValueId id = z->n; id-- > 0;) {
        if (!z->used[id]) continue;
        const Support *s = &z->supports[id];
        bool zero = s->of == &SUPPORT_EMPTY && !support_is_zero(z->func, id);
        if (!is_part(s->of) && !s->fewer_terms && !zero) continue;
        bool saves = saves_work(z, id);
        any = any || saves || zero;
        z->narrow[id] = saves || zero || (z->wanted[id] && is_part(s->of));
        for (int o = 0; z->narrow[id] && !zero && o < z->nodes[id].n_operands; o++)
            if (is_taken_compact(z, id, o)) z->wanted[z->nodes[id].operands[o]] = true;
    }
    return any;
}

/* ---- the new function -------------------------------------------------------------------------------------------- */

static ValueId whole_of(Zeros *z, ValueId id);

static ValueId index_value(void *user, const SelectedRows *rows) {
    return whole_of(user, rows->index);
}

static ValueId whole_of(Zeros *z, ValueId id) {
    if (z->whole[id] != IR_NONE) return z->whole[id];
    const IndexValues indices = {index_value, z};
    z->whole[id] =
        support_fill(&z->simplify, z->compact[id], z->supports[id].of, &z->nodes[id].type, &indices);
    return z->rewrite.map[id] = z->whole[id];
}

static ValueId operand_of(Zeros *z, ValueId id, int o) {
    ValueId operand = z->nodes[id].operands[o];
    const Type *type = &z->nodes[operand].type;
    const Selection *take = z->supports[id].takes ? z->supports[id].takes[o] : NULL;
    const IndexValues indices = {index_value, z};
    if (take == &SELECTION_NOTHING) return IR_NONE;
    if (z->supports[operand].of == &SUPPORT_EMPTY) {
        Type part = selection_type(take, type);
        return filled(&z->simplify, 0, &part);
    }
    bool compact = z->narrow[operand] && is_taken_compact(z, id, o);
    if (compact && !selection_covers(z->arena, z->supports[operand].of, take, type)) {
        Type part = selection_type(take, type);
        return support_fill(&z->simplify, z->compact[operand],
                            within(z->arena, z->supports[operand].of, take), &part, &indices);
    }
    if (compact)
        return selection_take(&z->simplify, z->compact[operand], z->supports[operand].of, take, type,
                              &indices);
    return selection_take(&z->simplify, whole_of(z, operand), NULL, take, type, &indices);
}

static void tell(const Zeros *z, ValueId id) {
    const Support *s = &z->supports[id];
    const Node *node = &z->nodes[id];
    if (!remarks_wanted(z->func)) return;
    double flops = node_flops(z->func, node), all = (double)type_elements(&node->type);
    if (s->of == &SUPPORT_EMPTY)
        remark(z->func, RULE_zeros_zero, node->number, IR_NONE, 0, 0, NULL);
    else if (s->fewer_terms)
        remark(z->func, RULE_zeros_terms, node->number, IR_NONE, flops * (1 - s->share), flops, NULL);
    else if (flops > 0)
        remark(z->func, RULE_zeros_part, node->number, IR_NONE, (double)selection_count(s->of, &node->type),
               all, NULL);
}

static void make_compact(Zeros *z, ValueId id) {
    const Node *node = &z->nodes[id];
    const Support *s = &z->supports[id];
    ValueId *operands = ARENA_ARRAY(z->arena, ValueId, node->n_operands + 1);
    func_made_for(z->func, node);
    if (s->of == &SUPPORT_EMPTY) {
        z->whole[id] = filled(&z->simplify, 0, &node->type);
        z->rewrite.map[id] = z->whole[id];
        return;
    }
    for (int o = 0; o < node->n_operands; o++)
        operands[o] = node->op == OP_scatter_add && o < 2 ? IR_NONE : operand_of(z, id, o);
    z->compact[id] = support_emit(&z->simplify, z->nodes, node, s, operands, &(IndexValues){index_value, z});
    if (!s->of) z->whole[id] = z->compact[id];
    z->rewrite.map[id] = z->compact[id];
}

static void keep(Zeros *z, ValueId id) {
    Node node = z->nodes[id];
    ValueId *operands = ARENA_ARRAY(z->arena, ValueId, node.n_operands + 1);
    func_made_for(z->func, &node);
    bool others = false; /* it reads what is made in another way: a rule may know more of that */
    for (int o = 0; o < node.n_operands; o++) {
        others = others || z->narrow[node.operands[o]];
        operands[o] = whole_of(z, node.operands[o]);
    }
    node.operands = operands;
    if (op_is_source((OpKind)node.op))
        z->whole[id] = rewrite_copy(&z->rewrite, id);
    else
        z->whole[id] = others ? simplify_node(&z->simplify, &node) : simplify_keep(&z->simplify, &node);
    z->rewrite.map[id] = z->whole[id];
}

static void rebuild(Zeros *z) {
    for (ValueId id = 0; id < z->n; id++)
        if (z->narrow[id]) tell(z, id);
    z->rewrite = rewrite_begin(z->func);
    z->simplify = (Simplify){.rules = algebra_apply, .func = z->func, .scratch = z->arena};
    for (ValueId id = 0; id < z->n; id++)
        if (z->narrow[id])
            make_compact(z, id);
        else if (z->used[id])
            keep(z, id);
    for (size_t i = 0; i < z->func->n_outputs; i++) whole_of(z, z->func->outputs[i].value);
    for (size_t i = 0; i < z->func->n_updates; i++) whole_of(z, z->func->updates[i].value);
    rewrite_end(&z->rewrite);
}

static bool narrow(Func *func) {
    Zeros z = {.func = func, .nodes = func->nodes, .n = (ValueId)func->count, .arena = arena_new()};
    z.rules = (DemandRules){func, z.arena, in_range, &z};
    z.supports = ARENA_ARRAY(z.arena, Support, z.n + 1);
    z.used = ARENA_ARRAY(z.arena, bool, z.n + 1);
    z.wanted = ARENA_ARRAY(z.arena, bool, z.n + 1);
    z.narrow = ARENA_ARRAY(z.arena, bool, z.n + 1);
    z.compact = ARENA_ARRAY(z.arena, ValueId, z.n + 1);
    z.whole = ARENA_ARRAY(z.arena, ValueId, z.n + 1);
    for (ValueId id = 0; id < z.n; id++) z.compact[id] = z.whole[id] = IR_NONE;
    find_used(&z);
    find_supports(&z);
    bool any = decide(&z);
    if (any) rebuild(&z);
    arena_free(z.arena);
    return any;
}

bool pass_zeros(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++)
        for (int round = 0; round < MOST_ROUNDS && narrow(module->funcs[f]); round++) continue;
    return true;
}
