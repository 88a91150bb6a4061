/* Σ c_ij <a_i, b_j>, the products all of one size, with fewer operations: Σ_j c_j <Σ_i (c_ij / c_j) a_i, b_j>, whose
 * inner sums share what they have in common (shared_sums.h). Which factor of a pair is taken out of the sum decides
 * how many products there are. This file knows numbers alone; factor.c makes nodes of what it finds. */
#ifndef VITC_PASSES_GRAPH_FACTOR_PAIRS_H
#define VITC_PASSES_GRAPH_FACTOR_PAIRS_H

#include "passes/graph/shared_sums.h"

/* factor · <a, b>; a and b are numbers of values, from 0. */
typedef struct {
    int a, b;
    double factor;
} Pair;

/* scale · value */
typedef struct {
    int value;
    double scale;
} PairItem;

/* factor · <a sum of items, value>; sum: as in SharedSums.result. */
typedef struct {
    int value, sum;
    double factor;
} PairProduct;

typedef struct {
    PairItem *items;
    int n_items;
    SharedSums sums;
    PairProduct *products;
    int n_products;
    int operations; /* of an element: two a product, one a sum, one an item that is scaled */
} PairPlan;

/* The best that is found; with no fewer operations than the pairs have (two each) it has a product for each of them. */
PairPlan factor_pairs(Arena *arena, int n_values, int n_pairs, const Pair *pairs);

#endif
