/* Builtins of windows of images [B, C, H, W]: unfold, fold, convolution. */
#include "frontend/builtins/builtins.h"

/* One number for both directions, or two. */
static bool pair_of(Evaluator *e, Loc loc, const Value *v, const char *what, Ints *out) {
    out->n = 2;
    if (is_list(v) && v->count == 2)
        return int_of(e, loc, &v->items[0], what, &out->v[0]) &&
               int_of(e, loc, &v->items[1], what, &out->v[1]);
    bool good = int_of(e, loc, v, what, &out->v[0]);
    out->v[1] = out->v[0];
    return good;
}

FUNCTION(b_unfold) {
    UNUSED;
    UnfoldAttrs attrs = {0};
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    if (x == IR_NONE || !pair_of(e, at->loc, &args[1], "kernel", &attrs.kernel) ||
        !pair_of(e, at->loc, &args[2], "stride", &attrs.stride) ||
        !pair_of(e, at->loc, &args[3], "padding", &attrs.padding))
        return (Value){0};
    return value_tensor(e, at->loc, func_emit(e->func, OP_unfold, &x, 1, &attrs));
}

FUNCTION(b_fold) {
    UNUSED;
    FoldAttrs attrs = {0};
    ValueId x = tensor_of(e, at->loc, &args[0], DT_F32);
    if (x == IR_NONE || !pair_of(e, at->loc, &args[1], "size", &attrs.size) ||
        !pair_of(e, at->loc, &args[2], "kernel", &attrs.kernel) ||
        !pair_of(e, at->loc, &args[3], "stride", &attrs.stride) ||
        !pair_of(e, at->loc, &args[4], "padding", &attrs.padding))
        return (Value){0};
    return value_tensor(e, at->loc, func_emit(e->func, OP_fold, &x, 1, &attrs));
}

/* ---- convolution ------------------------------------------------------------------------------------------------- */

/* x [B, C, H, W] and w [O, C/groups, KH, KW], as PyTorch has them; out: [OH, OW]. */
typedef struct {
    Evaluator *e;
    ValueId x, w;
    Type image, weight;
    Ints stride, padding;
    int64_t groups, out[2];
} Convolution;

static bool refuse_convolution(Evaluator *e, Loc loc, const Convolution *c, const char *why) {
    eval_error(e, loc,
               "conv2d wants images [B, C, H, W] and weights [O, C/groups, KH, KW]: %s (%s, %s, groups %lld)",
               why, type_text(e->arena, &c->image), type_text(e->arena, &c->weight), (long long)c->groups);
    return false;
}

static bool convolution_of(Evaluator *e, const Expr *at, const Value *args, Convolution *c) {
    *c = (Convolution){.e = e};
    if (!reals_of(e, at->loc, &args[0], &c->x, &c->image) ||
        !reals_of(e, at->loc, &args[1], &c->w, &c->weight) ||
        !pair_of(e, at->loc, &args[2], "stride", &c->stride) ||
        !pair_of(e, at->loc, &args[3], "padding", &c->padding) ||
        !int_of(e, at->loc, &args[4], "groups", &c->groups))
        return false;
    if (c->image.rank != 4 || c->weight.rank != 4)
        return refuse_convolution(e, at->loc, c, "both have four axes");
    int64_t channels = c->image.dim[1], outputs = c->weight.dim[0];
    if (c->groups < 1 || channels % c->groups || outputs % c->groups)
        return refuse_convolution(e, at->loc, c, "groups divide the channels on both sides");
    if (c->weight.dim[1] != channels / c->groups)
        return refuse_convolution(e, at->loc, c, "the weight's second axis is the channels of a group");
    for (int i = 0; i < 2; i++) {
        int64_t stride = c->stride.v[i], padding = c->padding.v[i];
        if (stride < 1 || padding < 0 || padding > IR_MAX_ELEMENTS)
            return refuse_convolution(e, at->loc, c, "strides are 1 or more, padding 0 or more");
        int64_t room = c->image.dim[2 + i] + 2 * padding - c->weight.dim[2 + i];
        if (room < 0) return refuse_convolution(e, at->loc, c, "the window is larger than the padded image");
        c->out[i] = room / stride + 1;
    }
    if (c->image.dtype != c->weight.dtype) { /* f32, unless both are f64 */
        c->x = ir_cast(e->func, c->x, DT_F32);
        c->w = ir_cast(e->func, c->w, DT_F32);
    }
    return true;
}

/* Windows as rows: [B·OH·OW, C·KH·KW]. Where they do not overlap they are a mere view of the image. */
static ValueId windows_of(const Convolution *c) {
    Func *func = c->e->func;
    const int64_t *n = c->image.dim, *kernel = c->weight.dim + 2;
    int64_t rows[] = {n[0] * c->out[0] * c->out[1], n[1] * kernel[0] * kernel[1]};
    bool apart = true;
    for (int i = 0; i < 2; i++)
        apart = apart && c->padding.v[i] == 0 && c->stride.v[i] == kernel[i] && n[2 + i] % kernel[i] == 0;
    if (apart) {
        int64_t tiles[] = {n[0], n[1], c->out[0], kernel[0], c->out[1], kernel[1]};
        ValueId x = ir_transpose(func, ir_reshape(func, c->x, 6, tiles), (int64_t[]){0, 2, 4, 1, 3, 5});
        return ir_reshape(func, x, 2, rows);
    }
    UnfoldAttrs attrs = {.kernel = {2, {kernel[0], kernel[1]}}, .stride = c->stride, .padding = c->padding};
    return ir_reshape(func, func_emit(func, OP_unfold, &c->x, 1, &attrs), 2, rows);
}

/* Windows times weights, for each group. */
static ValueId by_products(const Convolution *c) {
    Func *func = c->e->func;
    const int64_t *n = c->image.dim, *w = c->weight.dim;
    int64_t groups = c->groups, area = c->out[0] * c->out[1], depth = w[1] * w[2] * w[3],
            outputs = w[0] / groups;
    ValueId x = windows_of(c), y;
    if (groups == 1) {
        y = ir_matmul(func, x, ir_reshape(func, c->w, 2, (int64_t[]){w[0], depth}), false, true);
        y = ir_transpose(func, ir_reshape(func, y, 3, (int64_t[]){n[0], area, w[0]}), (int64_t[]){0, 2, 1});
    } else {
        x = ir_reshape(func, x, 3, (int64_t[]){n[0] * area, groups, depth});
        x = ir_transpose(func, x, (int64_t[]){1, 0, 2});
        y = ir_matmul(func, x, ir_reshape(func, c->w, 3, (int64_t[]){groups, outputs, depth}), false, true);
        y = ir_reshape(func, y, 4, (int64_t[]){groups, n[0], area, outputs});
        y = ir_transpose(func, y, (int64_t[]){1, 0, 3, 2});
    }
    return ir_reshape(func, y, 4, (int64_t[]){n[0], w[0], c->out[0], c->out[1]});
}

enum { FEW = 4 }; /* channels of a group, of which products would have little to share */

FUNCTION(b_conv2d) {
    UNUSED;
    Convolution c;
    if (!convolution_of(e, at, args, &c)) return (Value){0};
    bool few = c.groups > 1 && c.weight.dim[1] <= FEW;
    ConvAttrs attrs = {.stride = c.stride, .padding = c.padding, .groups = c.groups};
    return value_tensor(
        e, at->loc, few ? func_emit(e->func, OP_conv2d, (ValueId[]){c.x, c.w}, 2, &attrs) : by_products(&c));
}
