/* Random erasing: see erase.h. */
#include "runtime/images/erase.h"

#include <math.h>

static void erase(EraseMode mode, VtRng *rng, int64_t height, int64_t width, int64_t stride, float *corner) {
    float value = mode == ERASE_RAND ? (float)vt_rng_normal(rng) : 0;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            corner[y * stride + x] = mode == ERASE_PIXEL ? (float)vt_rng_normal(rng) : value;
}

static void erase_one(const Erase *how, VtRng *rng, int64_t channels, int64_t size, int count,
                      float *planes) {
    double low = log(how->aspect[0]), high = log(how->aspect[1]);
    for (int attempt = 0; attempt < 10; attempt++) {
        double share = how->area[0] + (how->area[1] - how->area[0]) * vt_rng_uniform(rng),
               area = share * (double)(size * size) / count,
               aspect = exp(low + (high - low) * vt_rng_uniform(rng));
        int64_t height = (int64_t)nearbyint(sqrt(area * aspect)),
                width = (int64_t)nearbyint(sqrt(area / aspect));
        if (width >= size || height >= size) continue;
        int64_t top = vt_rng_below(rng, size - height + 1), left = vt_rng_below(rng, size - width + 1);
        for (int64_t c = 0; c < channels; c++)
            erase(how->mode, rng, height, width, size, planes + (c * size + top) * size + left);
        return;
    }
}

void erase_rectangles(const Erase *how, VtRng *rng, int64_t channels, int64_t size, float *planes) {
    int count = how->count > 1 ? 1 + (int)vt_rng_below(rng, how->count) : how->count;
    for (int i = 0; i < count; i++) erase_one(how, rng, channels, size, count, planes);
}
