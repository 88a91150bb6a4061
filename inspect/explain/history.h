/* The values of the inspected function over all stages, by number: where each first was and last, and which value
 * stands for one that is gone. */
#ifndef VITC_INSPECT_EXPLAIN_HISTORY_H
#define VITC_INSPECT_EXPLAIN_HISTORY_H

#include "inspect/inspect.h"

typedef struct {
    const Node *first,
        *last; /* in the stage that it was first in, and last; NULL: in none of which there is a copy */
    const Func *first_func, *last_func; /* the function then */
    int born, died;                     /* those stages */
    ValueId now;                        /* after all passes; IR_NONE: gone */
    uint32_t
        stands; /* number of what stands for it after all passes: itself, another; IR_NONE: nothing does */
} PastValue;

typedef struct {
    const Inspection *inspection;
    uint32_t func;     /* Module.funcs of inspection->func, which is Remark.func */
    PastValue *values; /* by number */
    uint32_t count;
    const Node **const *nodes; /* by stage and number; NULL: not then, or no copy of the stage */
    /* The remarks of the function's values, by number and then in their order: their numbers in Remarks.items. */
    const uint32_t *first_remark, *next_remark; /* next: by number of a remark; IR_NONE: none */
} History;

/* In inspection->arena. Copies of all stages should have been kept. */
const History *history_make(const Inspection *inspection);
/* NULL: there never was such a value. */
const PastValue *history_value(const History *history, uint32_t number);
/* The value as a stage had it; NULL: not then. */
const Node *history_node(const History *history, uint32_t number, int stage);

#endif
