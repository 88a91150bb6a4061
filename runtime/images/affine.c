/* Affine maps of images: see affine.h. Pillow's arithmetic to the bit (libImaging/Geometry.c): sums in double, in its
 * order. */
#include "runtime/images/affine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where one pixel comes from: up to 4 columns and rows, those outside being the nearest inside. */
typedef struct {
    int columns[4], rows[4];
    double dx, dy; /* behind columns[1], rows[1] */
} Place;

static int inside(int i, int n) {
    return i < 0 ? 0 : i < n ? i : n - 1;
}

static bool find_place(const VtImage *image, double x, double y, Place *out) {
    if (!(x >= 0 && x < image->width && y >= 0 && y < image->height)) return false;
    double left = floor(x - 0.5), top = floor(y - 0.5);
    out->dx = x - 0.5 - left;
    out->dy = y - 0.5 - top;
    for (int k = 0; k < 4; k++) {
        out->columns[k] = inside((int)left - 1 + k, image->width);
        out->rows[k] = inside((int)top - 1 + k, image->height);
    }
    return true;
}

static double linear(double a, double b, double d) {
    return a + (b - a) * d;
}

static double cubic_at(const double v[4], double d) {
    double p1 = v[1], p2 = -v[0] + v[2], p3 = 2 * (v[0] - v[1]) + v[2] - v[3],
           p4 = -v[0] + v[1] - v[2] + v[3];
    return p1 + d * (p2 + d * (p3 + d * p4));
}

/* One channel, of the rows from `low` to `high`: between whole rows (dy = 0) one of them is all there is to it. */
static double interpolate(const uint8_t *channel, size_t stride, size_t channels, const Place *at,
                          bool cubic) {
    double v[4] = {0};
    int low = at->dy == 0 || !cubic ? 1 : 0, high = at->dy == 0 ? 1 : cubic ? 3 : 2;
    for (int r = low; r <= high; r++) {
        const uint8_t *row = channel + (size_t)at->rows[r] * stride;
        double h[4];
        for (int k = 0; k < 4; k++) h[k] = row[(size_t)at->columns[k] * channels];
        v[r] = cubic ? cubic_at(h, at->dx) : linear(h[1], h[2], at->dx);
    }
    if (at->dy == 0) return v[1];
    return cubic ? cubic_at(v, at->dy) : linear(v[1], v[2], at->dy);
}

bool vt_affine(VtImage *image, const double m[6], bool cubic, const uint8_t *fill) {
    size_t channels = (size_t)image->channels, stride = channels * (size_t)image->width,
           bytes = stride * (size_t)image->height;
    uint8_t *from = malloc(bytes), *to = image->pixels;
    if (!from) return false;
    memcpy(from, to, bytes);
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++, to += channels) {
            double cx = x + 0.5, cy = y + 0.5;
            Place at;
            if (!find_place(image, m[0] * cx + m[1] * cy + m[2], m[3] * cx + m[4] * cy + m[5], &at)) {
                memcpy(to, fill, channels);
                continue;
            }
            for (size_t c = 0; c < channels; c++) {
                double v = interpolate(from + c, stride, channels, &at, cubic);
                to[c] = (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v);
            }
        }
    free(from);
    return true;
}

/* To 15 decimal places, as Pillow has it, so that a quarter turn has zeros. */
static double places(double x) {
    return nearbyint(x * 1e15) / 1e15;
}

void vt_rotation(const VtImage *image, double degrees, double m[6]) {
    double turn = fmod(degrees, 360);
    if (turn < 0) turn += 360;
    double angle = -(turn * (3.14159265358979323846 / 180)), c = places(cos(angle)), s = places(sin(angle)),
           x = image->width / 2.0, y = image->height / 2.0;
    m[0] = c;
    m[1] = s;
    m[2] = c * -x + s * -y + 0.0 + x;
    m[3] = -s;
    m[4] = c;
    m[5] = -s * -x + c * -y + 0.0 + y;
}
