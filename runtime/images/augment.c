/* Augmentation pipelines: the AUGMENT rows of catalog.def, each a function over the image at hand. */
#include "runtime/images/augment.h"
#include "runtime/base/error.h"
#include "runtime/base/rng.h"
#include "runtime/base/simd.h"
#include "runtime/images/color.h"
#include "runtime/images/erase.h"
#include "runtime/images/image.h"
#include "runtime/images/rand_augment.h"
#include "runtime/images/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
#define AUGMENT(name, ...) KIND_##name,
#include "runtime/catalog.def"
#undef AUGMENT
};

typedef struct {
    VtImage image;
    bool owned;     /* else the caller's pixels, not to be changed */
    bool no_memory; /* the rest is left out */
    int size;
    VtRng *rng;
    const VtPipeline *pipeline;
    const double *p;
    float *planes; /* the numbers made of the image; NULL: they are not made yet */
    double mean[VT_MAX_CHANNELS], std[VT_MAX_CHANNELS];
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

/* A new image takes the place of the one at hand. */
static void replace(Work *w, VtImage next) {
    if (w->owned) vt_image_free(&w->image);
    w->image = next;
    w->owned = true;
}

static size_t channels(const Work *w) {
    return (size_t)w->image.channels;
}

/* As zeros, with the channels of the one at hand; without pixels where memory ran out. */
static VtImage new_image(Work *w, int width, int height) {
    VtImage image = {width, height, w->image.channels, calloc((size_t)width * (size_t)height, channels(w))};
    if (!image.pixels) w->no_memory = true;
    return image;
}

/* The image at hand, for changing in place: copied if it is the caller's. NULL: no memory. */
static VtImage *editable(Work *w) {
    if (!w->owned) {
        VtImage copy = new_image(w, w->image.width, w->image.height);
        if (!copy.pixels) return NULL;
        memcpy(copy.pixels, w->image.pixels, channels(w) * pixels(w));
        replace(w, copy);
    }
    return &w->image;
}

/* One channel of an image of three: its luma; three of an image of one: the same three times. */
static void change_channels(Work *w, int wanted) {
    VtImage next = {w->image.width, w->image.height, wanted, malloc((size_t)wanted * pixels(w))};
    if (!next.pixels) {
        w->no_memory = true;
        return;
    }
    if (wanted == 1)
        vt_luma(w->image.pixels, pixels(w), next.pixels);
    else
        for (size_t i = 0; i < pixels(w); i++)
            memset(next.pixels + (size_t)wanted * i, w->image.pixels[i], (size_t)wanted);
    replace(w, next);
}

/* The rectangle, resized to size × size, becomes the image. */
static void crop_to_size(Work *w, int x, int y, int width, int height, bool cubic) {
    VtImage next = new_image(w, w->size, w->size);
    if (!next.pixels) return;
    w->no_memory = !vt_resize(&w->image, (VtRect){x, y, width, height}, w->size, w->size,
                              (VtRect){0, 0, w->size, w->size}, cubic, next.pixels);
    replace(w, next);
}

/* torchvision's draw: ten tries, then the centre with the aspect ratio clamped. */
static void augment_random_resized_crop(Work *w) {
    int W = w->image.width, H = w->image.height;
    bool cubic = w->p[4] != 0;
    for (int attempt = 0; attempt < 10; attempt++) {
        double area = (double)W * H * between(w, w->p[0], w->p[1]),
               ratio = exp(between(w, log(w->p[2]), log(w->p[3])));
        int width = (int)nearbyint(sqrt(area * ratio)), height = (int)nearbyint(sqrt(area / ratio));
        if (width < 1 || height < 1 || width > W || height > H) continue;
        int y = (int)vt_rng_below(w->rng, H - height + 1), x = (int)vt_rng_below(w->rng, W - width + 1);
        crop_to_size(w, x, y, width, height, cubic);
        return;
    }
    double ratio = (double)W / H;
    int width = W, height = H;
    if (ratio < w->p[2])
        height = (int)fmax(1, nearbyint(W / w->p[2]));
    else if (ratio > w->p[3])
        width = (int)fmax(1, nearbyint(H * w->p[3]));
    crop_to_size(w, (W - width) / 2, (H - height) / 2, width, height, cubic);
}

/* The window of size × size at (x, y) of the image resized to width × height; black beyond it. Only what shows is
 * computed. */
static void show_window(Work *w, int width, int height, int x, int y, bool cubic) {
    VtImage whole = new_image(w, w->size, w->size);
    if (!whole.pixels) return;
    int left = x < 0 ? 0 : x, right = x + w->size < width ? x + w->size : width;
    int top = y < 0 ? 0 : y, bottom = y + w->size < height ? y + w->size : height;
    if (left < right && top < bottom) {
        VtRect rect = {left, top, right - left, bottom - top};
        VtImage part = new_image(w, rect.width, rect.height);
        w->no_memory = !part.pixels || !vt_resize(&w->image, (VtRect){0, 0, w->image.width, w->image.height},
                                                  width, height, rect, cubic, part.pixels);
        for (int r = 0; part.pixels && r < rect.height; r++)
            memcpy(
                whole.pixels + channels(w) * ((size_t)(top - y + r) * (size_t)w->size + (size_t)(left - x)),
                part.pixels + channels(w) * (size_t)r * (size_t)rect.width, channels(w) * (size_t)rect.width);
        vt_image_free(&part);
    }
    replace(w, whole);
}

static void augment_random_crop(Work *w) {
    int pad = (int)w->p[0], roomx = w->image.width + 2 * pad - w->size,
        roomy = w->image.height + 2 * pad - w->size;
    int x = (int)vt_rng_below(w->rng, (roomx > 0 ? roomx : 0) + 1) - pad,
        y = (int)vt_rng_below(w->rng, (roomy > 0 ? roomy : 0) + 1) - pad;
    show_window(w, w->image.width, w->image.height, x, y, false);
}

typedef struct {
    int width, height;
} Size;

/* Of the image, its shorter edge resized to `resize`, or to the view's size. */
static Size resized(const Work *w, double resize) {
    int edge = resize > 0 ? (int)resize : w->size, W = w->image.width, H = w->image.height;
    return (Size){W <= H ? edge : (int)((double)edge * W / H), W <= H ? (int)((double)edge * H / W) : edge};
}

/* Where the middle of a length begins: halves to even, like Python. */
static int middle(const Work *w, int length) {
    return (int)nearbyint((length - w->size) / 2.0);
}

static void augment_center_crop(Work *w) {
    Size size = resized(w, w->p[0]);
    show_window(w, size.width, size.height, middle(w, size.width), middle(w, size.height), w->p[1] == 0);
}

/* Left to right. */
static void mirror(Work *w) {
    if (!editable(w)) return;
    size_t n = channels(w), row = n * (size_t)w->image.width;
    for (int y = 0; y < w->image.height; y++)
        for (uint8_t *a = w->image.pixels + (size_t)y * row, *b = a + row - n; a < b; a += n, b -= n)
            for (size_t c = 0; c < n; c++) {
                uint8_t t = a[c];
                a[c] = b[c];
                b[c] = t;
            }
}

static void augment_place_crop(Work *w) {
    enum { CENTRE = 4, MIRRORED = 5 };
    int place = (int)w->p[0] % MIRRORED;
    bool mirrored = (int)w->p[0] >= MIRRORED;
    Size size = resized(w, w->p[1]);
    int right = size.width - w->size, bottom = size.height - w->size;
    int x = place == CENTRE ? middle(w, size.width) : place % 2 ? right : 0;
    int y = place == CENTRE ? middle(w, size.height) : place / 2 ? bottom : 0;
    show_window(w, size.width, size.height, mirrored ? right - x : x, y, w->p[2] == 0);
    if (mirrored) mirror(w);
}

static void augment_resize(Work *w) {
    crop_to_size(w, 0, 0, w->image.width, w->image.height, w->p[0] == 0);
}

static void augment_flip(Work *w) {
    if (happens(w, w->p[0])) mirror(w);
}

static void augment_color_jitter(Work *w) {
    int32_t order[4];
    if (!happens(w, w->p[4])) return;
    vt_rng_permutation(w->rng, order, 4);
    VtImage *image = editable(w);
    for (int i = 0; image && i < 4; i++) {
        int which = order[i];
        double strength = w->p[which], low = 1 - strength > 0 ? 1 - strength : 0;
        if (strength == 0) continue;
        if (which == 0) vt_brightness(image, between(w, low, 1 + strength));
        if (which == 1) vt_contrast(image, between(w, low, 1 + strength));
        if (which == 2) vt_saturation(image, between(w, low, 1 + strength));
        if (which == 3) vt_hue(image, between(w, -strength, strength));
    }
}

static void augment_grayscale(Work *w) {
    VtImage *image = happens(w, w->p[0]) ? editable(w) : NULL;
    if (image) vt_grayscale(image);
}

static void augment_blur(Work *w) {
    VtImage *image = happens(w, w->p[2]) ? editable(w) : NULL;
    if (image && !vt_blur(image, between(w, w->p[0], w->p[1]))) w->no_memory = true;
}

static void augment_solarize(Work *w) {
    VtImage *image = happens(w, w->p[1]) ? editable(w) : NULL;
    if (image) vt_solarize(image, (int)w->p[0]);
}

static void augment_posterize(Work *w) {
    VtImage *image = happens(w, w->p[1]) ? editable(w) : NULL;
    if (image) vt_posterize(image, (int)w->p[0]);
}

/* The augmentation that normalises; NULL: none does. */
static const VtAugment *normalize_of(const VtPipeline *pipeline) {
    for (int i = 0; i < pipeline->n_augments; i++)
        if (pipeline->augments[i].kind == KIND_normalize) return &pipeline->augments[i];
    return NULL;
}

/* PyTorch Image Models' colour of what is outside: the mean that is taken away afterwards. */
static void fill_of(const Work *w, double fill, uint8_t out[VT_MAX_CHANNELS]) {
    const VtAugment *normalize = normalize_of(w->pipeline);
    for (int c = 0; c < VT_MAX_CHANNELS; c++) {
        double mean = normalize ? nearbyint(255 * normalize->params[c]) : 128;
        out[c] = (uint8_t)(fill >= 0 ? fill : mean < 0 ? 0 : mean > 255 ? 255 : mean);
    }
}

static void augment_rand_augment(Work *w) {
    enum { BICUBIC, BILINEAR, RANDOM };
    uint8_t fill[VT_MAX_CHANNELS];
    RandAugment how = {.operations = (int)w->p[0],
                       .magnitude = w->p[1],
                       .spread = w->p[2],
                       .highest = w->p[3],
                       .p = w->p[4],
                       .style = {.increasing = w->p[5] != 0, .cubic = w->p[6] == BICUBIC, .fill = fill},
                       .any_interpolation = w->p[6] == RANDOM};
    fill_of(w, w->p[7], fill);
    VtImage *image = editable(w);
    if (image && !rand_augment(&how, w->rng, image)) w->no_memory = true;
}

static void augment_normalize(Work *w) {
    memcpy(w->mean, w->p, sizeof w->mean);
    memcpy(w->std, w->p + VT_MAX_CHANNELS, sizeof w->std);
}

static void augment_random_erasing(Work *w) {
    Erase how = {{w->p[1], w->p[2]}, {w->p[3], w->p[4]}, (EraseMode)w->p[5], (int)w->p[6]};
    if (happens(w, w->p[0])) erase_rectangles(&how, w->rng, w->image.channels, w->size, w->planes);
}

static void (*const AUGMENTS[])(Work *) = {
#define AUGMENT(name, params, doc) augment_##name,
#include "runtime/catalog.def"
#undef AUGMENT
};

/* Channels apart, each value scaled: in float32, in the order of torchvision's ToTensor and Normalize. */
VT_CLONES static void rgb_to_planes(const uint8_t *restrict rgb, size_t n, const float *mean,
                                    const float *std, float *restrict out) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (rgb[3 * i] / 255.0f - mean[0]) / std[0];
        out[n + i] = (rgb[3 * i + 1] / 255.0f - mean[1]) / std[1];
        out[2 * n + i] = (rgb[3 * i + 2] / 255.0f - mean[2]) / std[2];
    }
}

