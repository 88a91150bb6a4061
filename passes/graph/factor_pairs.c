/* Factoring pairs: see factor_pairs.h. Which value of each pair is taken out is chosen among three ways: the values of
 * the one side or of the other, where pairs go from one set of values to another, and, again and again, the value that
 * most of the pairs left have. */
#include "passes/graph/factor_pairs.h"

#include <math.h>
#include <string.h>

typedef struct {
    Arena *arena;
    int n_values, n_pairs;
    Pair *pairs; /* no two of the same values */
    int *side;   /* by value: 0 or 1, the sets that pairs connect */
    bool two_sides;
} Factoring;

/* Pairs of the same values are one. */
static void merge_pairs(Factoring *f, int n, const Pair *pairs) {
    f->pairs = ARENA_ARRAY(f->arena, Pair, n);
    for (int i = 0; i < n; i++) {
        int at = 0;
        for (; at < f->n_pairs; at++) {
            const Pair *p = &f->pairs[at];
            if ((p->a == pairs[i].a && p->b == pairs[i].b) || (p->a == pairs[i].b && p->b == pairs[i].a))
                break;
        }
        if (at < f->n_pairs)
            f->pairs[at].factor += pairs[i].factor;
        else
            f->pairs[f->n_pairs++] = pairs[i];
    }
}

/* The first pair of values not seen before has its first value on side 0; what is connected follows. */
static void find_sides(Factoring *f) {
    f->side = ARENA_ARRAY(f->arena, int, f->n_values);
    for (int v = 0; v < f->n_values; v++) f->side[v] = -1;
    for (int i = 0; i < f->n_pairs; i++) {
        if (f->side[f->pairs[i].a] < 0 && f->side[f->pairs[i].b] < 0) f->side[f->pairs[i].a] = 0;
        for (bool changed = true; changed;) {
            changed = false;
            for (int k = 0; k < f->n_pairs; k++) {
                int *a = &f->side[f->pairs[k].a], *b = &f->side[f->pairs[k].b];
                if ((*a < 0) == (*b < 0)) continue;
                *(*a < 0 ? a : b) = 1 - (*a < 0 ? *b : *a);
                changed = true;
            }
        }
    }
    f->two_sides = true;
    for (int i = 0; i < f->n_pairs; i++)
        f->two_sides = f->two_sides && f->side[f->pairs[i].a] != f->side[f->pairs[i].b];
}

/* Which value of each pair is taken out: that on a side. */
static void take_side(const Factoring *f, int side, int *taken) {
    for (int i = 0; i < f->n_pairs; i++)
        taken[i] = f->side[f->pairs[i].a] == side ? f->pairs[i].a : f->pairs[i].b;
}

/* … or the one that most pairs left have, of equals the first. */
static void take_most(const Factoring *f, int *taken) {
    int *count = ARENA_ARRAY(f->arena, int, f->n_values);
    for (int i = 0; i < f->n_pairs; i++) taken[i] = -1;
    for (int left = f->n_pairs; left > 0;) {
        int most = 0;
        memset(count, 0, sizeof *count * (size_t)f->n_values);
        for (int i = 0; i < f->n_pairs; i++) {
            if (taken[i] >= 0) continue;
            count[f->pairs[i].a]++;
            if (f->pairs[i].b != f->pairs[i].a) count[f->pairs[i].b]++;
        }
        for (int v = 1; v < f->n_values; v++)
            if (count[v] > count[most]) most = v;
        for (int i = 0; i < f->n_pairs; i++)
            if (taken[i] < 0 && (f->pairs[i].a == most || f->pairs[i].b == most)) {
                taken[i] = most;
                left--;
            }
    }
}

static int item_of(PairPlan *plan, int value, double scale) {
    for (int i = 0; i < plan->n_items; i++)
        if (plan->items[i].value == value && plan->items[i].scale == scale) return i;
    plan->items[plan->n_items] = (PairItem){value, scale};
    return plan->n_items++;
}

static int product_of(PairPlan *plan, int value) {
    for (int i = 0; i < plan->n_products; i++)
        if (plan->products[i].value == value) return i;
    plan->products[plan->n_products] = (PairProduct){.value = value};
    return plan->n_products++;
}

