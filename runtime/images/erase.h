/* Rectangles of an image replaced by noise (Zhong et al. 2017), after it was normalised, as PyTorch Image Models'
 * RandomErasing. */
#ifndef VITC_RUNTIME_IMAGES_ERASE_H
#define VITC_RUNTIME_IMAGES_ERASE_H

#include "runtime/base/rng.h"

#include <stdint.h>

typedef enum { ERASE_PIXEL, ERASE_RAND, ERASE_CONST } EraseMode; /* a normal number a value, a channel; 0 */

typedef struct {
    double area[2], aspect[2]; /* share of the image; height / width, log-uniform */
    EraseMode mode;
    int count; /* rectangles: 1 to this, which share the area */
} Erase;

/* planes: f32[channels, size, size]. A rectangle that fits in none of ten tries, its edges below the image's, is left
 * out. */
void erase_rectangles(const Erase *how, VtRng *rng, int64_t channels, int64_t size, float *planes);

#endif
