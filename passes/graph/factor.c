/* Factoring sums of products. A *root* is a value that linear operators (sums and differences, negation, multiples,
 * reductions) make of *terms*, and no such operator reads it alone. Terms that are products of two values, of one size
 * and added up over the same axes, are pairs; what factor_pairs.h makes of them takes their place if it has fewer
 * operations. Values between root and terms have no other readers: what is computed anyway stays as it is. */
#include "passes/graph/factor.h"
#include "ir/remarks.h"
#include "passes/graph/algebra.h"
#include "passes/graph/factor_pairs.h"
#include "passes/graph/simplify.h"

typedef struct {
    ValueId value;
    double factor;
    uint32_t over; /* the axes of the value that are added up, a bit each */
    bool grouped;  /* it is in a group */
} Term;

/* Products of one size that are added up over the same axes, and what becomes of them. */
typedef struct {
    const Type *type;
    uint32_t over;
    ValueId *values; /* that are multiplied */
    Pair *pairs;
    int n_values, n_pairs;
    PairPlan plan;
} Group;

typedef struct {
    Term *terms;
    size_t n_terms, terms_capacity;
    Group *groups; /* with fewer operations than their products have */
    size_t n_groups, groups_capacity;
    ValueId *inside; /* values between it and its terms */
    size_t n_inside, inside_capacity;
    int products;
    double saved; /* FLOPs */
} Root;

typedef struct {
    Func *func;
    const Node *nodes; /* of the function as it was */
    size_t n;
    Arena *arena;
    uint32_t *uses;
    bool *inside; /* by value: it is part of a root */
    bool *gone;   /* ... which is made in another way */
    Root **roots; /* by value: such a root; else NULL */
    Root *root;   /* that is looked at */
} Factor;

/* ---- terms ------------------------------------------------------------------------------------------------------- */

static const Node *node_of(const Factor *f, ValueId id) {
    return &f->nodes[id];
}

static uint32_t all_axes(const Type *type) {
    return (1u << type->rank) - 1;
}

/* Whether every element is one constant other than 0. */
static bool multiple(const Factor *f, ValueId id, double *value) {
    while (node_of(f, id)->op == OP_broadcast || node_of(f, id)->op == OP_reshape)
        id = node_of(f, id)->operands[0];
    if (node_of(f, id)->op != OP_constant) return false;
    *value = constant_attrs(node_of(f, id))->value;
    return *value != 0 && *value - *value == 0;
}

static bool has_type_of(const Factor *f, ValueId id, const Node *node) {
    return type_equal(&node_of(f, id)->type, &node->type);
}

/* Axes of the operand of a sum that it, or what is behind it, adds up. */
static uint32_t over_of_sum(const Factor *f, const Node *sum, uint32_t over) {
    const Type *x = &node_of(f, sum->operands[0])->type;
    uint32_t summed = 0, all = 0;
    for (int i = 0; i < reduce_attrs(sum)->axes.n; i++)
        summed |= 1u << axis_from_front(reduce_attrs(sum)->axes.v[i], x->rank);
    for (int k = 0, left = 0; k < x->rank; k++) {
        bool gone = summed >> k & 1;
        if (gone || (over >> left & 1)) all |= 1u << k;
        left += !gone || reduce_attrs(sum)->keep;
    }
    return all;
}

/* What a reshape keeps apart: false if it merges or splits axes of which some are added up. */
static bool over_of_reshape(const Type *from, const Type *to, uint32_t over, uint32_t *all) {
    int k = 0;
    *all = over == all_axes(to) ? all_axes(from) : 0;
    if (*all) return true;
    for (int j = 0; j < to->rank; j++) {
        if (to->dim[j] == 1) continue;
        while (k < from->rank && from->dim[k] == 1) k++;
        if (k == from->rank || from->dim[k] != to->dim[j]) return false;
        *all |= (over >> j & 1) << k++;
    }
    return true;
}

static void add_term(Factor *f, ValueId id, double factor, uint32_t over) {
    Term term = {.value = id, .factor = factor, .over = over};
    ARENA_PUSH(f->arena, f->root->terms, f->root->n_terms, f->root->terms_capacity, term);
}

