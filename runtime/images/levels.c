/* Tables of levels: see levels.h. */
#include "runtime/images/levels.h"

#include <stddef.h>

enum { LEVELS = 256 };

static size_t pixels(const VtImage *image) {
    return (size_t)image->width * (size_t)image->height;
}

static void count(const VtImage *image, size_t c, int64_t histogram[LEVELS]) {
    size_t channels = (size_t)image->channels;
    for (int i = 0; i < LEVELS; i++) histogram[i] = 0;
    for (size_t i = 0, n = pixels(image); i < n; i++) histogram[image->pixels[channels * i + c]]++;
}

static void look_up(VtImage *image, size_t c, const uint8_t table[LEVELS]) {
    size_t channels = (size_t)image->channels;
    for (size_t i = 0, n = pixels(image); i < n; i++) {
        uint8_t *x = &image->pixels[channels * i + c];
        *x = table[*x];
    }
}

void vt_autocontrast(VtImage *image) {
    for (size_t c = 0; c < (size_t)image->channels; c++) {
        int64_t histogram[LEVELS];
        uint8_t table[LEVELS];
        int low = 0, high = LEVELS - 1;
        count(image, c, histogram);
        while (low < high && !histogram[low]) low++;
        while (high > low && !histogram[high]) high--;
        if (high <= low) continue;
        double scale = 255.0 / (high - low), offset = -low * scale;
        for (int i = 0; i < LEVELS; i++) {
            double v = i * scale + offset;
            table[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
        look_up(image, c, table);
    }
}

void vt_equalize(VtImage *image) {
    for (size_t c = 0; c < (size_t)image->channels; c++) {
        int64_t histogram[LEVELS], last = 0;
        uint8_t table[LEVELS];
        count(image, c, histogram);
        for (int i = 0; i < LEVELS; i++)
            if (histogram[i]) last = histogram[i];
        int64_t step = ((int64_t)pixels(image) - last) / 255, n = step / 2;
        if (step == 0) continue; /* also where there is one level alone */
        for (int i = 0; i < LEVELS; i++) {
            table[i] = (uint8_t)(n / step > 255 ? 255 : n / step);
            n += histogram[i];
        }
        look_up(image, c, table);
    }
}

void vt_solarize_add(VtImage *image, int add, int threshold) {
    uint8_t table[LEVELS];
    for (int i = 0; i < LEVELS; i++) {
        int v = i < threshold ? i + add : i;
        table[i] = (uint8_t)(v > 255 ? 255 : v);
    }
    for (size_t c = 0; c < (size_t)image->channels; c++) look_up(image, c, table);
}
