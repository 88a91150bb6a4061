/* Builtins of windows of images [B, C, H, W]: unfold, fold, pools, convolution. */
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

FUNCTION(b_max_pool) {
    UNUSED;
    UnfoldAttrs attrs = {0};
    ValueId x;
    Type type;
    if (!reals_of(e, at->loc, &args[0], &x, &type) ||
        !pair_of(e, at->loc, &args[1], "kernel", &attrs.kernel) ||
        !pair_of(e, at->loc, &args[2], "stride", &attrs.stride) ||
        !pair_of(e, at->loc, &args[3], "padding", &attrs.padding))
        return (Value){0};
    return value_tensor(e, at->loc, func_emit(e->func, OP_max_pool, &x, 1, &attrs));
}

/* ---- convolution ------------------------------------------------------------------------------------------------- */

/* x [B, C, H, W] and w [O, C/groups, KH, KW], as PyTorch has them. */
typedef struct {
    Evaluator *e;
    ValueId x, w;
    Type image, weight;
    Ints stride, padding;
    int64_t groups;
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
    }
    if (c->image.dtype != c->weight.dtype) { /* f32, unless both are f64 */
        c->x = ir_cast(e->func, c->x, DT_F32);
        c->w = ir_cast(e->func, c->w, DT_F32);
    }
    return true;
}

FUNCTION(b_conv2d) {
    UNUSED;
    Convolution c;
    if (!convolution_of(e, at, args, &c)) return (Value){0};
    ConvAttrs attrs = {.stride = c.stride, .padding = c.padding, .groups = c.groups};
    return value_tensor(e, at->loc, func_emit(e->func, OP_conv2d, (ValueId[]){c.x, c.w}, 2, &attrs));
}
