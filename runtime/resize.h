/* Resizing with antialiasing, as Pillow does it: separable filters in 22-bit fixed point, rounded to 8 bits between the passes. */
#ifndef VITC_RUNTIME_RESIZE_H
#define VITC_RUNTIME_RESIZE_H

#include "runtime/runtime.h"

/* Resizes the rectangle (x, y, w, h) of `from` to width × height. `to`: 3·width·height bytes. */
void vt_resize(const VtImage *from, int x, int y, int w, int h, int width, int height, bool bicubic,
               uint8_t *to);

#endif
