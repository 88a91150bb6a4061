/* Convolutions, pools, unfold and fold in terms of what kernels know, for pass `expand`: products whose operand is
 * windows of an image, which they read as an index map (operator `windows`), sums and largest elements of shifted
 * slices. No value with all windows of an image side by side is made of a convolution or of its gradients.
 *
 * Images are convolved channels last [B, H, W, C], where what a window takes of a row lies side by side. What is
 * computed element by element from a result goes on in that order, so that it meets the next convolution without a
 * transposition (twins). */
#ifndef VITC_PASSES_GRAPH_WINDOWS_H
#define VITC_PASSES_GRAPH_WINDOWS_H

#include "ir/ir.h"

/* Of the function being rewritten. A value [B, C, H, W] may have a twin, the same elements as [B, H, W, C]. */
typedef struct {
    Func *func;
    Arena *arena;
    ValueId *twins; /* by value of the new function; IR_NONE: it has none */
    size_t n_twins, twins_capacity;
    bool any; /* a value has one */
} Windows;

Windows windows_begin(Func *func, Arena *arena);
/* The value of the node in the new function, where its operands are x; IR_NONE: it is as it was. */
ValueId windows_expand(Windows *windows, const Node *node, const ValueId *x);

#endif
