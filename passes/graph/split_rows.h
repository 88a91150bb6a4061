/* Pass `split-rows`, after `autodiff`, `expand` and `simplify`: what is computed row by row from a product with very
 * wide rows (the logits of a large head) is computed for some rows at a time, forward and backward, so that the wide
 * values never exist whole; see split_rows.c. */
#ifndef VITC_PASSES_GRAPH_SPLIT_ROWS_H
#define VITC_PASSES_GRAPH_SPLIT_ROWS_H

#include "ir/ir.h"

typedef struct {
    int64_t columns; /* a row of at least so many is wide */
    int64_t bytes;   /* only if the largest wide value has at least so many bytes */
    int64_t piece;   /* bytes: as few pieces as bring each wide value below this */
    int64_t rows;    /* at least so many rows of the largest product in a piece */
    int64_t pieces;  /* at most */
} SplitLimits;

/* Splits all regions that can be; returns how many. */
int split_rows(Func *func, const SplitLimits *limits);

bool pass_split_rows(Module *module, Diags *diags);

#endif
