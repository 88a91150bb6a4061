/* Images written as PNG. */
#ifndef VITC_RUNTIME_IMAGES_ENCODE_PNG_H
#define VITC_RUNTIME_IMAGES_ENCODE_PNG_H

#include "runtime/base/error.h"
#include <stdint.h>

/* rgb: [height, width, 3], 8 bits. Replaces `path` (files/output.h). */
bool vt_png_write(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height, VtError *error);

#endif
