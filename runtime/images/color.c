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

VT_CLONES static void blend_with(uint8_t *rgb, size_t n, float base, float factor) {
    for (size_t i = 0; i < 3 * n; i++) rgb[i] = blend(base, rgb[i], factor);
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

void vt_brightness(uint8_t *rgb, size_t n, double factor) {
    blend_with(rgb, n, 0, (float)factor);
}

void vt_contrast(uint8_t *rgb, size_t n, double factor) {
    int mean = (int)((double)sum_luma(rgb, n) / (double)n + 0.5);
    blend_with(rgb, n, (float)mean, (float)factor);
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

void vt_saturation(uint8_t *rgb, size_t n, double factor) {
    blend_with_luma(rgb, n, (float)factor);
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

void vt_hue(uint8_t *rgb, size_t n, double factor) {
    int turn = (uint8_t)(int)(factor * 255);
    Hsv hsv;
    for (size_t begin = 0; begin < n; begin += BLOCK) {
        int count = n - begin < BLOCK ? (int)(n - begin) : BLOCK;
        to_hsv(rgb + 3 * begin, count, &hsv);
        for (int i = 0; i < count; i++) hsv.h[i] = (hsv.h[i] + turn) & 255;
        from_hsv(&hsv, count, rgb + 3 * begin);
    }
}

VT_CLONES void vt_grayscale(uint8_t *rgb, size_t n) {
    for (size_t i = 0; i < n; i++)
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

VT_CLONES void vt_solarize(uint8_t *rgb, size_t n, int threshold) {
    for (size_t i = 0; i < 3 * n; i++) rgb[i] = (uint8_t)(rgb[i] >= threshold ? 255 - rgb[i] : rgb[i]);
}

VT_CLONES void vt_posterize(uint8_t *rgb, size_t n, int bits) {
    uint8_t kept = (uint8_t)(0xff << (8 - bits));
    for (size_t i = 0; i < 3 * n; i++) rgb[i] &= kept;
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

bool vt_blur(uint8_t *rgb, int width, int height, double sigma) {
    enum { PASSES = 3 };
    float s2 = (float)(sigma * sigma) / PASSES, l = floorf((sqrtf(12 * s2 + 1) - 1) / 2);
    float radius = l + (2 * l + 1) * (l * (l + 1) - 3 * s2) / (6 * (s2 - (l + 1) * (l + 1)));
    Box box = {.radius = (int)radius, .whole = (uint32_t)((float)(1 << 24) / (radius * 2 + 1))};
    box.edge = ((1u << 24) - (uint32_t)(box.radius * 2 + 1) * box.whole) / 2;
    size_t bytes = 3 * (size_t)width * (size_t)height, edge = (size_t)(width > height ? width : height);
    uint32_t *sums = malloc(3 * edge * sizeof *sums + 2 * bytes);
    if (!sums) return false;
    uint8_t *turned = (uint8_t *)(sums + 3 * edge), *spare = turned + bytes;
    vt_transpose(rgb, 3 * (size_t)width, height, width, turned);
    blur_columns(turned, width, 3 * (size_t)height, &box, sums, spare);
    vt_transpose(turned, 3 * (size_t)height, width, height, rgb);
    blur_columns(rgb, height, 3 * (size_t)width, &box, sums, spare);
    free(sums);
    return true;
}
