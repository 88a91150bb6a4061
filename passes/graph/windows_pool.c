/* Pools, and windows side by side: see windows.h. */
#include "passes/graph/windows_parts.h"

/* ---- unfold, fold ------------------------------------------------------------------------------------------------ */

static ValueId padded_channels_first(Func *func, ValueId x, const Ints *padding) {
    for (int i = 0; i < 2; i++) x = widen_axis(func, x, 2 + i, padding->v[i], padding->v[i], 0);
    return x;
}

ValueId expand_unfold(Windows *w, const Node *node, const ValueId *x) {
    Func *func = w->func;
    const UnfoldAttrs *of = unfold_attrs(node);
    ValueId y = padded_channels_first(func, x[0], &of->padding);
    y = cut_windows(func, y, 2, of->kernel.v[0], of->stride.v[0]);
    y = cut_windows(func, y, 4, of->kernel.v[1], of->stride.v[1]);
    y = ir_transpose(func, y, (int64_t[]){0, 2, 4, 1, 3, 5});
    return ir_reshape(func, y, 3, node->type.dim);
}

ValueId expand_fold(Windows *w, const Node *node, const ValueId *x) {
    Func *func = w->func;
    const FoldAttrs *of = fold_attrs(node);
    int64_t size[2], out[2];
    for (int i = 0; i < 2; i++) {
        size[i] = of->size.v[i] + 2 * of->padding.v[i];
        out[i] = (size[i] - of->kernel.v[i]) / of->stride.v[i] + 1;
    }
    const int64_t *dim = node->type.dim, *kernel = of->kernel.v;
    ValueId y = ir_reshape(func, x[0], 6, (int64_t[]){dim[0], out[0], out[1], dim[1], kernel[0], kernel[1]});
    y = ir_transpose(func, y, (int64_t[]){0, 3, 1, 4, 2, 5});
    y = add_windows(func, y, 4, of->stride.v[1], size[1]);
    y = add_windows(func, y, 2, of->stride.v[0], size[0]);
    for (int i = 0; i < 2; i++) y = widen_axis(func, y, 2 + i, -of->padding.v[i], -of->padding.v[i], 0);
    return y;
}

/* ---- the largest of windows -------------------------------------------------------------------------------------- */

/* Along one axis: the largest of shifted slices. */
static ValueId largest_along(Func *func, ValueId x, int axis, int64_t kernel, int64_t stride) {
    int64_t last = (func_type(func, x)->dim[axis] - kernel) / stride * stride;
    ValueId y = IR_NONE;
    for (int64_t i = 0; i < kernel; i++) {
        ValueId part = along_axis(func, x, axis, i, i + last + 1, stride);
        y = i ? ir_binary(func, OP_max, y, part) : part;
    }
    return y;
}

ValueId expand_max_pool(Windows *w, const Node *node, const ValueId *x) {
    const UnfoldAttrs *of = unfold_attrs(node);
    ValueId y = padded_image(w->func, channels_last(w, x[0]), &of->padding, lowest_of(&node->type));
    for (int i = 1; i >= 0; i--) y = largest_along(w->func, y, 1 + i, of->kernel.v[i], of->stride.v[i]);
    return with_twin(w, y);
}

/* The gradient of one axis pair: pixels [B, rows, s, columns, s, C] of windows that begin `a` rows before. */
typedef struct {
    int64_t kernel, stride, windows, shifts; /* shifts: of how many windows a pixel is part, at most */
} PoolAxis;

