/* Images in memory: see pixels.h. */
#include "runtime/images/pixels.h"

#include <stdlib.h>

bool image_make_of(VtImage *out, int64_t width, int64_t height, int channels, const char *name,
                   VtError *error) {
    if (width < 1 || height < 1)
        return vt_bad_image(error, "%s: %lld x %lld pixels: damaged", name, (long long)width,
                            (long long)height);
    if (width > IMAGE_MAX_EDGE || height > IMAGE_MAX_EDGE)
        return vt_bad_image(error, "%s: %lld x %lld pixels: refused: an edge is at most %d pixels", name,
                            (long long)width, (long long)height, IMAGE_MAX_EDGE);
    if (width * height > IMAGE_MAX_PIXELS)
        return vt_bad_image(error, "%s: %lld x %lld pixels: refused: %lld pixels in all, at most %d", name,
                            (long long)width, (long long)height, (long long)(width * height),
                            IMAGE_MAX_PIXELS);
    if (width * height * channels > 3 * (int64_t)IMAGE_MAX_PIXELS)
        return vt_bad_image(error, "%s: %lld x %lld pixels of %d channels: refused: at most %lld values",
                            name, (long long)width, (long long)height, channels,
                            3 * (long long)IMAGE_MAX_PIXELS);
    *out = (VtImage){(int)width, (int)height, channels, calloc((size_t)(width * height), (size_t)channels)};
    return out->pixels || vt_fail(error, 1, "%s: out of memory for %lld x %lld pixels", name,
                                  (long long)width, (long long)height);
}

bool image_make(VtImage *out, int64_t width, int64_t height, const char *name, VtError *error) {
    return image_make_of(out, width, height, 3, name, error);
}

bool image_wrong_channels(const char *name, int channels, int wanted, VtError *error) {
    return vt_bad_image(error, "%s: %d channel%s, where %d are wanted", name, channels,
                        channels == 1 ? "" : "s", wanted);
}

void image_from_cmyk(const uint8_t *inks, size_t n, bool inverted, uint8_t *rgb) {
    uint8_t flip = inverted ? 0 : 255;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(((inks[4 * i + c] ^ flip) * (inks[4 * i + 3] ^ flip) + 127) / 255);
}

void vt_image_free(VtImage *image) {
    free(image->pixels);
    *image = (VtImage){0};
}
