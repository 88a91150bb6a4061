/* Operations that give each level of each channel another, by a table, as Pillow's ImageOps and PyTorch Image Models
 * do; in place. */
#ifndef VITC_RUNTIME_IMAGES_LEVELS_H
#define VITC_RUNTIME_IMAGES_LEVELS_H

#include "runtime/images/image.h"

/* A channel's darkest level becomes 0, its lightest 255. */
void vt_autocontrast(VtImage *image);
/* Each channel's levels spread so that they are about equally frequent. */
void vt_equalize(VtImage *image);
/* Levels below the threshold made lighter by `add`, to 255 at most. */
void vt_solarize_add(VtImage *image, int add, int threshold);

#endif
