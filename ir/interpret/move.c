/* The meaning of moves: elements carried to other places, by walks that follow the operand or the result. */
#include "ir/interpret/eval.h"

#include <math.h>
#include <string.h>

/* y[i] = x at the walk's place, over the result. */
static bool follow(Eval *eval, Walk walk) {
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++, walk_step(&walk))
        eval->y[i] = eval->x[0][walk.at];
    return true;
}

bool eval_reshape(Eval *eval) {
    memcpy(eval->y, eval->x[0], sizeof *eval->y * (size_t)type_elements(eval->type[0]));
    return true;
}

bool eval_transpose(Eval *eval) {
    Walk walk = walk_over(&eval->node->type);
    int64_t stride[IR_MAX_RANK];
    strides_of(eval->type[0], stride);
    for (int k = 0; k < walk.rank; k++) walk.stride[k] = stride[transpose_attrs(eval->node)->perm.v[k]];
    return follow(eval, walk);
}

bool eval_broadcast(Eval *eval) {
    return follow(eval, walk_broadcast(&eval->node->type, eval->type[0]));
}

bool eval_slice(Eval *eval) {
    Walk walk = walk_over(&eval->node->type);
    int64_t stride[IR_MAX_RANK];
    strides_of(eval->type[0], stride);
    for (int k = 0; k < walk.rank; k++) {
        walk.at += slice_attrs(eval->node)->start.v[k] * stride[k];
        walk.stride[k] = slice_attrs(eval->node)->step.v[k] * stride[k];
    }
    return follow(eval, walk);
}

bool eval_windows(Eval *eval) {
    const WindowsAttrs *of = windows_attrs(eval->node);
    Walk walk = walk_over(&eval->node->type);
    int64_t stride[IR_MAX_RANK];
    strides_of(eval->type[0], stride);
    for (int k = 0; k < walk.rank; k++) walk.stride[k] = stride[k - (k > of->axis)];
    walk.stride[of->axis] *= of->stride;
    return follow(eval, walk);
}

/* Copies x into the result from the given start. */
static void place(Eval *eval, int operand, const int64_t *start) {
    const Type *x = eval->type[operand];
    Walk walk = walk_over(x);
    int64_t stride[IR_MAX_RANK];
    strides_of(&eval->node->type, stride);
    for (int k = 0; k < walk.rank; k++) {
        walk.at += start[k] * stride[k];
        walk.stride[k] = stride[k];
    }
    for (int64_t i = 0; i < type_elements(x); i++, walk_step(&walk)) eval->y[walk.at] = eval->x[operand][i];
}

bool eval_pad(Eval *eval) {
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) eval->y[i] = pad_attrs(eval->node)->value;
    place(eval, 0, pad_attrs(eval->node)->low.v);
    return true;
}

bool eval_concat(Eval *eval) {
    int64_t axis = axis_from_front(concat_attrs(eval->node)->axis, eval->node->type.rank);
    int64_t start[IR_MAX_RANK] = {0};
    for (int o = 0; o < eval->node->n_operands; o++) {
        place(eval, o, start);
        start[axis] += eval->type[o]->dim[axis];
    }
    return true;
}

/* ---- rows by index ----------------------------------------------------------------------------------------------- */

/* x as [batch, n, row], the indices as [batch, k]. */
typedef struct {
    int64_t batch, n, row, k;
} Rows;

static Rows rows_of(const Eval *eval) {
    const Type *x = eval->type[0];
    int batch = (int)indexed_attrs(eval->node)->batch;
    Rows rows = {1, x->dim[batch], 1, 1};
    for (int k = 0; k < batch; k++) rows.batch *= x->dim[k];
    for (int k = batch + 1; k < x->rank; k++) rows.row *= x->dim[k];
    rows.k = type_elements(eval->type[1]) / rows.batch;
    return rows;
}

/* Element of x where index i points; -1: to no row, which then takes no part. */
static int64_t row_at(const Eval *eval, const Rows *rows, int64_t i) {
    double at = eval->x[1][i];
    return at >= 0 && at < (double)rows->n ? (i / rows->k * rows->n + (int64_t)at) * rows->row : -1;
}

