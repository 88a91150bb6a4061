/* Colour operations: see color.h. */
#include "runtime/color.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint8_t blend(float a, float b, float t) {
    float v = a + t * (b - a);
    return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v);
}

static uint8_t luma(const uint8_t *p) {
    return (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
}

void vt_brightness(uint8_t *rgb, size_t n, double factor) {
    uint8_t table[256];
    for (int v = 0; v < 256; v++) table[v] = blend(0, (float)v, (float)factor);
    for (size_t i = 0; i < 3 * n; i++) rgb[i] = table[rgb[i]];
}

void vt_contrast(uint8_t *rgb, size_t n, double factor) {
    uint64_t sum = 0;
    uint8_t table[256];
    for (size_t i = 0; i < n; i++) sum += luma(rgb + 3 * i);
    int mean = (int)((double)sum / (double)n + 0.5);
    for (int v = 0; v < 256; v++) table[v] = blend((float)mean, (float)v, (float)factor);
    for (size_t i = 0; i < 3 * n; i++) rgb[i] = table[rgb[i]];
}

void vt_saturation(uint8_t *rgb, size_t n, double factor) {
    for (size_t i = 0; i < n; i++) {
        float gray = luma(rgb + 3 * i);
        for (int c = 0; c < 3; c++)
            rgb[3 * i + (size_t)c] = blend(gray, rgb[3 * i + (size_t)c], (float)factor);
    }
}

static uint8_t hue_of(uint8_t r, uint8_t g, uint8_t b, uint8_t most, uint8_t least) {
    float range = (float)(most - least), rc = (float)(most - r) / range, gc = (float)(most - g) / range,
          bc = (float)(most - b) / range;
    /* float and double as Pillow mixes them: another rounding here is another hue there */
    float h = r == most ? bc - gc : (float)(g == most ? 2.0 + rc - bc : 4.0 + gc - rc);
    double turns = h / 6.0 + 1.0;
    return (uint8_t)((float)(turns >= 1 ? turns - 1 : turns) * 255.0);
}

static void from_hsv(uint8_t h, uint8_t s, uint8_t v, uint8_t *rgb) {
    float fh = (float)(h * 6.0 / 255.0), fs = (float)(s / 255.0);
    int sector = (int)floorf(fh);
    float f = fh - (float)sector;
    uint8_t p = (uint8_t)round(v * (1.0 - fs)), q = (uint8_t)round(v * (1.0 - fs * f)),
            t = (uint8_t)round(v * (1.0 - fs * (1.0 - f)));
    const uint8_t of[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
    memcpy(rgb, of[sector % 6], 3);
}

void vt_hue(uint8_t *rgb, size_t n, double factor) {
    uint8_t turn = (uint8_t)(int)(factor * 255);
    for (size_t i = 0; i < n; i++) {
        uint8_t *p = rgb + 3 * i, most = p[0], least = p[0];
        for (int c = 1; c < 3; c++) {
            if (p[c] > most) most = p[c];
            if (p[c] < least) least = p[c];
        }
        if (most == least) continue; /* gray stays */
        uint8_t s = (uint8_t)((float)(most - least) / (float)most * 255.0),
                h = (uint8_t)(hue_of(p[0], p[1], p[2], most, least) + turn);
        if (s == 0)
            p[0] = p[1] = p[2] = most;
        else
            from_hsv(h, s, most, p);
    }
}

void vt_grayscale(uint8_t *rgb, size_t n) {
    for (size_t i = 0; i < n; i++) rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = luma(rgb + 3 * i);
}

void vt_solarize(uint8_t *rgb, size_t n, int threshold) {
    for (size_t i = 0; i < 3 * n; i++)
        if (rgb[i] >= threshold) rgb[i] = (uint8_t)(255 - rgb[i]);
}

/* ---- blur -------------------------------------------------------------------------------------------------------- */

/* One box blur of a line of n pixels `step` bytes apart; the box reaches `radius` whole pixels and a part of the next. */
static void box_line(uint8_t *line, int n, size_t step, int radius, uint32_t ww, uint32_t fw, uint8_t *copy) {
    for (int i = 0; i < n; i++) memcpy(copy + 3 * i, line + (size_t)i * step, 3);
#define AT(i) copy[3 * ((i) < 0 ? 0 : (i) >= n ? n - 1 : (i)) + c]
    for (int c = 0; c < 3; c++) {
        uint32_t sum = 0;
        for (int d = -radius; d <= radius; d++) sum += AT(d);
        for (int i = 0; i < n; i++) {
            uint32_t v = sum * ww + (AT(i - radius - 1) + AT(i + radius + 1)) * fw;
            line[(size_t)i * step + (size_t)c] = (uint8_t)((v + (1u << 23)) >> 24);
            sum += (uint32_t)AT(i + radius + 1) - AT(i - radius);
        }
    }
#undef AT
}

void vt_blur(uint8_t *rgb, int width, int height, double sigma) {
    enum { PASSES = 3 };
    float s2 = (float)(sigma * sigma) / PASSES, l = floorf((sqrtf(12 * s2 + 1) - 1) / 2);
    float radius = l + (2 * l + 1) * (l * (l + 1) - 3 * s2) / (6 * (s2 - (l + 1) * (l + 1)));
    int whole = (int)radius;
    uint32_t ww = (uint32_t)((float)(1 << 24) / (radius * 2 + 1)),
             fw = ((1u << 24) - (uint32_t)(whole * 2 + 1) * ww) / 2;
    uint8_t *copy = malloc(3 * (size_t)(width > height ? width : height));
    if (!copy) abort();
    for (int pass = 0; pass < PASSES; pass++)
        for (int y = 0; y < height; y++)
            box_line(rgb + 3 * (size_t)y * (size_t)width, width, 3, whole, ww, fw, copy);
    for (int pass = 0; pass < PASSES; pass++)
        for (int x = 0; x < width; x++)
            box_line(rgb + 3 * (size_t)x, height, 3 * (size_t)width, whole, ww, fw, copy);
    free(copy);
}