VT_CLONES static void to_plane(const uint8_t *restrict x, size_t n, size_t stride, float mean, float std,
                               float *restrict out) {
    for (size_t i = 0; i < n; i++) out[i] = (x[stride * i] / 255.0f - mean) / std;
}

static void fill_planes(const Work *w, float *out) {
    float mean[VT_MAX_CHANNELS], std[VT_MAX_CHANNELS];
    size_t n = pixels(w), all = channels(w);
    for (size_t c = 0; c < all; c++) {
        mean[c] = (float)w->mean[c];
        std[c] = (float)w->std[c];
    }
    if (all == 3)
        rgb_to_planes(w->image.pixels, n, mean, std, out);
    else
        for (size_t c = 0; c < all; c++) to_plane(w->image.pixels + c, n, all, mean[c], std[c], out + c * n);
}

/* The image becomes numbers, at the view's size. */
static void to_planes(Work *w, float *out) {
    if (w->planes || w->no_memory) return;
    if (w->image.width != w->size || w->image.height != w->size)
        crop_to_size(w, 0, 0, w->image.width, w->image.height, true);
    if (w->no_memory) return;
    fill_planes(w, out);
    w->planes = out;
}

int vt_pipeline_reads(const VtPipeline *pipeline) {
    return pipeline->channels == 1 ? 3 : pipeline->channels;
}

