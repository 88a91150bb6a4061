/* Convolutions as products with windows: see windows.h. */
#include "passes/graph/windows_parts.h"

#include <string.h>

enum { FEW = 4 }; /* channels of a group, of which products would have little to share */

Windows windows_begin(Func *func, Arena *arena) {
    return (Windows){.func = func, .arena = arena};
}

/* w [O, C/groups, KH, KW] as [groups, O/groups, KH·KW·C/groups], for contract_windows. */
static ValueId filters_of(Func *func, ValueId w, int64_t groups) {
    const Type t = *func_type(func, w);
    int64_t k = t.dim[1] * t.dim[2] * t.dim[3];
    w = ir_transpose(func, w, TO_LAST);
    if (groups == 1) return ir_reshape(func, w, 2, (int64_t[]){t.dim[0], k});
    return ir_reshape(func, w, 3, (int64_t[]){groups, t.dim[0] / groups, k});
}

/* Whether windows of several pixels follow each other without a gap, so that they are a mere view of images in any
 * order. */
static bool tiles_image(const Type *image, const Type *weight, const ConvAttrs *of) {
    bool tiles = of->groups == 1 && weight->dim[2] * weight->dim[3] > 1;
    for (int i = 0; i < 2; i++)
        tiles = tiles && of->padding.v[i] == 0 && of->stride.v[i] == weight->dim[2 + i] &&
                image->dim[2 + i] % weight->dim[2 + i] == 0;
    return tiles;
}

/* Tiles of [B, C, H, W] as rows [B·OH·OW, C·KH·KW], in the order of a filter. */
static ValueId tile_rows(Func *func, ValueId x, const Type *weight) {
    const Type t = *func_type(func, x);
    int64_t kh = weight->dim[2], kw = weight->dim[3], oh = t.dim[2] / kh, ow = t.dim[3] / kw;
    x = ir_reshape(func, x, 6, (int64_t[]){t.dim[0], t.dim[1], oh, kh, ow, kw});
    x = ir_transpose(func, x, (int64_t[]){0, 2, 4, 1, 3, 5});
    return ir_reshape(func, x, 2, (int64_t[]){t.dim[0] * oh * ow, t.dim[1] * kh * kw});
}

static Filter filter_of(const Type *weight, const ConvAttrs *of) {
    return (Filter){{weight->dim[2], weight->dim[3]}, {of->stride.v[0], of->stride.v[1]}, of->groups};
}

static ValueId expand_conv2d(Windows *w, const Node *node, const ValueId *x) {
    Func *func = w->func;
    const ConvAttrs *of = conv_attrs(node);
    const Type image = *func_type(func, x[0]), weight = *func_type(func, x[1]);
    if (tiles_image(&image, &weight, of) && lies_channels_first(w, x[0])) {
        int64_t filters[] = {weight.dim[0], weight.dim[1] * weight.dim[2] * weight.dim[3]};
        ValueId rows = tile_rows(func, x[0], &weight);
        ValueId y = ir_matmul(func, rows, ir_reshape(func, x[1], 2, filters), false, true);
        const int64_t *dim = node->type.dim;
        return with_twin(w, ir_reshape(func, y, 4, (int64_t[]){dim[0], dim[2], dim[3], dim[1]}));
    }
    Filter kernel = filter_of(&weight, of);
    ValueId t = padded_image(func, channels_last(w, x[0]), &of->padding, 0);
    return with_twin(w, contract_windows(func, t, &kernel, filters_of(func, x[1], of->groups)));
}

/* dyᵀ · windows */
static ValueId expand_conv2d_weight(Windows *w, const Node *node, const ValueId *x) {
    Func *func = w->func;
    const ConvAdjointAttrs *adjoint = conv_adjoint_attrs(node);
    ConvAttrs of = {.stride = adjoint->stride, .padding = adjoint->padding, .groups = adjoint->groups};
    const Type image = *func_type(func, x[0]), weight = node->type;
    bool tiles = tiles_image(&image, &weight, &of) && lies_channels_first(w, x[0]);
    ValueId dy = channels_last(w, x[1]), rows;
    int64_t out[3], g = of.groups, n = weight.dim[0] / g;
    Filter kernel = filter_of(&weight, &of);
    if (tiles)
        rows = tile_rows(func, x[0], &weight);
    else
        rows = window_rows(func, padded_image(func, channels_last(w, x[0]), &of.padding, 0), &kernel, out);
    int64_t m = type_elements(func_type(func, dy)) / weight.dim[0];
    dy = ir_reshape(func, dy, 2, (int64_t[]){m, weight.dim[0]});
    if (g > 1) dy = ir_transpose(func, ir_reshape(func, dy, 3, (int64_t[]){m, g, n}), (int64_t[]){1, 0, 2});
    ValueId dw = ir_matmul(func, dy, rows, true, false);
    if (tiles) return ir_reshape(func, dw, 4, weight.dim);
    dw = ir_reshape(func, dw, 4, (int64_t[]){weight.dim[0], weight.dim[2], weight.dim[3], weight.dim[1]});
    return ir_transpose(func, dw, TO_FIRST);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* Whether a convolution stays an operator, computed by a C function. */
static bool stays(const Func *func, const Node *node, const ValueId *x) {
    bool of_weight = node->op == OP_conv2d_weight;
    int64_t groups = node->op == OP_conv2d ? conv_attrs(node)->groups : conv_adjoint_attrs(node)->groups;
    const Type *weight = of_weight ? &node->type : func_type(func, x[1]);
    return groups > 1 && weight->dim[1] <= FEW && node->type.dtype == DT_F32;
}

static ValueId expand_convolution(Windows *w, const Node *node, const ValueId *x) {
    if (stays(w->func, node, x)) return IR_NONE;
    return node->op == OP_conv2d         ? expand_conv2d(w, node, x)
           : node->op == OP_conv2d_image ? expand_conv2d_image(w, node, x)
                                         : expand_conv2d_weight(w, node, x);
}

ValueId windows_expand(Windows *w, const Node *node, const ValueId *x) {
    static ValueId (*const RULES[OP_COUNT])(Windows *, const Node *, const ValueId *) = {
        [OP_conv2d] = expand_convolution,
        [OP_conv2d_image] = expand_convolution,
        [OP_conv2d_weight] = expand_convolution,
        [OP_unfold] = expand_unfold,
        [OP_fold] = expand_fold,
        [OP_max_pool] = expand_max_pool,
        [OP_max_pool_grad] = expand_max_pool_grad,
    };
    return RULES[node->op] ? RULES[node->op](w, node, x) : in_twins(w, node, x);
}
