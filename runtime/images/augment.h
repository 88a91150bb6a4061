/* Pipelines of augmentations: how a view is made of an image. */
#ifndef VITC_RUNTIME_IMAGES_AUGMENT_H
#define VITC_RUNTIME_IMAGES_AUGMENT_H

#include "runtime/base/rng.h"
#include "runtime/images/image.h"
#include "runtime/program.h"

/* The channels that its images are to be read with: RGB of those of which it takes the luma. */
int vt_pipeline_reads(const VtPipeline *pipeline);
/* Writes f32[channels, size, size] to `out`. All randomness comes from `rng`. The image has the pipeline's channels, or
 * one of the two has one (luma) and the other three; it then fails for lack of memory alone. Numbers follow torchvision
 * on PIL images (Pillow's 8-bit rounding between steps). */
bool vt_pipeline_apply(const VtPipeline *pipeline, const VtImage *image, VtRng *rng, float *out,
                       VtError *error);

#endif
