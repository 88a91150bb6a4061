/* Augmentation pipelines: the AUGMENT rows of catalog.def, each a function over the image at hand. */
#include "runtime/color.h"
#include "runtime/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    VtImage image;
    int size;
    VtRng *rng;
    const double *p;
    double mean[3], std[3];
} Work;

static size_t pixels(const Work *w) {
    return (size_t)w->image.width * (size_t)w->image.height;
}
static bool happens(Work *w, double p) {
    return vt_rng_uniform(w->rng) < p;
}
static double between(Work *w, double low, double high) {
    return low + (high - low) * vt_rng_uniform(w->rng);
}

/* The rectangle, resized to size × size, becomes the image. */
static void crop_to_size(Work *w, int x, int y, int width, int height, bool cubic) {
    VtImage next = {w->size, w->size, malloc(3 * (size_t)w->size * (size_t)w->size)};
    if (!next.rgb) abort();
    vt_resize(&w->image, x, y, width, height, w->size, w->size, cubic, next.rgb);
    vt_image_free(&w->image);
    w->image = next;
}

/* torchvision's draw: ten tries, then the centre with the aspect ratio clamped. */
static void augment_random_resized_crop(Work *w) {
    int W = w->image.width, H = w->image.height;
    bool cubic = w->p[4] != 0;
    for (int attempt = 0; attempt < 10; attempt++) {
        double area = (double)W * H * between(w, w->p[0], w->p[1]),
               ratio = exp(between(w, log(w->p[2]), log(w->p[3])));
        int width = (int)lround(sqrt(area * ratio)), height = (int)lround(sqrt(area / ratio));
        if (width < 1 || height < 1 || width > W || height > H) continue;
        int y = (int)vt_rng_below(w->rng, H - height + 1), x = (int)vt_rng_below(w->rng, W - width + 1);
        crop_to_size(w, x, y, width, height, cubic);
        return;
    }
    double ratio = (double)W / H;
    int width = W, height = H;
    if (ratio < w->p[2])
        height = (int)lround(W / w->p[2]);
    else if (ratio > w->p[3])
        width = (int)lround(H * w->p[3]);
    crop_to_size(w, (W - width) / 2, (H - height) / 2, width, height, cubic);
}

/* A window of size × size at (x, y); black beyond the image. */
static void window(Work *w, int x, int y) {
    VtImage next = {w->size, w->size, calloc(3, (size_t)w->size * (size_t)w->size)};
    if (!next.rgb) abort();
    for (int r = 0; r < w->size; r++) {
        int from_y = y + r, begin = x < 0 ? -x : 0,
            end = w->image.width - x < w->size ? w->image.width - x : w->size;
        if (from_y < 0 || from_y >= w->image.height || end <= begin) continue;
        memcpy(next.rgb + 3 * ((size_t)r * (size_t)w->size + (size_t)begin),
               w->image.rgb + 3 * ((size_t)from_y * (size_t)w->image.width + (size_t)(x + begin)),
               3 * (size_t)(end - begin));
    }
    vt_image_free(&w->image);
    w->image = next;
}

static void augment_random_crop(Work *w) {
    int pad = (int)w->p[0], roomx = w->image.width + 2 * pad - w->size,
        roomy = w->image.height + 2 * pad - w->size;
    int x = (int)vt_rng_below(w->rng, (roomx > 0 ? roomx : 0) + 1) - pad,
        y = (int)vt_rng_below(w->rng, (roomy > 0 ? roomy : 0) + 1) - pad;
    window(w, x, y);
}

static void augment_center_crop(Work *w) {
    int edge = w->p[0] > 0 ? (int)w->p[0] : w->size, W = w->image.width, H = w->image.height;
    int width = W <= H ? edge : (int)((double)edge * W / H),
        height = W <= H ? (int)((double)edge * H / W) : edge;
    if (width != W || height != H) {
        VtImage next = {width, height, malloc(3 * (size_t)width * (size_t)height)};
        if (!next.rgb) abort();
        vt_resize(&w->image, 0, 0, W, H, width, height, w->p[1] == 0, next.rgb);
        vt_image_free(&w->image);
        w->image = next;
    }
    window(w, (int)lround((width - w->size) / 2.0), (int)lround((height - w->size) / 2.0));
}

