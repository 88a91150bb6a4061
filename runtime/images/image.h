/* 8-bit images, decoded from files of any format that is read (a file decode_FORMAT.c each). */
#ifndef VITC_RUNTIME_IMAGES_IMAGE_H
#define VITC_RUNTIME_IMAGES_IMAGE_H

#include "runtime/images/pixels.h"

/* By content, whatever the name: JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, PGM, PBM, .npy. channels: 3 makes RGB of
 * whatever the file has; any other number is that of the file, or it is bad data. Bytes that are no whole image, or one
 * beyond the limits of size (the message names the limit), are bad data; that memory ran out is not. */
bool vt_image_decode(const uint8_t *bytes, size_t size, const char *name, int channels, VtImage *out,
                     VtError *error);
/* The same of a file. One that cannot be read, or that is no regular file, is no bad data. */
bool vt_image_read(const char *path, int channels, VtImage *out, VtError *error);
/* What the first bytes say ("JPEG"); NULL: none that is read. Sixteen bytes are enough. */
const char *vt_image_format(const uint8_t *bytes, size_t size);

#endif
