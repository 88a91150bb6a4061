/* Antialiased resizing: see resize.h. */
#include "runtime/images/resize.h"
#include "runtime/base/simd.h"
#include "runtime/images/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static void free_filter(Filter *filter) {
    free(filter->first);
    free(filter->weights);
}

/* The positions begin … begin + count - 1 of `to`. False: no memory. */
static bool make_filter(Filter *out, int from, int to, int begin, int count, bool cubic) {
    double scale = (double)from / to, stretch = scale < 1 ? 1 : scale, support = (cubic ? 2 : 1) * stretch;
    Filter filter = {.taps = (int)ceil(support) * 2 + 1};
    filter.first = malloc(sizeof(int) * 2 * (size_t)count);
    filter.count = filter.first ? filter.first + count : NULL;
    filter.weights = malloc(sizeof(int32_t) * (size_t)count * (size_t)filter.taps);
    double *w = malloc(sizeof(double) * (size_t)filter.taps);
    bool good = filter.first && filter.weights && w;
    for (int i = 0; good && i < count; i++) {
        double center = (begin + i + 0.5) * scale, sum = 0;
        int low = (int)(center - support + 0.5), high = (int)(center + support + 0.5);
        if (low < 0) low = 0;
        if (high > from) high = from;
        for (int k = 0; k < high - low; k++) {
            double x = (k + low - center + 0.5) / stretch;
            sum += w[k] = cubic ? bicubic(x) : bilinear(x);
        }
        for (int k = 0; k < high - low; k++) {
            double v = w[k] / sum * (1 << BITS);
            filter.weights[(size_t)i * (size_t)filter.taps + (size_t)k] =
                (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
        }
        filter.first[i] = low;
        filter.count[i] = high - low;
    }
    free(w);
    if (good)
        *out = filter;
    else
        free_filter(&filter);
    return good;
}

static uint8_t clip8(int32_t sum) {
    int32_t v = sum >> BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

VT_CLONES static void add_row(const uint8_t *restrict row, int32_t weight, size_t n, int32_t *restrict sums) {
    for (size_t i = 0; i < n; i++) sums[i] += row[i] * weight;
}

VT_CLONES static void store_row(const int32_t *restrict sums, size_t n, uint8_t *restrict to) {
    for (size_t i = 0; i < n; i++) to[i] = clip8(sums[i]);
}

/* Filters along the columns: rows of `row` bytes, of which the first at hand is row `base` of the filter's input, to
 * `height` rows. */
static void filter_rows(const uint8_t *from, size_t row, int base, const Filter *filter, int height,
                        uint8_t *to) {
    enum { CHUNK = 3 * 512 };
    int32_t sums[CHUNK];
    for (int y = 0; y < height; y++)
        for (size_t begin = 0; begin < row; begin += CHUNK) {
            size_t n = row - begin < CHUNK ? row - begin : CHUNK;
            const uint8_t *p = from + (size_t)(filter->first[y] - base) * row + begin;
            const int32_t *weights = &filter->weights[(size_t)y * (size_t)filter->taps];
            for (size_t x = 0; x < n; x++) sums[x] = 1 << (BITS - 1);
            for (int k = 0; k < filter->count[y]; k++) add_row(p + (size_t)k * row, weights[k], n, sums);
            store_row(sums, n, to + (size_t)y * row + begin);
        }
}

static inline __attribute__((always_inline)) void transpose(const uint8_t *from, size_t stride, int rows,
                                                            int columns, size_t channels, uint8_t *to) {
    enum { BLOCK = 32 }; /* so that the lines written stay in the cache */
    for (int begin = 0; begin < columns; begin += BLOCK)
        for (int y = 0; y < rows; y++)
            for (int x = begin; x < columns && x < begin + BLOCK; x++)
                memcpy(to + channels * ((size_t)x * (size_t)rows + (size_t)y),
                       from + (size_t)y * stride + channels * (size_t)x, channels);
}

/* With the sizes of most images as constants, so that a pixel is no call of memcpy. */
void vt_transpose(const uint8_t *from, size_t stride, int rows, int columns, size_t channels, uint8_t *to) {
    switch (channels) {
    case 1: transpose(from, stride, rows, columns, 1, to); break;
    case 3: transpose(from, stride, rows, columns, 3, to); break;
    case 4: transpose(from, stride, rows, columns, 4, to); break;
    default: transpose(from, stride, rows, columns, channels, to);
    }
}

static void copy_rows(const uint8_t *from, size_t stride, int rows, size_t row, uint8_t *to) {
    for (int y = 0; y < rows; y++) memcpy(to + (size_t)y * row, from + (size_t)y * stride, row);
}

/* Along the rows is along the columns of the transposed image, where one weight serves a whole line: vectors. */
static bool resize_across(const uint8_t *from, size_t stride, int rows, int columns, size_t channels,
                          int width, VtRect window, bool cubic, uint8_t *to) {
    Filter filter;
    if (!make_filter(&filter, columns, width, window.x, window.width, cubic)) return false;
    int last = window.width - 1, first = filter.first[0],
        used = filter.first[last] + filter.count[last] - first;
    size_t row = channels * (size_t)rows;
    uint8_t *turned = malloc(row * ((size_t)used + (size_t)window.width));
    if (turned) {
        uint8_t *filtered = turned + row * (size_t)used;
        vt_transpose(from + channels * (size_t)first, stride, rows, used, channels, turned);
        filter_rows(turned, row, first, &filter, window.width, filtered);
        vt_transpose(filtered, row, window.width, rows, channels, to);
    }
    bool good = turned;
    free(turned);
    free_filter(&filter);
    return good;
}

bool vt_resize(const VtImage *from, VtRect crop, int width, int height, VtRect window, bool cubic,
               uint8_t *to) {
    size_t channels = (size_t)from->channels, stride = channels * (size_t)from->width,
           row = channels * (size_t)window.width;
    const uint8_t *corner = from->pixels + (size_t)crop.y * stride + channels * (size_t)crop.x;
    bool across = crop.width != width, down = crop.height != height;
    Filter filter = {0};
    int first = window.y, used = window.height; /* the rows that matter */
    if (down) {
        if (!make_filter(&filter, crop.height, height, window.y, window.height, cubic)) return false;
        first = filter.first[0];
        used = filter.first[window.height - 1] + filter.count[window.height - 1] - first;
    }
    uint8_t *between = down ? malloc(row * (size_t)used) : to;
    bool good = between;
    corner += (size_t)first * stride;
    if (good && across)
        good = resize_across(corner, stride, used, crop.width, channels, width, window, cubic, between);
    else if (good)
        copy_rows(corner + channels * (size_t)window.x, stride, used, row, between);
    if (!down) return good;
    if (good) filter_rows(between, row, first, &filter, window.height, to);
    free(between);
    free_filter(&filter);
    return good;
}
