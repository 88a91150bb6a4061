/* Colour operations: see color.h. Loops are plain and free of branches so that they become vectors; where Pillow mixes
 * float and double, so do we, because another rounding is another grey level. */
#include "runtime/images/color.h"
#include "runtime/images/resize.h"
#include "runtime/base/simd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline uint8_t blend(float a, float b, float t) {
    float v = a + t * (b - a);
    v = v < 0 ? 0 : v;
    return (uint8_t)(int)(v > 255 ? 255 : v);
}

static inline uint8_t luma(uint32_t r, uint32_t g, uint32_t b) {
    return (uint8_t)((r * 19595u + g * 38470u + b * 7471u + 0x8000u) >> 16);
}

/* Of all channels. */
static size_t values(const VtImage *image) {
    return (size_t)image->width * (size_t)image->height * (size_t)image->channels;
}

static size_t pixels(const VtImage *image) {
    return (size_t)image->width * (size_t)image->height;
}

VT_CLONES static void blend_with(uint8_t *x, size_t n, float base, float factor) {
    for (size_t i = 0; i < n; i++) x[i] = blend(base, x[i], factor);
}

VT_CLONES static uint64_t sum_luma(const uint8_t *rgb, size_t n) {
    uint64_t sum = 0;
    for (size_t begin = 0; begin < n; begin += 4096) {
        uint32_t part = 0;
        for (size_t i = begin; i < n && i < begin + 4096; i++)
            part += luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
        sum += part;
    }
    return sum;
}

VT_CLONES static uint64_t sum_values(const uint8_t *x, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

VT_CLONES void vt_luma(const uint8_t *rgb, size_t n, uint8_t *gray) {
    for (size_t i = 0; i < n; i++) gray[i] = luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

void vt_brightness(VtImage *image, double factor) {
    blend_with(image->pixels, values(image), 0, (float)factor);
}

void vt_contrast(VtImage *image, double factor) {
    bool rgb = image->channels == 3;
    uint64_t sum = rgb ? sum_luma(image->pixels, pixels(image)) : sum_values(image->pixels, values(image));
    int mean = (int)((double)sum / (double)(rgb ? pixels(image) : values(image)) + 0.5);
    blend_with(image->pixels, values(image), (float)mean, (float)factor);
}

VT_CLONES static void blend_with_luma(uint8_t *rgb, size_t n, float factor) {
    for (size_t i = 0; i < n; i++) {
        uint8_t r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];
        float gray = luma(r, g, b);
        rgb[3 * i] = blend(gray, r, factor);
        rgb[3 * i + 1] = blend(gray, g, factor);
        rgb[3 * i + 2] = blend(gray, b, factor);
    }
}

void vt_saturation(VtImage *rgb, double factor) {
    blend_with_luma(rgb->pixels, pixels(rgb), (float)factor);
}

enum { BLOCK = 128 };
typedef struct {
    int32_t h[BLOCK], s[BLOCK], v[BLOCK];
} Hsv;

/* n ≤ BLOCK pixels. Of gray ones the hue means nothing, and nothing below depends on it. */
VT_CLONES static void to_hsv(const uint8_t *restrict rgb, int n, Hsv *restrict hsv) {
    for (int i = 0; i < n; i++) {
        int r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];
        int most = r > g ? r : g, least = r < g ? r : g;
        most = most > b ? most : b;
        least = least < b ? least : b;
        float range = (float)(most > least ? most - least : 1), rc = (float)(most - r) / range,
              gc = (float)(most - g) / range, bc = (float)(most - b) / range;
        float red = bc - gc, green = (float)(2.0 + rc - bc), blue = (float)(4.0 + gc - rc);
        float h = r == most ? red : g == most ? green : blue;
        double turns = h / 6.0 + 1.0;
        float part = (float)(turns >= 1 ? turns - 1 : turns);
        hsv->h[i] = (int)(part * 255.0);
        hsv->s[i] = (int)((float)(most - least) / (float)(most > 0 ? most : 1) * 255.0);
        hsv->v[i] = most;
    }
}

VT_CLONES static void from_hsv(const Hsv *restrict hsv, int n, uint8_t *restrict rgb) {
    for (int i = 0; i < n; i++) {
        float fh = (float)(hsv->h[i] * 6.0 / 255.0), fs = (float)(hsv->s[i] / 255.0);
        int v = hsv->v[i], sector = (int)fh;
        float f = fh - (float)sector;
        int p = (int)(v * (1.0 - fs) + 0.5), q = (int)(v * (1.0 - fs * f) + 0.5),
            t = (int)(v * (1.0 - fs * (1.0 - f)) + 0.5);
        sector = sector == 6 ? 0 : sector;
        int r = sector == 1   ? q
                : sector == 4 ? t
                              : v,
            g = sector == 0   ? t
                : sector == 3 ? q
                              : v,
            b = sector == 2   ? t
                : sector == 5 ? q
                              : v;
        rgb[3 * i] = (uint8_t)(sector == 2 || sector == 3 ? p : r);
        rgb[3 * i + 1] = (uint8_t)(sector >= 4 ? p : g);
        rgb[3 * i + 2] = (uint8_t)(sector <= 1 ? p : b);
    }
}

void vt_hue(VtImage *image, double factor) {
    int turn = (uint8_t)(int)(factor * 255);
    size_t n = pixels(image);
    uint8_t *rgb = image->pixels;
    Hsv hsv;
    for (size_t begin = 0; begin < n; begin += BLOCK) {
        int count = n - begin < BLOCK ? (int)(n - begin) : BLOCK;
        to_hsv(rgb + 3 * begin, count, &hsv);
        for (int i = 0; i < count; i++) hsv.h[i] = (hsv.h[i] + turn) & 255;
        from_hsv(&hsv, count, rgb + 3 * begin);
    }
}

