/* Ranges: what is known of a value's elements without running anything, from constants alone (interval arithmetic,
 * Moore 1966). Inputs and states count as finite and otherwise unknown, and so does what may overflow or may not: only
 * what is NaN or infinite whatever the inputs are is told to be so. 0 · x is 0. */
#ifndef VITC_IR_RANGE_RANGE_H
#define VITC_IR_RANGE_RANGE_H

#include "ir/ir.h"

typedef struct {
    double low,
        high;   /* bounds of the finite elements; both the same infinity or NaN: what every element is */
    bool never; /* every element is NaN or infinite */
    bool some;  /* one element at least is */
} Range;

Range range_of_number(double x, DType dtype); /* as the type holds it */
bool range_is_number(const Range *range);     /* every element is the same, perhaps NaN or infinite */

/* Every element is a number of low … high. */
bool range_is_within(const Range *range, double low, double high);

/* Of a node, from those of its operands; of inputs and states: unknown. */
Range range_of_node(const Func *func, const Node *node, const Range *operands);
/* Of all nodes: what is known of a source is given in `ranges` beforehand where given[id]. */
void range_of_func(const Func *func, const bool *given, Range *ranges);

#endif