static void take_apart(Factor *f, ValueId id, double factor, uint32_t over, int depth);

/* Whether a linear operator was taken apart; else its value is a term. */
static bool take_operands(Factor *f, const Node *node, double factor, uint32_t over, int depth) {
    const ValueId *x = node->operands;
    double value;
    uint32_t of_operand;
    switch ((OpKind)node->op) {
    case OP_add:
    case OP_sub:
        if (!has_type_of(f, x[0], node) || !has_type_of(f, x[1], node)) return false;
        take_apart(f, x[0], factor, over, depth);
        take_apart(f, x[1], node->op == OP_sub ? -factor : factor, over, depth);
        return true;
    case OP_neg: take_apart(f, x[0], -factor, over, depth); return true;
    case OP_mul:
        if (!multiple(f, x[1], &value) || !has_type_of(f, x[0], node)) return false;
        take_apart(f, x[0], factor * value, over, depth);
        return true;
    case OP_div:
        if (!multiple(f, x[1], &value) || !has_type_of(f, x[0], node)) return false;
        take_apart(f, x[0], factor / value, over, depth);
        return true;
    case OP_sum: take_apart(f, x[0], factor, over_of_sum(f, node, over), depth); return true;
    case OP_reshape:
        if (!over_of_reshape(&node_of(f, x[0])->type, &node->type, over, &of_operand)) return false;
        take_apart(f, x[0], factor, of_operand, depth);
        return true;
    default: return false;
    }
}

enum { MAX_DEPTH = 4096 }; /* of operators between a root and a term */

static void take_apart(Factor *f, ValueId id, double factor, uint32_t over, int depth) {
    const Node *node = node_of(f, id);
    bool single = depth == 0 || f->uses[id] == 1;
    if (single && depth < MAX_DEPTH && dtype_is_float((DType)node->type.dtype) &&
        take_operands(f, node, factor, over, depth + 1)) {
        ARENA_PUSH(f->arena, f->root->inside, f->root->n_inside, f->root->inside_capacity, id);
        f->inside[id] = true;
    } else
        add_term(f, id, factor, over);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static bool is_product(const Factor *f, const Term *term) {
    const Node *node = node_of(f, term->value);
    return node->op == OP_mul && term->over && f->uses[term->value] == 1 &&
           has_type_of(f, node->operands[0], node) && has_type_of(f, node->operands[1], node);
}

static int value_number(Group *g, ValueId value) {
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i] == value) return i;
    g->values[g->n_values] = value;
    return g->n_values++;
}

static bool is_alike(const Factor *f, const Term *term, const Group *g) {
    return is_product(f, term) && term->over == g->over &&
           type_equal(&node_of(f, term->value)->type, g->type);
}

/* How many operations of an element, of two a pair, less the plan has. */
static int saves(const Group *g) {
    return 2 * g->n_pairs - g->plan.operations;
}

/* The products that are added up as the first is, as a group of the root if that saves anything. */
static void group_with(Factor *f, size_t first) {
    Root *root = f->root;
    size_t n = root->n_terms;
    Group g = {.type = &node_of(f, root->terms[first].value)->type, .over = root->terms[first].over};
    g.values = ARENA_ARRAY(f->arena, ValueId, 2 * n);
    g.pairs = ARENA_ARRAY(f->arena, Pair, n);
    for (size_t i = 0; i < n; i++) {
        const Node *node = node_of(f, root->terms[i].value);
        if (!is_alike(f, &root->terms[i], &g)) continue;
        int a = value_number(&g, node->operands[0]), b = value_number(&g, node->operands[1]);
        g.pairs[g.n_pairs++] = (Pair){a, b, root->terms[i].factor};
    }
    g.plan = factor_pairs(f->arena, g.n_values, g.n_pairs, g.pairs);
    if (!saves(&g)) return;
    for (size_t i = 0; i < n; i++) root->terms[i].grouped |= is_alike(f, &root->terms[i], &g);
    ARENA_PUSH(f->arena, root->groups, root->n_groups, root->groups_capacity, g);
}

