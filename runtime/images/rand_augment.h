/* RandAugment (Cubuk et al. 2020) as PyTorch Image Models has it (data/auto_augment.py, "rand-m9-mstd0.5-inc1"): some
 * operations, each drawn of all and applied with a probability, at a level around a magnitude. */
#ifndef VITC_RUNTIME_IMAGES_RAND_AUGMENT_H
#define VITC_RUNTIME_IMAGES_RAND_AUGMENT_H

#include "runtime/base/rng.h"
#include "runtime/images/image.h"

/* What is known of a view: how its images are changed. */
typedef struct {
    bool increasing; /* levels say how much is changed, in all operations; else some are less, the higher */
    bool cubic;      /* of rotations, shears and translations, else bilinear */
    const uint8_t *fill; /* a value a channel, where they show what is outside */
} RandStyle;

typedef struct {
    RandStyle style;
    bool any_interpolation; /* drawn each time, in place of style.cubic */
    int operations;         /* drawn for each image; one may be drawn twice */
    double p;               /* that an operation drawn is applied */
    double magnitude, spread,
        highest; /* levels: normal of this mean and deviation, from 0 to `highest`; of 10 */
} RandAugment;

/* By number, from 0; NULL: there are no more. */
const char *rand_operation_name(int operation);
/* One operation at a level, in place. negative: the other way, of those that have two. Of images without colours
 * "color" changes nothing. False: no memory. */
bool rand_operation(int operation, VtImage *image, double level, bool negative, const RandStyle *style);
/* False: no memory. */
bool rand_augment(const RandAugment *how, VtRng *rng, VtImage *image);

#endif
