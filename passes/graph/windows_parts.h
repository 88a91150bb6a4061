/* What the files of windows.h share: twins, moves along an axis, products with windows. Functions return values of the
 * function being made. */
#ifndef VITC_PASSES_GRAPH_WINDOWS_PARTS_H
#define VITC_PASSES_GRAPH_WINDOWS_PARTS_H

#include "passes/graph/windows.h"

/* ---- channels_last.c --------------------------------------------------------------------------------------------- */

/* The permutations between the two orders. */
extern const int64_t TO_LAST[4], TO_FIRST[4];
/* [B, C, H, W] as [B, H, W, C], and a value of which that is the twin. */
ValueId channels_last(Windows *w, ValueId x);
ValueId with_twin(Windows *w, ValueId twin);
/* Whether x is known in the order [B, C, H, W] alone. */
bool lies_channels_first(const Windows *w, ValueId x);
/* A node computed element by element, or a reduction, from values with twins: by these. IR_NONE: it is no such node. */
ValueId in_twins(Windows *w, const Node *node, const ValueId *x);

/* ---- windows_moves.c --------------------------------------------------------------------------------------------- */

/* Elements [start, limit) of an axis, every step-th. */
ValueId along_axis(Func *func, ValueId x, int axis, int64_t start, int64_t limit, int64_t step);
/* More elements before and after an axis, or, below 0, fewer. */
ValueId widen_axis(Func *func, ValueId x, int axis, int64_t before, int64_t after, double value);
/* An axis of N becomes [windows, size]. */
ValueId cut_windows(Func *func, ValueId x, int axis, int64_t size, int64_t stride);
/* The adjoint: axes (axis, axis + 1) of windows become one of `size`, in which each element is the sum of those of all
 * windows that it lies in. */
ValueId add_windows(Func *func, ValueId x, int axis, int64_t stride, int64_t size);
/* [B, H, W, C] with a border. */
ValueId padded_image(Func *func, ValueId x, const Ints *padding, double value);

/* What is smaller than all that a pool may meet. */
double lowest_of(const Type *type);

/* ---- windows_product.c ------------------------------------------------------------------------------------------- */

/* Windows of images in which the channels lie last. */
typedef struct {
    int64_t kernel[2], stride[2], groups;
} Filter;

/* [B, H, W, C] as rows for products: [B·OH·OW, KH·KW·C], or [groups, B·OH·OW, KH·KW·C/groups]. *out: the sizes of what
 * the rows are windows of: [B, OH, OW]. */
ValueId window_rows(Func *func, ValueId x, const Filter *of, int64_t out[3]);
/* [B, H, W, C] with filters [groups, N, KH·KW·C/groups] (without the axis of groups where there is one):
 * [B, OH, OW, groups·N]. */
ValueId contract_windows(Func *func, ValueId x, const Filter *of, ValueId filters);

/* ---- the operators ----------------------------------------------------------------------------------------------- */

ValueId expand_conv2d_image(Windows *w, const Node *node, const ValueId *x); /* windows_image.c */
ValueId expand_unfold(Windows *w, const Node *node, const ValueId *x);       /* windows_pool.c */
ValueId expand_fold(Windows *w, const Node *node, const ValueId *x);
ValueId expand_max_pool(Windows *w, const Node *node, const ValueId *x);
ValueId expand_max_pool_grad(Windows *w, const Node *node, const ValueId *x);

#endif