static ValueId pool_part(Func *func, ValueId image, ValueId y, ValueId share, const PoolAxis axes[2],
                         const int64_t shift[2]) {
    int64_t limits[2];
    for (int i = 0; i < 2; i++) { /* elements of a window that lie so many rows behind its first */
        limits[i] = axes[i].kernel - shift[i] * axes[i].stride;
        if (limits[i] > axes[i].stride) limits[i] = axes[i].stride;
        image = along_axis(func, image, 1 + 2 * i, shift[i], shift[i] + axes[i].windows, 1);
        image = along_axis(func, image, 2 + 2 * i, 0, limits[i], 1);
    }
    ValueId zero = ir_constant(func, 0, (DType)func_type(func, share)->dtype);
    ValueId part = ir_select(func, ir_binary(func, OP_eq, image, y), share, zero);
    for (int i = 0; i < 2; i++) {
        part = widen_axis(func, part, 2 + 2 * i, 0, axes[i].stride - limits[i], 0);
        part = widen_axis(func, part, 1 + 2 * i, shift[i], axes[i].shifts - 1 - shift[i], 0);
    }
    return part;
}

/* How many elements of each window are its largest, [B, OH, OW, C]. */
static ValueId ties_of(Func *func, ValueId image, ValueId y, const UnfoldAttrs *of) {
    const Type type = *func_type(func, y);
    ValueId count = IR_NONE;
    for (int64_t i = 0; i < of->kernel.v[0]; i++)
        for (int64_t j = 0; j < of->kernel.v[1]; j++) {
            int64_t last[] = {(type.dim[1] - 1) * of->stride.v[0], (type.dim[2] - 1) * of->stride.v[1]};
            ValueId x = along_axis(func, image, 1, i, i + last[0] + 1, of->stride.v[0]);
            x = along_axis(func, x, 2, j, j + last[1] + 1, of->stride.v[1]);
            ValueId equal = ir_cast(func, ir_binary(func, OP_eq, x, y), (DType)type.dtype);
            count = count == IR_NONE ? equal : ir_binary(func, OP_add, count, equal);
        }
    return count;
}

ValueId expand_max_pool_grad(Windows *w, const Node *node, const ValueId *x) {
    Func *func = w->func;
    const UnfoldAttrs *of = unfold_attrs(node);
    const int64_t *dim = node->type.dim;
    ValueId image = padded_image(func, channels_last(w, x[0]), &of->padding, lowest_of(&node->type));
    ValueId y = channels_last(w, x[1]), dy = channels_last(w, x[2]), sum = IR_NONE;
    ValueId share = ir_binary(func, OP_div, dy, ties_of(func, image, y, of));
    const Type out = *func_type(func, y);
    PoolAxis axes[2];
    int64_t shape[] = {dim[0], 0, of->stride.v[0], 0, of->stride.v[1], dim[1]};
    for (int i = 0; i < 2; i++) {
        int64_t stride = of->stride.v[i], kernel = of->kernel.v[i], size = dim[2 + i] + 2 * of->padding.v[i];
        axes[i] = (PoolAxis){kernel, stride, out.dim[1 + i], (kernel + stride - 1) / stride};
        shape[1 + 2 * i] = axes[i].windows + axes[i].shifts - 1;
        image = widen_axis(func, image, 1 + i, 0, shape[1 + 2 * i] * stride - size, 0);
    }
    image = ir_reshape(func, image, 6, shape);
    int64_t windows[] = {dim[0], out.dim[1], 1, out.dim[2], 1, dim[1]}, shift[2];
    y = ir_reshape(func, y, 6, windows);
    share = ir_reshape(func, share, 6, windows);
    for (shift[0] = 0; shift[0] < axes[0].shifts; shift[0]++)
        for (shift[1] = 0; shift[1] < axes[1].shifts; shift[1]++) {
            ValueId part = pool_part(func, image, y, share, axes, shift);
            sum = sum == IR_NONE ? part : ir_binary(func, OP_add, sum, part);
        }
    int64_t rows = shape[1] * shape[2], columns = shape[3] * shape[4];
    ValueId dx = ir_reshape(func, sum, 4, (int64_t[]){dim[0], rows, columns, dim[1]});
    const int64_t *pad = of->padding.v;
    dx = widen_axis(func, dx, 1, -pad[0], dim[2] + pad[0] - rows, 0);
    dx = widen_axis(func, dx, 2, -pad[1], dim[3] + pad[1] - columns, 0);
    return with_twin(w, dx);
}
