/* Colour operations on 8-bit RGB, as Pillow and torchvision compute them. All work in place on n pixels. */
#ifndef VITC_RUNTIME_IMAGES_COLOR_H
#define VITC_RUNTIME_IMAGES_COLOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void vt_brightness(uint8_t *rgb, size_t n, double factor);
void vt_contrast(uint8_t *rgb, size_t n, double factor);
void vt_saturation(uint8_t *rgb, size_t n, double factor);
void vt_hue(uint8_t *rgb, size_t n, double factor); /* turns of the colour circle, in [-0.5, 0.5] */
void vt_grayscale(uint8_t *rgb, size_t n);
void vt_solarize(uint8_t *rgb, size_t n, int threshold);
void vt_posterize(uint8_t *rgb, size_t n, int bits); /* 1..8 that stay, from the highest on */
/* Pillow's GaussianBlur: three box blurs a direction. False: no memory, and nothing is changed. */
bool vt_blur(uint8_t *rgb, int width, int height, double sigma);

#endif
