/* Inside the image decoders: a file a format, each chosen by the first bytes of the file (image.c). Pixels are those of
 * Pillow's convert("RGB"), except where a decoder says otherwise: alpha is left away, palettes are looked up, EXIF is
 * not looked at. */
#ifndef VITC_RUNTIME_IMAGES_DECODE_H
#define VITC_RUNTIME_IMAGES_DECODE_H

#include "runtime/images/pixels.h"

/* Each fills `out`, or returns false with an error; what is then in `out` is freed by the caller. `size` is above 0,
 * and the first bytes are the format's. */
typedef bool ImageDecoder(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error);
ImageDecoder decode_jpeg, decode_png, decode_webp, decode_tiff, decode_gif, decode_bmp, decode_pnm,
    decode_npy;
/* Of formats whose files may have other channels: exactly so many, 2 or 4 and more, as they are stored. A file that has
 * others is a bad image (image_wrong_channels). */
typedef bool ChannelsDecoder(const uint8_t *bytes, size_t size, const char *name, int channels, VtImage *out,
                             VtError *error);
ChannelsDecoder decode_png_channels, decode_webp_channels, decode_tiff_channels, decode_npy_channels;

#endif
