/* Shape rules of windows, pools and convolutions. */
#include "ir/graph/shape.h"

bool shape_windows(ShapeRule *r) {
    const Type *x = r->x[0];
    const WindowsAttrs *of = windows_attrs(r->node);
    if (x->rank >= IR_MAX_RANK || of->axis < 0 || of->axis >= x->rank)
        return refuse(r, "has no axis %lld of %s that could become two", (long long)of->axis, show(x));
    int64_t n = x->dim[of->axis];
    if (of->size < 1 || of->stride < 1 || of->size > n)
        return refuse(r, "windows of %lld, %lld apart, do not fit a size of %lld", (long long)of->size,
                      (long long)of->stride, (long long)n);
    *r->out = *x;
    r->out->rank++;
    for (int k = x->rank; k > of->axis + 1; k--) r->out->dim[k] = x->dim[k - 1];
    r->out->dim[of->axis] = (n - of->size) / of->stride + 1;
    r->out->dim[of->axis + 1] = of->size;
    return true;
}

static bool windows(ShapeRule *r, int64_t h, int64_t w, const UnfoldAttrs *windows, int64_t out[2]) {
    const Ints *kernel = &windows->kernel, *stride = &windows->stride, *pad = &windows->padding;
    if (kernel->n != 2 || stride->n != 2 || pad->n != 2)
        return refuse(r, "wants two numbers for kernel, stride, padding");
    int64_t size[2] = {h, w};
    for (int i = 0; i < 2; i++) {
        int64_t most = IR_MAX_ELEMENTS, room = -1;
        bool small = size[i] <= most && kernel->v[i] <= most && stride->v[i] <= most && pad->v[i] <= most;
        if (small && pad->v[i] >= 0) room = size[i] + 2 * pad->v[i] - kernel->v[i];
        if (size[i] < 1 || kernel->v[i] < 1 || stride->v[i] < 1 || room < 0)
            return refuse(r, "window %lld, stride %lld, padding %lld do not fit a size of %lld",
                          (long long)kernel->v[i], (long long)stride->v[i], (long long)pad->v[i],
                          (long long)size[i]);
        out[i] = room / stride->v[i] + 1;
    }
    return true;
}

bool shape_unfold(ShapeRule *r) {
    const Type *x = r->x[0];
    int64_t n[2];
    if (x->rank != 4) return refuse(r, "wants [batch, channels, height, width], not %s", show(x));
    if (!windows(r, x->dim[2], x->dim[3], unfold_attrs(r->node), n)) return false;
    const Ints *kernel = &unfold_attrs(r->node)->kernel;
    *r->out = type_make((DType)x->dtype, 3,
                        (int64_t[]){x->dim[0], size_mul(n[0], n[1]),
                                    size_mul(x->dim[1], size_mul(kernel->v[0], kernel->v[1]))});
    return true;
}

/* Of an image x [B, C, H, W], what its windows are pooled to. */
static bool pooled(ShapeRule *r, const Type *x, Type *out) {
    const UnfoldAttrs *of = unfold_attrs(r->node);
    int64_t n[2];
    if (x->rank != 4 || !dtype_is_float((DType)x->dtype))
        return refuse(r, "wants reals [batch, channels, height, width], not %s", show(x));
    if (!windows(r, x->dim[2], x->dim[3], of, n)) return false;
    for (int i = 0; i < 2; i++)
        if (of->padding.v[i] >= of->kernel.v[i])
            return refuse(r, "with a padding of %lld a window of %lld may have nothing of the image",
                          (long long)of->padding.v[i], (long long)of->kernel.v[i]);
    *out = type_make((DType)x->dtype, 4, (int64_t[]){x->dim[0], x->dim[1], n[0], n[1]});
    return true;
}

bool shape_max_pool(ShapeRule *r) {
    return pooled(r, r->x[0], r->out);
}

bool shape_max_pool_grad(ShapeRule *r) {
    Type y;
    if (!pooled(r, r->x[0], &y)) return false;
    *r->out = *r->x[0];
    for (int o = 1; o < 3; o++)
        if (!type_equal(r->x[o], &y))
            return refuse(r, "%s is not what %s is pooled to", show(r->x[o]), show(r->x[0]));
    return true;
}

