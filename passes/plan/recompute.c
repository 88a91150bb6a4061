/* What recomputing values takes, from the first to the last: see recompute.h. */
#include "passes/plan/recompute.h"

enum { CHEAP_COST = 80 };

static void add_leaf(Recompute *r, ValueId leaf) {
    if (r->leaves == 0 || (r->leaves == 1 && r->leaf != leaf)) r->leaves++;
    r->leaf = leaf;
}

static void add_from(Recompute *r, ValueId leaf) {
    for (int i = 0; i < r->n_from && r->n_from <= FROM_MAX; i++)
        if (r->from[i] == leaf) return;
    if (r->n_from < FROM_MAX) r->from[r->n_from] = leaf;
    if (r->n_from <= FROM_MAX) r->n_from++;
}

/* Fills in from what large values a node of `size` elements follows. Only a value that is dear may be one of these:
 * others are computed again wherever they are read, and what they take counts for all that follows. */
static void find_from(const Func *func, const Recompute *all, ValueId id, int64_t size, Recompute *r) {
    const Node *node = func_node(func, id);
    bool begins = op_is_source(node->op) || !op_is_fusable(node->op) || op_is_reduce(node->op) ||
                  op_is_choice(node->op);
    for (int o = 0; !begins && o < node->n_operands; o++) {
        const Recompute *of_x = &all[node->operands[o]];
        double share = (double)type_elements(func_type(func, node->operands[o])) / (double)size;
        r->from_cost +=
            of_x->from_cost * (share < 1 ? share : 1); /* what is broadcast is computed once a row */
        if (of_x->n_from > FROM_MAX) r->n_from = FROM_MAX + 1;
        for (int i = 0; i < of_x->n_from && i < FROM_MAX; i++)
            if (type_elements(func_type(func, of_x->from[i])) * 4 > size) add_from(r, of_x->from[i]);
    }
    r->from_cost += op_info(node->op)->cost;
    if (begins || (r->dear && (r->n_from > FROM_MAX || r->from_cost > CHEAP_COST))) {
        r->n_from = 1;
        r->from[0] = id;
        r->from_cost = 0;
    }
}

/* One number that is there before the step: as good as a constant. */
static bool is_scalar_input(const Node *node) {
    return node->op == OP_input && node->type.rank == 0;
}

/* Why a value that is computed from r.leaves large values at r.cost should not be computed again; NULL: it may be. */
static const char *dear_because(const Node *node, const Recompute *r) {
    if (op_is_reduce(node->op)) return "it is a reduction";
    if (!op_is_fusable(node->op)) return "its operator is not computed element by element";
    if (op_is_choice(node->op)) return "it has each element from one of several places";
    if (r->leaves > 1) return "it is computed from several large values in memory";
    return r->cost > CHEAP_COST ? "it takes many operations an element" : NULL;
}

const Recompute *recompute_estimate(Arena *arena, const Func *func) {
    Recompute *all = ARENA_ARRAY(arena, Recompute, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        Recompute r = {.leaf = IR_NONE};
        int64_t size = type_elements(&node->type);
        if (op_is_literal(node->op) || is_scalar_input(node)) {
            all[id] = r;
            continue;
        }
        bool stored = op_is_source(node->op) || !op_is_fusable(node->op) || op_is_reduce(node->op);
        for (int o = 0; !stored && o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            const Recompute *of_x = &all[x];
            r.cost += of_x->cost;
            if (of_x->leaves == 1 && type_elements(func_type(func, of_x->leaf)) * 4 > size)
                add_leaf(&r, of_x->leaf);
        }
        if (!stored) r.cost += op_info(node->op)->cost;
        const char *dear = dear_because(node, &r);
        if (stored || dear) r = (Recompute){.leaves = 1, .leaf = id, .dear = dear};
        find_from(func, all, id, size, &r);
        all[id] = r;
    }
    return all;
}
