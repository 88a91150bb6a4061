/* Resizing with antialiasing, as Pillow does it: separable filters in 22-bit fixed point, rounded to 8 bits between the
 * passes. */
#ifndef VITC_RUNTIME_IMAGES_RESIZE_H
#define VITC_RUNTIME_IMAGES_RESIZE_H

#include "runtime/images/image.h"

typedef struct {
    int x, y, width, height;
} VtRect;

/* Resizes the rectangle `crop` of `from` to width × height and writes the part `window` of that, which may be all.
 * Pixels outside the crop are not looked at. `to`: the window's pixels, of as many channels. False: no memory. */
bool vt_resize(const VtImage *from, VtRect crop, int width, int height, VtRect window, bool bicubic,
               uint8_t *to);

/* Rows become columns: pixels of `channels` bytes, rows `stride` bytes apart, to a packed image of `rows` pixels a
 * row. */
void vt_transpose(const uint8_t *from, size_t stride, int rows, int columns, size_t channels, uint8_t *to);

#endif