bool shape_fold(ShapeRule *r) {
    const Type *x = r->x[0];
    const Ints *size = &fold_attrs(r->node)->size, *kernel = &fold_attrs(r->node)->kernel;
    int64_t n[2];
    if (x->rank != 3 || size->n != 2 || x->dtype == DT_BOOL)
        return refuse(r, "wants numbers [batch, windows, channels·kernel], not %s", show(x));
    const FoldAttrs *fold = fold_attrs(r->node);
    UnfoldAttrs of = {.kernel = fold->kernel, .stride = fold->stride, .padding = fold->padding};
    if (!windows(r, size->v[0], size->v[1], &of, n)) return false;
    int64_t area = size_mul(kernel->v[0], kernel->v[1]);
    if (x->dim[1] != size_mul(n[0], n[1]) || x->dim[2] % area)
        return refuse(r, "%s does not hold the %lld windows of %lld elements", show(x),
                      (long long)size_mul(n[0], n[1]), (long long)area);
    *r->out = type_make((DType)x->dtype, 4, (int64_t[]){x->dim[0], x->dim[2] / area, size->v[0], size->v[1]});
    return true;
}

/* Of a convolution of image with weight to out, whose sizes along h and w are out[0], out[1]. */
static bool convolved(ShapeRule *r, const Type *image, const Type *weight, const ConvAttrs *of,
                      int64_t out[2]) {
    int64_t groups = of->groups;
    if (image->rank != 4 || weight->rank != 4 || image->dtype != weight->dtype ||
        !dtype_is_float(image->dtype))
        return refuse(r, "wants reals of four axes, not %s and %s", show(image), show(weight));
    if (groups < 1 || image->dim[1] % groups || weight->dim[0] % groups ||
        weight->dim[1] != image->dim[1] / groups)
        return refuse(r, "%s and %s do not go together in %lld groups", show(image), show(weight),
                      (long long)groups);
    UnfoldAttrs all = {
        .kernel = {2, {weight->dim[2], weight->dim[3]}}, .stride = of->stride, .padding = of->padding};
    return windows(r, image->dim[2], image->dim[3], &all, out);
}

bool shape_conv2d(ShapeRule *r) {
    int64_t out[2];
    if (!convolved(r, r->x[0], r->x[1], conv_attrs(r->node), out)) return false;
    *r->out =
        type_make((DType)r->x[0]->dtype, 4, (int64_t[]){r->x[0]->dim[0], r->x[1]->dim[0], out[0], out[1]});
    return true;
}

/* The adjoints: `out` is what the convolution of image and weight gives. */
static bool adjoint(ShapeRule *r, const Type *image, const Type *weight, const Type *out) {
    const ConvAdjointAttrs *of = conv_adjoint_attrs(r->node);
    ConvAttrs attrs = {.stride = of->stride, .padding = of->padding, .groups = of->groups};
    int64_t size[2];
    if (!convolved(r, image, weight, &attrs, size)) return false;
    if (out->rank == 4 && out->dtype == image->dtype && out->dim[0] == image->dim[0] &&
        out->dim[1] == weight->dim[0] && out->dim[2] == size[0] && out->dim[3] == size[1])
        return true;
    return refuse(r, "%s is not what %s and %s are convolved to", show(out), show(image), show(weight));
}

static bool takes_four_axes(ShapeRule *r) {
    const ConvAdjointAttrs *of = conv_adjoint_attrs(r->node);
    return (r->x[0]->rank == 4 && r->x[1]->rank == 4 && of->size.n == 2 && of->groups >= 1) ||
           refuse(r, "wants two sizes, and groups, for %s and %s", show(r->x[0]), show(r->x[1]));
}

bool shape_conv2d_image(ShapeRule *r) {
    if (!takes_four_axes(r)) return false;
    const Type *out = r->x[0], *weight = r->x[1];
    const ConvAdjointAttrs *of = conv_adjoint_attrs(r->node);
    *r->out = type_make(
        (DType)out->dtype, 4,
        (int64_t[]){out->dim[0], size_mul(weight->dim[1], of->groups), of->size.v[0], of->size.v[1]});
    return adjoint(r, r->out, weight, out);
}

bool shape_conv2d_weight(ShapeRule *r) {
    if (!takes_four_axes(r)) return false;
    const Type *image = r->x[0], *out = r->x[1];
    const ConvAdjointAttrs *of = conv_adjoint_attrs(r->node);
    *r->out = type_make((DType)image->dtype, 4,
                        (int64_t[]){out->dim[1], image->dim[1] / of->groups, of->size.v[0], of->size.v[1]});
    return adjoint(r, image, r->out, out);
}
