/* Features as directions: the images of a set that take part in comparisons, as unit vectors, laid out as function
 * "similarities" of the encoder's program reads them. */
#ifndef VITC_RUNTIME_EVALUATION_DIRECTIONS_H
#define VITC_RUNTIME_EVALUATION_DIRECTIONS_H

#include "runtime/evaluation/features.h"

typedef struct {
    /* f32[parts][room][width], owned: of n images, then rows of zeros. Features are cut into parts as wide as the
     * function's; what is missing of the last is zeros. */
    float *x;
    int32_t *labels; /* of each; owned */
    int64_t n, room, width, parts;
    int64_t unlabelled, zero; /* images that have no label; that have one, and features that are all 0 */
} VtDirections;
/* An image without a label cannot be judged and takes no part. One whose features are all zero has no direction: it
 * takes part only where `keep_zero` says so. `padding`: rows behind the last that may be read. False without memory. */
bool vt_directions_make(VtDirections *out, const VtFeatures *features, bool keep_zero, int64_t width,
                        int64_t padding, VtError *error);
void vt_directions_free(VtDirections *directions); /* zeroed ones too */
/* An error where none takes part, or all are zero. `use`: "k-NN"; `which`: "test images". */
bool vt_directions_check(const VtDirections *directions, const char *use, const char *which, VtError *error);
/* Their labels, ascending, each once; the caller's. NULL without memory. */
int32_t *vt_directions_classes(const VtDirections *directions, int *n);
bool vt_direction_is_zero(const VtDirections *directions, int64_t i);

#endif
