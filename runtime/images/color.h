/* Colour operations on 8-bit images, as Pillow and torchvision compute them, in place. Those that are of colours, and
 * not of each value apart, want RGB. */
#ifndef VITC_RUNTIME_IMAGES_COLOR_H
#define VITC_RUNTIME_IMAGES_COLOR_H

#include "runtime/images/image.h"

void vt_brightness(VtImage *image, double factor);
/* Away from the mean luma of RGB, or of other channels from the mean of all values. */
void vt_contrast(VtImage *image, double factor);
void vt_saturation(VtImage *rgb, double factor);
void vt_hue(VtImage *rgb, double factor); /* turns of the colour circle, in [-0.5, 0.5] */
void vt_grayscale(VtImage *rgb);
void vt_solarize(VtImage *image, int threshold);
void vt_posterize(VtImage *image, int bits); /* 0..8 that stay, from the highest on */
/* Between the image smoothed by 3 x 3 pixels (factor 0) and itself (1), or beyond; the border is not smoothed. False:
 * no memory, and nothing is changed. */
bool vt_sharpness(VtImage *image, double factor);
/* Pillow's GaussianBlur: three box blurs a direction. False: no memory, and nothing is changed. */
bool vt_blur(VtImage *image, double sigma);
/* Of n pixels the luma, (19595 R + 38470 G + 7471 B) / 65536 rounded: Pillow's convert("L"), after ITU-R 601. */
void vt_luma(const uint8_t *rgb, size_t n, uint8_t *gray);

#endif