static void augment_resize(Work *w) {
    crop_to_size(w, 0, 0, w->image.width, w->image.height, w->p[0] == 0);
}

static void augment_flip(Work *w) {
    if (!happens(w, w->p[0])) return;
    for (int y = 0; y < w->image.height; y++) {
        uint8_t *row = w->image.rgb + 3 * (size_t)y * (size_t)w->image.width;
        for (int a = 0, b = w->image.width - 1; a < b; a++, b--)
            for (int c = 0; c < 3; c++) {
                uint8_t t = row[3 * a + c];
                row[3 * a + c] = row[3 * b + c];
                row[3 * b + c] = t;
            }
    }
}

static void augment_color_jitter(Work *w) {
    int32_t order[4];
    if (!happens(w, w->p[4])) return;
    vt_rng_permutation(w->rng, order, 4);
    for (int i = 0; i < 4; i++) {
        int which = order[i];
        double strength = w->p[which], low = 1 - strength > 0 ? 1 - strength : 0;
        if (strength == 0) continue;
        if (which == 0) vt_brightness(w->image.rgb, pixels(w), between(w, low, 1 + strength));
        if (which == 1) vt_contrast(w->image.rgb, pixels(w), between(w, low, 1 + strength));
        if (which == 2) vt_saturation(w->image.rgb, pixels(w), between(w, low, 1 + strength));
        if (which == 3) vt_hue(w->image.rgb, pixels(w), between(w, -strength, strength));
    }
}

static void augment_grayscale(Work *w) {
    if (happens(w, w->p[0])) vt_grayscale(w->image.rgb, pixels(w));
}

static void augment_blur(Work *w) {
    if (happens(w, w->p[2]))
        vt_blur(w->image.rgb, w->image.width, w->image.height, between(w, w->p[0], w->p[1]));
}

static void augment_solarize(Work *w) {
    if (happens(w, w->p[1])) vt_solarize(w->image.rgb, pixels(w), (int)w->p[0]);
}

static void augment_normalize(Work *w) {
    memcpy(w->mean, w->p, sizeof w->mean);
    memcpy(w->std, w->p + 3, sizeof w->std);
}

static void (*const AUGMENTS[])(Work *) = {
#define AUGMENT(name, params, doc) augment_##name,
#include "runtime/catalog.def"
#undef AUGMENT
};

void vt_pipeline_apply(const VtPipeline *pipeline, const VtImage *image, VtRng *rng, float *out) {
    size_t bytes = 3 * (size_t)image->width * (size_t)image->height;
    Work w = {.image = {image->width, image->height, malloc(bytes)},
              .size = pipeline->size,
              .rng = rng,
              .std = {1, 1, 1}};
    if (!w.image.rgb) abort();
    memcpy(w.image.rgb, image->rgb, bytes);
    for (int i = 0; i < pipeline->n_augments; i++) {
        w.p = pipeline->augments[i].params;
        AUGMENTS[pipeline->augments[i].kind](&w);
    }
    if (w.image.width != w.size || w.image.height != w.size)
        crop_to_size(&w, 0, 0, w.image.width, w.image.height, true);
    size_t n = pixels(&w);
    for (int c = 0; c < 3; c++) {
        float table[256];
        for (int v = 0; v < 256; v++) table[v] = (float)((v / 255.0 - w.mean[c]) / w.std[c]);
        for (size_t i = 0; i < n; i++) out[(size_t)c * n + i] = table[w.image.rgb[3 * i + (size_t)c]];
    }
    vt_image_free(&w.image);
}
