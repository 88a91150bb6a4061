/* The frozen encoder over a data set: function "embed", whose one VIEW input gives the pipeline and the batch. Images
 * whose bytes are no image are left out and counted; more than max_broken of them are an error, as is any other
 * failure, and so are features that are NaN or infinite: the message counts and names their images. Polls
 * vt_stop_signal(). */
#ifndef VITC_RUNTIME_EVALUATION_FEATURES_H
#define VITC_RUNTIME_EVALUATION_FEATURES_H

#include "runtime/datasets/dataset.h"
#include "runtime/program/instance.h"

typedef struct {
    float *values;   /* f32[n, dim], finite; owned */
    int32_t *labels; /* of each row; -1: none; owned */
    int64_t n, dim;
    int64_t broken;       /* images left out */
    VtError first_broken; /* what is wrong with the first of them */
} VtFeatures;
typedef struct {
    VtInstance *instance; /* NULL: pixels (embedder.h) */
    const VtProgram *program;
    const VtDataset *dataset;
    int64_t limit; /* at most so many images, spread over the set; 0: all */
    int64_t max_broken;
    int crops;                                           /* of each image (embedder.h); 0 is 1 */
    void (*tell)(void *user, int64_t done, int64_t all); /* after each batch; may be NULL */
    void *user;
} VtEncode;
bool vt_encode(const VtEncode *request, VtFeatures *out, VtError *error);
/* Rows that k-NN can use: they have a label and are not all zero. */
int64_t vt_features_usable(const VtFeatures *features);
/* Classes of both splits, numbered from 0: one more than the largest label. */
int vt_features_classes(const VtFeatures *train, const VtFeatures *test);
void vt_features_free(VtFeatures *features); /* zeroed ones too */

#endif
