/* Pipelines of augmentations: how a view is made of an image. */
#ifndef VITC_RUNTIME_IMAGES_AUGMENT_H
#define VITC_RUNTIME_IMAGES_AUGMENT_H

#include "runtime/base/rng.h"
#include "runtime/images/image.h"
#include "runtime/program.h"

/* The channels that its images are to be read with: RGB of those of which it takes the luma. */
int vt_pipeline_reads(const VtPipeline *pipeline);
/* "center_crop(resize=36, interpolation=bicubic), normalize(mean=0.5 0.5 0.5, std=1 1 1)" */
void vt_pipeline_describe(const VtPipeline *pipeline, char *out, size_t size);
/* Writes f32[channels, size, size] to `out`. All randomness comes from `rng`. The image has the pipeline's channels, or
 * one of the two has one (luma) and the other three; it then fails for lack of memory alone. Numbers follow torchvision
 * on PIL images (Pillow's 8-bit rounding between steps). */
bool vt_pipeline_apply(const VtPipeline *pipeline, const VtImage *image, VtRng *rng, float *out,
                       VtError *error);
/* The pipeline with the `place`-th of ten crops (augmentation place_crop) in the place of its centre crop, or before
 * all where it has none: of the image resized by that crop, or to 8/7 of the view's size if that leaves no border.
 * augments: room for one more than the pipeline has. */
VtPipeline vt_pipeline_at(const VtPipeline *pipeline, int place, VtAugment *augments);
/* Planes [channels, height, width] that are normalised as the pipeline's as 8-bit RGB: rows of `rgb` are `stride` bytes
 * apart. Of one or two channels the first is shown in gray, of more the first three. pipeline NULL: from 0 to 1. */
void vt_pipeline_pixels(const VtPipeline *pipeline, const float *planes, int channels, int64_t height,
                        int64_t width, uint8_t *rgb, int64_t stride);

#endif
