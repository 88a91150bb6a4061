/* Pass `split-rows`, after `autodiff`, `expand` and `simplify`: what is computed row by row from a product with very
 * wide rows (the logits of a large head) is computed for some rows at a time, forward and backward, so that the wide
 * values never exist whole; see split_rows.c. */
#ifndef VITC_PASSES_GRAPH_SPLIT_ROWS_H
#define VITC_PASSES_GRAPH_SPLIT_ROWS_H

#include "ir/ir.h"

typedef struct {
    int64_t columns; /* that make a row wide */
    int64_t bytes;   /* of the largest wide value: less is not worth it */
    int64_t piece;   /* bytes: no more pieces than bring each value below it */
    int64_t rows;    /* fewest of the largest product in a piece */
    int64_t pieces;  /* most */
} SplitLimits;

/* Splits all that can be; the number of regions that were. */
int split_rows(Func *func, const SplitLimits *limits);

bool pass_split_rows(Module *module, Diags *diags);

#endif
