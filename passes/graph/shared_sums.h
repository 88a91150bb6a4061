/* Sums of subsets with few additions: what several subsets have in common is added up once. Finding the fewest is
 * NP-hard (ensemble computation: Garey and Johnson 1979), so the pair of items that most sums have in common is joined
 * first, again and again. Where sums leave out little of the same items, the sum of all is made, and what is left out
 * is subtracted. */
#ifndef VITC_PASSES_GRAPH_SHARED_SUMS_H
#define VITC_PASSES_GRAPH_SHARED_SUMS_H

#include "ir/base/arena.h"

#include <stdbool.h>

/* left + right, or left - right. Operands are items 0 … n_items - 1, and n_items + i is the result of step i. */
typedef struct {
    int left, right;
    bool minus;
} SumStep;

typedef struct {
    SumStep *steps; /* each uses earlier ones alone */
    int n_steps;
    int *result; /* by sum: an item or a step, numbered as operands are */
} SharedSums;

/* in[s·n_items + i]: whether sum s has item i; each has one or more. */
SharedSums shared_sums(Arena *arena, int n_items, int n_sums, const bool *in);

#endif
