/* Antialiased resizing: see resize.h. */
#include "runtime/resize.h"

#include <math.h>
#include <stdlib.h>

enum { BITS = 22 };

/* The filter weights of each output position: taps inputs from first. */
typedef struct {
    int taps;
    int *first, *count;
    int32_t *weights;
} Filter;

static double bilinear(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double bicubic(double x) { /* Keys, a = -0.5 */
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static Filter make_filter(int from, int to, bool cubic) {
    double scale = (double)from / to, stretch = scale < 1 ? 1 : scale, support = (cubic ? 2 : 1) * stretch;
    Filter filter = {.taps = (int)ceil(support) * 2 + 1};
    filter.first = malloc(sizeof(int) * 2 * (size_t)to);
    filter.count = filter.first + to;
    filter.weights = malloc(sizeof(int32_t) * (size_t)to * (size_t)filter.taps);
    double *w = malloc(sizeof(double) * (size_t)filter.taps);
    if (!filter.first || !filter.weights || !w) abort();
    for (int i = 0; i < to; i++) {
        double center = (i + 0.5) * scale, sum = 0;
        int low = (int)(center - support + 0.5), high = (int)(center + support + 0.5);
        if (low < 0) low = 0;
        if (high > from) high = from;
        for (int k = 0; k < high - low; k++) {
            double x = (k + low - center + 0.5) / stretch;
            sum += w[k] = cubic ? bicubic(x) : bilinear(x);
        }
        for (int k = 0; k < high - low; k++) {
            double v = w[k] / sum * (1 << BITS);
            filter.weights[i * filter.taps + k] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
        }
        filter.first[i] = low;
        filter.count[i] = high - low;
    }
    free(w);
    return filter;
}

static void free_filter(Filter *filter) {
    free(filter->first);
    free(filter->weights);
}

static uint8_t clip8(int32_t sum) {
    int32_t v = sum >> BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void across(const uint8_t *from, int stride, int rows, const Filter *filter, int width, uint8_t *to) {
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < width; x++) {
            const uint8_t *p = from + (size_t)y * (size_t)stride + 3 * filter->first[x];
            const int32_t *w = &filter->weights[x * filter->taps];
            int32_t r = 1 << (BITS - 1), g = r, b = r;
            for (int k = 0; k < filter->count[x]; k++, p += 3) {
                r += p[0] * w[k];
                g += p[1] * w[k];
                b += p[2] * w[k];
            }
            uint8_t *out = to + 3 * ((size_t)y * (size_t)width + (size_t)x);
            out[0] = clip8(r);
            out[1] = clip8(g);
            out[2] = clip8(b);
        }
}

static void down(const uint8_t *from, int width, const Filter *filter, int height, uint8_t *to) {
    size_t row = 3 * (size_t)width;
    int32_t sums[3 * 512];
    for (int y = 0; y < height; y++)
        for (size_t begin = 0; begin < row; begin += 3 * 512) {
            size_t n = row - begin < 3 * 512 ? row - begin : 3 * 512;
            for (size_t x = 0; x < n; x++) sums[x] = 1 << (BITS - 1);
            for (int k = 0; k < filter->count[y]; k++) {
                const uint8_t *p = from + (size_t)(filter->first[y] + k) * row + begin;
                int32_t w = filter->weights[y * filter->taps + k];
                for (size_t x = 0; x < n; x++) sums[x] += p[x] * w;
            }
            for (size_t x = 0; x < n; x++) to[(size_t)y * row + begin + x] = clip8(sums[x]);
        }
}

void vt_resize(const VtImage *from, int x, int y, int w, int h, int width, int height, bool cubic,
               uint8_t *to) {
    int stride = 3 * from->width;
    const uint8_t *corner = from->rgb + (size_t)y * (size_t)stride + 3 * (size_t)x;
    uint8_t *between = malloc(3 * (size_t)width * (size_t)h + 3 * (size_t)w * (size_t)h);
    if (!between) abort();
    if (w != width) {
        Filter filter = make_filter(w, width, cubic);
        across(corner, stride, h, &filter, width, between);
        free_filter(&filter);
    } else
        for (int r = 0; r < h; r++)
            for (int i = 0; i < 3 * w; i++)
                between[(size_t)r * 3 * (size_t)w + (size_t)i] =
                    corner[(size_t)r * (size_t)stride + (size_t)i];
    if (h != height) {
        Filter filter = make_filter(h, height, cubic);
        down(between, width, &filter, height, to);
        free_filter(&filter);
    } else
        for (size_t i = 0; i < 3 * (size_t)width * (size_t)height; i++) to[i] = between[i];
    free(between);
}
