/* Inside the image decoders: a file a format, each chosen by the first bytes of the file (image.c). Pixels are those of Pillow's
 * convert("RGB"), except where a decoder says otherwise: alpha is left away, palettes are looked up, EXIF is not looked at. */
#ifndef VITC_RUNTIME_IMAGES_DECODE_H
#define VITC_RUNTIME_IMAGES_DECODE_H

#include "runtime/base/error.h"
#include "runtime/images/image.h"

enum { IMAGE_MAX_EDGE = 16384, IMAGE_MAX_PIXELS = 64 << 20 };

/* Room for the pixels, as zeros. A size beyond a limit is refused before memory is asked for, and the message names that limit. */
bool image_make(VtImage *out, int64_t width, int64_t height, const char *name, VtError *error);

/* Naively, as Pillow does it: `inks` are four bytes a pixel, of which 255 is all ink, or none where they are inverted. */
void image_from_cmyk(const uint8_t *inks, size_t n, bool inverted, uint8_t *rgb);

/* Each fills `out`, or returns false with an error; what is then in `out` is freed by the caller. `size` is above 0, and the first bytes
 * are the format's. */
typedef bool ImageDecoder(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error);
ImageDecoder decode_jpeg, decode_png, decode_webp, decode_tiff, decode_gif, decode_bmp, decode_pnm;

#endif