bool eval_gather(Eval *eval) {
    Rows rows = rows_of(eval);
    for (int64_t i = 0; i < rows.batch * rows.k; i++) {
        int64_t from = row_at(eval, &rows, i);
        if (from < 0)
            memset(eval->y + i * rows.row, 0, sizeof *eval->y * (size_t)rows.row);
        else
            memcpy(eval->y + i * rows.row, eval->x[0] + from, sizeof *eval->y * (size_t)rows.row);
    }
    return true;
}

static bool scatter(Eval *eval, bool adds) {
    Rows rows = rows_of(eval);
    memcpy(eval->y, eval->x[0], sizeof *eval->y * (size_t)type_elements(eval->type[0]));
    for (int64_t i = 0; i < rows.batch * rows.k; i++) {
        int64_t to = row_at(eval, &rows, i);
        if (to < 0) continue;
        double *y = eval->y + to;
        for (int64_t c = 0; c < rows.row; c++) y[c] = eval->x[2][i * rows.row + c] + (adds ? y[c] : 0);
    }
    return true;
}

bool eval_scatter_add(Eval *eval) {
    return scatter(eval, true);
}

bool eval_scatter(Eval *eval) {
    return scatter(eval, false);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

/* Meets every element of the windows of an image [B, C, H, W] in their order: [B, OH·OW, C·KH·KW]. */
static void meet_windows(const Type *image, const UnfoldAttrs *windows, double *pixels, double *elements,
                         bool fold) {
    int64_t h = image->dim[2], w = image->dim[3];
    const int64_t *kernel = windows->kernel.v, *stride = windows->stride.v, *pad = windows->padding.v;
    int64_t oh = (h + 2 * pad[0] - kernel[0]) / stride[0] + 1,
            ow = (w + 2 * pad[1] - kernel[1]) / stride[1] + 1;
    Type over = {.rank = 6, .dim = {image->dim[0], oh, ow, image->dim[1], kernel[0], kernel[1]}};
    Walk walk = walk_over(&over);
    for (int64_t i = 0; i < type_elements(&over); i++, walk_step(&walk)) {
        int64_t y = walk.index[1] * stride[0] + walk.index[4] - pad[0];
        int64_t x = walk.index[2] * stride[1] + walk.index[5] - pad[1];
        bool inside = y >= 0 && y < h && x >= 0 && x < w;
        double *pixel =
            pixels + (inside ? ((walk.index[0] * image->dim[1] + walk.index[3]) * h + y) * w + x : 0);
        if (!fold)
            elements[i] = inside ? *pixel : 0;
        else if (inside)
            *pixel += elements[i];
    }
}

bool eval_unfold(Eval *eval) {
    meet_windows(eval->type[0], unfold_attrs(eval->node), (double *)eval->x[0], eval->y,
                 false); /* pixels only read */
    return true;
}

bool eval_fold(Eval *eval) {
    memset(eval->y, 0, sizeof *eval->y * (size_t)type_elements(&eval->node->type));
    const FoldAttrs *fold = fold_attrs(eval->node);
    UnfoldAttrs windows = {.kernel = fold->kernel, .stride = fold->stride, .padding = fold->padding};
    meet_windows(&eval->node->type, &windows, eval->y, (double *)eval->x[0], true);
    return true;
}

/* Meets the elements of the windows of each pixel map [H, W] that x, y (and dy, dx) have: sums the gradients of the
 * largest of a window, shared among ties. dx: NULL: y is to be found. */
static void meet_pools(const Type *image, const Type *out, const UnfoldAttrs *windows, const double *x,
                       double *y, const double *dy, double *dx) {
    int64_t h = image->dim[2], w = image->dim[3];
    Walk walk = walk_over(out);
    for (int64_t i = 0; i < type_elements(out); i++, walk_step(&walk)) {
        int64_t top = walk.index[2] * windows->stride.v[0] - windows->padding.v[0];
        int64_t left = walk.index[3] * windows->stride.v[1] - windows->padding.v[1];
        int64_t map = (walk.index[0] * image->dim[1] + walk.index[1]) * h * w, ties = 0;
        if (!dx) y[i] = -INFINITY;
        for (int round = 0; round < (dx ? 2 : 1); round++) /* ties are counted first */
            for (int64_t r = top < 0 ? 0 : top; r < h && r < top + windows->kernel.v[0]; r++)
                for (int64_t c = left < 0 ? 0 : left; c < w && c < left + windows->kernel.v[1]; c++) {
                    int64_t at = map + r * w + c;
                    if (!dx && (x[at] > y[i] || isnan(x[at]))) y[i] = x[at];
                    if (dx && round == 0) ties += x[at] == y[i];
                    if (dx && round == 1 && x[at] == y[i]) dx[at] += dy[i] / (double)ties;
                }
    }
}

bool eval_max_pool(Eval *eval) {
    meet_pools(eval->type[0], &eval->node->type, unfold_attrs(eval->node), eval->x[0], eval->y, NULL, NULL);
    return true;
}

bool eval_max_pool_grad(Eval *eval) {
    memset(eval->y, 0, sizeof *eval->y * (size_t)type_elements(&eval->node->type));
    meet_pools(eval->type[0], eval->type[1], unfold_attrs(eval->node), eval->x[0], (double *)eval->x[1],
               eval->x[2], eval->y); /* operands are only read */
    return true;
}

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

typedef enum { OUT, IMAGE, WEIGHT } Sum;

/* Meets each tap of the convolution of image and weight to out; `sum` tells which of the three gathers the products of
 * the two others. */
static void meet_taps(const Type *image, const Type *weight, const Type *out, const ConvAttrs *of, double *x,
                      double *w, double *y, Sum sum) {
    int64_t channels = weight->dim[1], h = image->dim[2], width = image->dim[3];
    int64_t outputs = out->dim[1] / of->groups;
    Type over = {.rank = 7,
                 .dim = {out->dim[0], out->dim[1], out->dim[2], out->dim[3], channels, weight->dim[2],
                         weight->dim[3]}};
    Walk walk = walk_over(&over);
    memset(sum == OUT     ? y
           : sum == IMAGE ? x
                          : w,
           0,
           sizeof *y * (size_t)type_elements(sum == OUT     ? out
                                             : sum == IMAGE ? image
                                                            : weight));
    for (int64_t i = 0, taps = type_elements(&over) / type_elements(out); i < type_elements(&over);
         i++, walk_step(&walk)) {
        const int64_t *at = walk.index;
        int64_t row = at[2] * of->stride.v[0] + at[5] - of->padding.v[0];
        int64_t column = at[3] * of->stride.v[1] + at[6] - of->padding.v[1];
        if (row < 0 || row >= h || column < 0 || column >= width) continue;
        int64_t channel = at[1] / outputs * channels + at[4];
        double *px = x + ((at[0] * image->dim[1] + channel) * h + row) * width + column;
        double *pw = w + at[1] * taps + i % taps, *py = y + i / taps;
        if (sum == OUT) *py += *px * *pw;
        if (sum == IMAGE) *px += *py * *pw;
        if (sum == WEIGHT) *pw += *px * *py;
    }
}

bool eval_conv2d(Eval *eval) { /* operands are only read */
    meet_taps(eval->type[0], eval->type[1], &eval->node->type, conv_attrs(eval->node), (double *)eval->x[0],
              (double *)eval->x[1], eval->y, OUT);
    return true;
}

static ConvAttrs attrs_of_adjoint(const Eval *eval) {
    const ConvAdjointAttrs *of = conv_adjoint_attrs(eval->node);
    return (ConvAttrs){.stride = of->stride, .padding = of->padding, .groups = of->groups};
}

bool eval_conv2d_image(Eval *eval) {
    ConvAttrs of = attrs_of_adjoint(eval);
    meet_taps(&eval->node->type, eval->type[1], eval->type[0], &of, eval->y, (double *)eval->x[1],
              (double *)eval->x[0], IMAGE);
    return true;
}

bool eval_conv2d_weight(Eval *eval) {
    ConvAttrs of = attrs_of_adjoint(eval);
    meet_taps(eval->type[0], &eval->node->type, eval->type[1], &of, (double *)eval->x[0], eval->y,
              (double *)eval->x[1], WEIGHT);
    return true;
}