/* ---- making nodes ------------------------------------------------------------------------------------------------ */

typedef struct {
    Factor *f;
    Simplify *s;
    Root *root;
    Type type; /* of the root */
} Maker;

/* In the shape of the root. The last axis goes first: rows become narrow before they are added up. */
static ValueId sum_over(const Maker *m, ValueId x, uint32_t over) {
    const Type *type = func_type(m->s->func, x);
    ReduceAttrs last = {.keep = false}, rest = {.keep = false};
    for (int k = 0; k < type->rank; k++) {
        ReduceAttrs *attrs = k == type->rank - 1 ? &last : &rest;
        if (over >> k & 1) attrs->axes.v[attrs->axes.n++] = k;
    }
    if (last.axes.n) x = simplify_make(m->s, OP_sum, &x, 1, &last);
    if (rest.axes.n) x = simplify_make(m->s, OP_sum, &x, 1, &rest);
    return reshape_to(m->s, x, m->type.rank, m->type.dim);
}

static ValueId times(const Maker *m, ValueId x, double factor) {
    if (factor == 1) return x;
    return binary(m->s, OP_mul, x, constant(m->s, factor, (DType)func_type(m->s->func, x)->dtype));
}

static ValueId plus(const Maker *m, ValueId sum, ValueId x) {
    return sum == IR_NONE ? x : binary(m->s, OP_add, sum, x);
}

static ValueId new_value(const Maker *m, ValueId old) {
    return m->s->rewrite.map[old];
}

/* The products of the plan instead of the pairs: their sums are made. The group's values are new ones. */
static void use_plan(const Maker *m, Group *g) {
    const PairPlan *plan = &g->plan;
    int n = plan->n_items + plan->sums.n_steps;
    ValueId *made = ARENA_ARRAY(m->f->arena, ValueId, n + g->n_values);
    for (int i = 0; i < plan->n_items; i++)
        made[i] = times(m, g->values[plan->items[i].value], plan->items[i].scale);
    for (int i = 0; i < plan->sums.n_steps; i++) {
        const SumStep *step = &plan->sums.steps[i];
        made[plan->n_items + i] =
            binary(m->s, step->minus ? OP_sub : OP_add, made[step->left], made[step->right]);
    }
    for (int i = 0; i < g->n_values; i++) made[n + i] = g->values[i];
    for (int i = 0; i < plan->n_products; i++) {
        const PairProduct *p = &plan->products[i];
        g->pairs[i] = (Pair){p->sum, n + p->value, p->factor};
    }
    m->root->saved += saves(g) * (double)type_elements(g->type);
    g->n_pairs = plan->n_products;
    g->n_values += n;
    g->values = made;
}

/* Products with equal factors are added up element by element: one pass over all that they read. */
static ValueId make_products(const Maker *m, const Group *g) {
    ValueId total = IR_NONE;
    bool *done = ARENA_ARRAY(m->f->arena, bool, g->n_pairs);
    for (int i = 0; i < g->n_pairs; i++) {
        ValueId alike = IR_NONE;
        double factor = g->pairs[i].factor;
        if (done[i]) continue;
        for (int k = i; k < g->n_pairs; k++) {
            const Pair *p = &g->pairs[k];
            if (done[k] || p->factor != factor) continue;
            alike = plus(m, alike, binary(m->s, OP_mul, g->values[p->a], g->values[p->b]));
            done[k] = true;
        }
        total = plus(m, total, times(m, sum_over(m, alike, g->over), factor));
    }
    return total;
}

/* What has been taken out may be shared in turn: Σ <a_i, b_j> = <Σ a_i, Σ b_j>. */
static ValueId make_group(const Maker *m, Group *g) {
    for (int i = 0; i < g->n_values; i++) g->values[i] = new_value(m, g->values[i]);
    m->root->products -= g->n_pairs;
    while (saves(g) > 0) {
        use_plan(m, g);
        g->plan = factor_pairs(m->f->arena, g->n_values, g->n_pairs, g->pairs);
    }
    m->root->products += g->n_pairs;
    return make_products(m, g);
}

