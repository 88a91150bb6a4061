/* Convolutions in place, without windows being copied: for groups of few channels, where a matrix product would have
 * little to share. A row of the image meets one weight at a time, as whole vectors where the stride is 1. Sums are in
 * the order of channels, rows and columns of the kernel, whatever the vectors. See irregular.h. */
#include "runtime/kernels/irregular.h"
#include "runtime/base/simd.h"
#include "runtime/kernels/elements.h"

#include <string.h>

typedef struct {
    int64_t batch, channels, h, w, outputs, kh, kw, sh, sw, ph, pw, oh, ow, groups;
} Shape;

/* Columns [from, to) of the result whose tap at column j of the kernel lies inside the image. */
static inline void columns_of(const Shape *s, int64_t j, int64_t *from, int64_t *to) {
    int64_t left = s->pw - j, right = s->w - 1 + s->pw - j; /* left <= ox·sw <= right */
    *from = left > 0 ? (left + s->sw - 1) / s->sw : 0;
    *to = right < 0 ? 0 : right / s->sw + 1;
    if (*to > s->ow) *to = s->ow;
    if (*to < *from) *to = *from;
}

/* y[i·y_step] += by·x[i·x_step] */
static inline void add_scaled(float *restrict y, int64_t y_step, const float *restrict x, int64_t x_step,
                              float by, int64_t n) {
    if (y_step == 1 && x_step == 1)
        for (int64_t i = 0; i < n; i++) y[i] += by * x[i];
    else
        for (int64_t i = 0; i < n; i++) y[i * y_step] += by * x[i * x_step];
}

/* Rows of one plane y[oh][ow] of the result and one x[h][w] of the image; to_image: x gathers what y has. */
static inline void meet_planes(const Shape *s, float *x, const float *w, float *y, bool to_image) {
    for (int64_t i = 0; i < s->kh; i++)
        for (int64_t j = 0; j < s->kw; j++) {
            int64_t from, to;
            columns_of(s, j, &from, &to);
            for (int64_t oy = 0; oy < s->oh; oy++) {
                int64_t iy = oy * s->sh + i - s->ph;
                if (iy < 0 || iy >= s->h) continue;
                float *row = y + oy * s->ow + from, *pixels = x + iy * s->w + from * s->sw + j - s->pw;
                if (to_image)
                    add_scaled(pixels, s->sw, row, 1, w[i * s->kw + j], to - from);
                else
                    add_scaled(row, 1, pixels, s->sw, w[i * s->kw + j], to - from);
            }
        }
}

/* Planes [from, to) of the result, counted through the batch. */
VT_CLONES static void convolve(const Shape *s, float *x, const float *w, float *y, int64_t from, int64_t to) {
    int64_t each = s->channels / s->groups, outputs = s->outputs / s->groups;
    for (int64_t p = from; p < to; p++) {
        int64_t b = p / s->outputs, o = p % s->outputs, first = o / outputs * each;
        float *plane = y + p * s->oh * s->ow;
        memset(plane, 0, sizeof *plane * (size_t)(s->oh * s->ow));
        for (int64_t c = 0; c < each; c++)
            meet_planes(s, x + (b * s->channels + first + c) * s->h * s->w,
                        w + (o * each + c) * s->kh * s->kw, plane, false);
    }
}

/* Planes [from, to) of the image's gradient. */
VT_CLONES static void gather_image(const Shape *s, float *dx, const float *w, float *dy, int64_t from,
                                   int64_t to) {
    int64_t each = s->channels / s->groups, outputs = s->outputs / s->groups;
    for (int64_t p = from; p < to; p++) {
        int64_t b = p / s->channels, c = p % s->channels, first = c / each * outputs;
        float *plane = dx + p * s->h * s->w;
        memset(plane, 0, sizeof *plane * (size_t)(s->h * s->w));
        for (int64_t o = first; o < first + outputs; o++)
            meet_planes(s, plane, w + (o * each + c % each) * s->kh * s->kw,
                        dy + (b * s->outputs + o) * s->oh * s->ow, true);
    }
}

/* Σ x·y, x a step apart: sixteen sums side by side, then those. */
static inline float dot(const float *x, int64_t x_step, const float *y, int64_t n) {
    enum { LANES = 16 };
    float lane[LANES] = {0}, sum = 0;
    int64_t i = 0;
    if (x_step == 1)
        for (; i + LANES <= n; i += LANES)
            for (int l = 0; l < LANES; l++) lane[l] += x[i + l] * y[i + l];
    for (; i < n; i++) lane[i % LANES] += x[i * x_step] * y[i];
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

/* Filters [from, to) of the weight's gradient, [kh][kw] each, counted through outputs and channels. Rows and images are
 * added up in f64. */
VT_CLONES static void gather_weight(const Shape *s, const float *x, float *dw, const float *dy, int64_t from,
                                    int64_t to) {
    int64_t each = s->channels / s->groups, outputs = s->outputs / s->groups;
    for (int64_t p = from; p < to; p++) {
        int64_t o = p / each, c = o / outputs * each + p % each;
        for (int64_t i = 0; i < s->kh; i++)
            for (int64_t j = 0; j < s->kw; j++) {
                int64_t first, last;
                double sum = 0;
                columns_of(s, j, &first, &last);
                for (int64_t b = 0; b < s->batch; b++) {
                    const float *image = x + (b * s->channels + c) * s->h * s->w + first * s->sw + j - s->pw;
                    const float *out = dy + (b * s->outputs + o) * s->oh * s->ow + first;
                    for (int64_t oy = 0; oy < s->oh; oy++) {
                        int64_t iy = oy * s->sh + i - s->ph;
                        if (iy >= 0 && iy < s->h)
                            sum += (double)dot(image + iy * s->w, s->sw, out + oy * s->ow, last - first);
                    }
                }
                dw[(p * s->kh + i) * s->kw + j] = (float)sum;
            }
    }
}

static Shape shape_of(const int64_t *n) {
    return (Shape){n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[12], n[13]};
}

void vt_kernel_conv2d(void *const *args, int32_t thread, int32_t threads) {
    Shape s = shape_of(args[3]);
    int64_t from, to;
    share_of(s.batch * s.outputs, thread, threads, &from, &to);
    convolve(&s, args[0], args[1], args[2], from, to);
}

void vt_kernel_conv2d_image(void *const *args, int32_t thread, int32_t threads) {
    Shape s = shape_of(args[3]);
    int64_t from, to;
    share_of(s.batch * s.channels, thread, threads, &from, &to);
    gather_image(&s, args[2], args[1], args[0], from, to);
}

void vt_kernel_conv2d_weight(void *const *args, int32_t thread, int32_t threads) {
    Shape s = shape_of(args[3]);
    int64_t from, to;
    share_of(s.outputs * (s.channels / s.groups), thread, threads, &from, &to);
    gather_weight(&s, args[0], args[2], args[1], from, to);
}