static void count_operations(PairPlan *plan) {
    plan->operations = 2 * plan->n_products + plan->sums.n_steps;
    for (int i = 0; i < plan->n_items; i++) plan->operations += fabs(plan->items[i].scale) != 1;
}

/* The factor that most of the pairs of a value taken out have, of equals the first. */
static double most_common_factor(const Factoring *f, const int *taken, int value) {
    double common = 1;
    for (int i = 0, most = 0; i < f->n_pairs; i++) {
        int n = 0;
        for (int k = 0; taken[i] == value && k < f->n_pairs; k++)
            n += taken[k] == value && f->pairs[k].factor == f->pairs[i].factor;
        if (n <= most) continue;
        most = n;
        common = f->pairs[i].factor;
    }
    return common;
}

/* A product for each value taken out. */
static PairPlan plan_of(const Factoring *f, const int *taken) {
    PairPlan plan = {.items = ARENA_ARRAY(f->arena, PairItem, f->n_pairs),
                     .products = ARENA_ARRAY(f->arena, PairProduct, f->n_pairs)};
    int *item = ARENA_ARRAY(f->arena, int, f->n_pairs), *product = ARENA_ARRAY(f->arena, int, f->n_pairs);
    for (int i = 0; i < f->n_pairs; i++) product[i] = product_of(&plan, taken[i]);
    for (int i = 0; i < plan.n_products; i++)
        plan.products[i].factor = most_common_factor(f, taken, plan.products[i].value);
    for (int i = 0; i < f->n_pairs; i++) {
        const Pair *p = &f->pairs[i];
        item[i] =
            item_of(&plan, p->a == taken[i] ? p->b : p->a, p->factor / plan.products[product[i]].factor);
    }
    bool *in = ARENA_ARRAY(f->arena, bool, (size_t)plan.n_items *(size_t)plan.n_products);
    for (int i = 0; i < f->n_pairs; i++) in[product[i] * plan.n_items + item[i]] = true;
    plan.sums = shared_sums(f->arena, plan.n_items, plan.n_products, in);
    for (int k = 0; k < plan.n_products; k++) plan.products[k].sum = plan.sums.result[k];
    count_operations(&plan);
    return plan;
}

/* As the pairs are. */
static PairPlan plan_apart(const Factoring *f) {
    PairPlan plan = {.n_items = f->n_pairs, .n_products = f->n_pairs};
    plan.items = ARENA_ARRAY(f->arena, PairItem, f->n_pairs);
    plan.products = ARENA_ARRAY(f->arena, PairProduct, f->n_pairs);
    for (int i = 0; i < f->n_pairs; i++) {
        plan.items[i] = (PairItem){f->pairs[i].a, 1};
        plan.products[i] = (PairProduct){f->pairs[i].b, i, f->pairs[i].factor};
    }
    count_operations(&plan);
    return plan;
}

/* Whether a value is in several pairs: else there is nothing to factor. */
static bool shares_values(const Factoring *f) {
    bool *seen = ARENA_ARRAY(f->arena, bool, f->n_values);
    for (int i = 0; i < f->n_pairs; i++) {
        const Pair *p = &f->pairs[i];
        if (seen[p->a] || seen[p->b]) return true;
        seen[p->a] = seen[p->b] = true;
    }
    return false;
}

PairPlan factor_pairs(Arena *arena, int n_values, int n_pairs, const Pair *pairs) {
    Factoring f = {.arena = arena, .n_values = n_values};
    merge_pairs(&f, n_pairs, pairs);
    PairPlan best = plan_apart(&f);
    if (!shares_values(&f)) return best;
    for (int i = 0; i < f.n_pairs; i++) /* that cannot be divided by */
        if (f.pairs[i].factor == 0 || !isfinite(f.pairs[i].factor)) return best;
    find_sides(&f);
    int *taken = ARENA_ARRAY(arena, int, f.n_pairs);
    for (int way = 0; way < 3; way++) {
        if (way < 2 && !f.two_sides) continue;
        if (way < 2)
            take_side(&f, way, taken);
        else
            take_most(&f, taken);
        PairPlan plan = plan_of(&f, taken);
        if (plan.operations < best.operations) best = plan;
    }
    return best;
}
