/* Rotations, shears and translations of 8-bit images, as Pillow's Image.transform and Image.rotate compute them: each
 * pixel is interpolated where its centre comes from, in double, and cut to 8 bits. */
#ifndef VITC_RUNTIME_IMAGES_AFFINE_H
#define VITC_RUNTIME_IMAGES_AFFINE_H

#include "runtime/images/image.h"

/* In place: the pixel whose centre is (x, y) comes from (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]); `fill`, a
 * value a channel, where that is outside. cubic: of 4 x 4 pixels (Keys, a = -1), else of 2 x 2. False: no memory, and
 * nothing is changed. */
bool vt_affine(VtImage *image, const double m[6], bool cubic, const uint8_t *fill);
/* The matrix of a turn about the centre, counter-clockwise. */
void vt_rotation(const VtImage *image, double degrees, double m[6]);

#endif