VT_CLONES static void make_gray(uint8_t *rgb, size_t n) {
    for (size_t i = 0; i < n; i++)
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

void vt_grayscale(VtImage *rgb) {
    make_gray(rgb->pixels, pixels(rgb));
}

VT_CLONES static void invert_above(uint8_t *x, size_t n, int threshold) {
    for (size_t i = 0; i < n; i++) x[i] = (uint8_t)(x[i] >= threshold ? 255 - x[i] : x[i]);
}

void vt_solarize(VtImage *image, int threshold) {
    invert_above(image->pixels, values(image), threshold);
}

VT_CLONES static void keep_bits(uint8_t *x, size_t n, uint8_t kept) {
    for (size_t i = 0; i < n; i++) x[i] &= kept;
}

void vt_posterize(VtImage *image, int bits) {
    keep_bits(image->pixels, values(image), (uint8_t)(0xff << (8 - bits)));
}

/* A row smoothed, with Pillow's weights and order of sums, and blended with itself. Rows hold `n` values. */
VT_CLONES static void sharpen_row(const uint8_t *restrict above, const uint8_t *restrict row,
                                  const uint8_t *restrict below, size_t n, size_t channels, float factor,
                                  uint8_t *restrict to) {
    const float one = 1.0f / 13, five = 5.0f / 13;
    for (size_t i = channels; i + channels < n; i++) {
        size_t l = i - channels, r = i + channels;
        float sum = 0.5f + (below[l] * one + below[i] * one + below[r] * one);
        sum += row[l] * one + row[i] * five + row[r] * one;
        sum += above[l] * one + above[i] * one + above[r] * one;
        to[i] = blend((float)(int)(sum > 255 ? 255 : sum), row[i], factor);
    }
}

bool vt_sharpness(VtImage *image, double factor) {
    size_t channels = (size_t)image->channels, row = channels * (size_t)image->width, bytes = values(image);
    uint8_t *from = malloc(bytes);
    if (!from) return false;
    memcpy(from, image->pixels, bytes);
    for (int y = 1; y + 1 < image->height; y++) {
        const uint8_t *at = from + (size_t)y * row;
        sharpen_row(at - row, at, at + row, row, channels, (float)factor, image->pixels + (size_t)y * row);
    }
    free(from);
    return true;
}

/* ---- blur -------------------------------------------------------------------------------------------------------- */

/* A box: `radius` whole rows to either side with weight `whole`, one more with weight `edge`, in 24-bit fixed point. */
typedef struct {
    int radius;
    uint32_t whole, edge;
} Box;

VT_CLONES static void box_row(const uint8_t *restrict low, const uint8_t *restrict high,
                              const uint8_t *restrict leaving, size_t row, const Box *box,
                              uint32_t *restrict sums, uint8_t *restrict to) {
    uint32_t whole = box->whole, edge = box->edge;
    for (size_t x = 0; x < row; x++) {
        to[x] = (uint8_t)((sums[x] * whole + (uint32_t)(low[x] + high[x]) * edge + (1u << 23)) >> 24);
        sums[x] += (uint32_t)high[x] - leaving[x];
    }
}

/* One box blur along the columns of n rows; the first and last rows repeat beyond the border. */
static void box_blur(const uint8_t *from, int n, size_t row, const Box *box, uint32_t *sums, uint8_t *to) {
    int r = box->radius;
#define ROW(i) (from + row * (size_t)((i) < 0 ? 0 : (i) >= n ? n - 1 : (i)))
    memset(sums, 0, row * sizeof *sums);
    for (int d = -r; d <= r; d++)
        for (size_t x = 0; x < row; x++) sums[x] += ROW(d)[x];
    for (int i = 0; i < n; i++)
        box_row(ROW(i - r - 1), ROW(i + r + 1), ROW(i - r), row, box, sums, to + row * (size_t)i);
#undef ROW
}

/* Three boxes in a row come close to a Gaussian. Result in `image`; `spare` is as large. */
static void blur_columns(uint8_t *image, int n, size_t row, const Box *box, uint32_t *sums, uint8_t *spare) {
    box_blur(image, n, row, box, sums, spare);
    box_blur(spare, n, row, box, sums, image);
    box_blur(image, n, row, box, sums, spare);
    memcpy(image, spare, row * (size_t)n);
}

bool vt_blur(VtImage *image, double sigma) {
    enum { PASSES = 3 };
    float s2 = (float)(sigma * sigma) / PASSES, l = floorf((sqrtf(12 * s2 + 1) - 1) / 2);
    float radius = l + (2 * l + 1) * (l * (l + 1) - 3 * s2) / (6 * (s2 - (l + 1) * (l + 1)));
    Box box = {.radius = (int)radius, .whole = (uint32_t)((float)(1 << 24) / (radius * 2 + 1))};
    box.edge = ((1u << 24) - (uint32_t)(box.radius * 2 + 1) * box.whole) / 2;
    int width = image->width, height = image->height;
    size_t channels = (size_t)image->channels, bytes = values(image);
    size_t line = channels * (size_t)(width > height ? width : height);
    uint32_t *sums = malloc(line * sizeof *sums + 2 * bytes);
    if (!sums) return false;
    uint8_t *turned = (uint8_t *)(sums + line), *spare = turned + bytes;
    vt_transpose(image->pixels, channels * (size_t)width, height, width, channels, turned);
    blur_columns(turned, width, channels * (size_t)height, &box, sums, spare);
    vt_transpose(turned, channels * (size_t)height, width, height, channels, image->pixels);
    blur_columns(image->pixels, height, channels * (size_t)width, &box, sums, spare);
    free(sums);
    return true;
}
