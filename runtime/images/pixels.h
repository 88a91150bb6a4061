/* 8-bit images in memory, RGB or of other channels, and what all decoders share: room for pixels, within limits, and
 * colours of print. */
#ifndef VITC_RUNTIME_IMAGES_PIXELS_H
#define VITC_RUNTIME_IMAGES_PIXELS_H

#include "runtime/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int width, height, channels;
    uint8_t *pixels; /* [height, width, channels]; owned (free) */
} VtImage;

void vt_image_free(VtImage *image);

enum { IMAGE_MAX_EDGE = 16384, IMAGE_MAX_PIXELS = 64 << 20 };

/* Room for the pixels, as zeros. A size beyond a limit is refused before memory is asked for, and the message names
 * that limit. */
bool image_make(VtImage *out, int64_t width, int64_t height, const char *name, VtError *error);

/* The same for other channels than three. */
bool image_make_of(VtImage *out, int64_t width, int64_t height, int channels, const char *name,
                   VtError *error);
/* Fails with what a file has, and what was asked for. */
bool image_wrong_channels(const char *name, int channels, int wanted, VtError *error);

/* Naively, as Pillow does it: `inks` are four bytes a pixel, of which 255 is all ink, or none where they are
 * inverted. */
void image_from_cmyk(const uint8_t *inks, size_t n, bool inverted, uint8_t *rgb);

#endif