static ValueId make_root(const Maker *m) {
    Root *root = m->root;
    ValueId total = IR_NONE;
    for (size_t i = 0; i < root->n_groups; i++) total = plus(m, total, make_group(m, &root->groups[i]));
    for (size_t i = 0; i < root->n_terms; i++) {
        const Term *term = &root->terms[i];
        if (term->grouped) continue;
        ValueId x = sum_over(m, new_value(m, term->value), term->over);
        total = plus(m, total, times(m, x, term->factor));
    }
    return total;
}

/* ---- the pass ---------------------------------------------------------------------------------------------------- */

/* Whether the value is a root that is to be made in another way. */
static bool look_at(Factor *f, ValueId id) {
    Root root = {0};
    f->root = &root;
    take_apart(f, id, 1, 0, 0);
    for (size_t i = 0; i < root.n_terms; i++) root.products += is_product(f, &root.terms[i]);
    if (root.products < 2) return false;
    for (size_t i = 0; i < root.n_terms; i++)
        if (!root.terms[i].grouped && is_product(f, &root.terms[i])) group_with(f, i);
    if (!root.n_groups) {
        remark(f->func, RULE_factor_missed, node_of(f, id)->number, IR_NONE, root.products, 0, NULL);
        return false;
    }
    for (size_t i = 0; i < root.n_inside; i++) f->gone[root.inside[i]] = root.inside[i] != id;
    for (size_t i = 0; i < root.n_terms; i++)
        if (root.terms[i].grouped) f->gone[root.terms[i].value] = true;
    f->roots[id] = ARENA_NEW(f->arena, Root);
    *f->roots[id] = root;
    return true;
}

static bool find_roots(Factor *f) {
    bool any = false;
    for (size_t i = 0; i < f->func->n_outputs; i++) f->uses[f->func->outputs[i].value]++;
    for (size_t i = 0; i < f->func->n_updates; i++) f->uses[f->func->updates[i].value]++;
    for (ValueId id = 0; id < f->n; id++)
        for (int o = 0; o < node_of(f, id)->n_operands; o++) f->uses[node_of(f, id)->operands[o]]++;
    for (ValueId id = (ValueId)f->n; id-- > 0;)
        if (!f->inside[id] && f->uses[id] > 0) any = look_at(f, id) || any;
    return any;
}

static void rebuild(Factor *f, Arena *scratch) {
    Simplify s = {.rules = algebra_apply, .func = f->func, .scratch = scratch};
    s.rewrite = rewrite_begin(f->func);
    for (ValueId id = 0; id < f->n; id++) {
        if (f->gone[id]) continue;
        if (!f->roots[id]) {
            rewrite_copy(&s.rewrite, id);
            continue;
        }
        const Node *node = node_of(f, id);
        Maker m = {f, &s, f->roots[id], node->type};
        func_made_for(f->func, node);
        s.rewrite.map[id] = make_root(&m);
        remark(f->func, RULE_factor_sum, node->number, IR_NONE, m.root->products, m.root->saved, NULL);
    }
    rewrite_end(&s.rewrite);
    drop_unused(f->func);
}

static void factor_func(Func *func) {
    Arena *arena = arena_new();
    Factor f = {.func = func, .nodes = func->nodes, .n = func->count, .arena = arena};
    f.uses = ARENA_ARRAY(arena, uint32_t, f.n + 1);
    f.inside = ARENA_ARRAY(arena, bool, f.n + 1);
    f.gone = ARENA_ARRAY(arena, bool, f.n + 1);
    f.roots = ARENA_ARRAY(arena, Root *, f.n + 1);
    if (find_roots(&f)) rebuild(&f, arena);
    arena_free(arena);
}

bool pass_factor(Module *module, Diags *diags) {
    (void)diags;
    for (size_t i = 0; i < module->n_funcs; i++) factor_func(module->funcs[i]);
    return true;
}