bool vt_pipeline_apply(const VtPipeline *pipeline, const VtImage *image, VtRng *rng, float *out,
                       VtError *error) {
    Work w = {.image = *image, .size = pipeline->size, .rng = rng, .pipeline = pipeline};
    bool convert = image->channels != pipeline->channels;
    if (convert && image->channels + pipeline->channels != 4)
        return image_wrong_channels(pipeline->name, image->channels, pipeline->channels, error);
    for (int c = 0; c < VT_MAX_CHANNELS; c++) w.std[c] = 1;
    if (convert) change_channels(&w, pipeline->channels);
    for (int i = 0; i < pipeline->n_augments && !w.no_memory; i++) {
        const VtAugment *augment = &pipeline->augments[i];
        if (augment->kind > KIND_normalize) to_planes(&w, out);
        w.p = augment->params;
        if (!w.no_memory) AUGMENTS[augment->kind](&w);
    }
    to_planes(&w, out);
    if (w.owned) vt_image_free(&w.image);
    return !w.no_memory || vt_fail(error, 1, "out of memory for view '%s'", pipeline->name);
}

VtPipeline vt_pipeline_at(const VtPipeline *pipeline, int place, VtAugment *augments) {
    VtPipeline at = *pipeline;
    VtAugment crop = {.kind = KIND_place_crop, .params = {place}};
    int old = -1, n = 0;
    for (int i = 0; i < pipeline->n_augments && old < 0; i++)
        if (pipeline->augments[i].kind == KIND_center_crop) old = i;
    if (old >= 0)
        crop.params[1] = pipeline->augments[old].params[0],
        crop.params[2] = pipeline->augments[old].params[1];
    if (crop.params[1] <= pipeline->size) crop.params[1] = pipeline->size * 8 / 7;
    if (old < 0) augments[n++] = crop;
    for (int i = 0; i < pipeline->n_augments; i++) augments[n++] = i == old ? crop : pipeline->augments[i];
    at.augments = augments;
    at.n_augments = n;
    return at;
}

void vt_pipeline_pixels(const VtPipeline *pipeline, const float *planes, int channels, int64_t height,
                        int64_t width, uint8_t *rgb, int64_t stride) {
    const VtAugment *normalize = pipeline ? normalize_of(pipeline) : NULL;
    for (int c = 0; c < 3; c++) {
        int plane = channels < 3 ? 0 : c;
        double mean = normalize ? normalize->params[plane] : 0,
               std = normalize ? normalize->params[VT_MAX_CHANNELS + plane] : 1;
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++) {
                double value = (planes[(plane * height + y) * width + x] * std + mean) * 255;
                rgb[y * stride + 3 * x + c] = value > 0 ? value < 255 ? (uint8_t)(value + 0.5) : 255 : 0;
            }
    }
}
