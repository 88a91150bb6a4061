/* Fuzz target: any bytes as an image, of whatever format they begin like, as RGB or with other channels. What decodes
 * goes through a pipeline to the last pixel. */
#include "runtime/runtime.h"

enum {
#define AUGMENT(name, params, doc) KIND_##name,
#include "runtime/catalog.def"
#undef AUGMENT
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const VtAugment augments[] = {{KIND_random_resized_crop, {0.08, 1, 0.75, 4. / 3, 1}},
                                         {KIND_color_jitter, {0.4, 0.4, 0.2, 0.1, 1}},
                                         {KIND_blur, {0.1, 2, 1}},
                                         {KIND_rand_augment, {3, 9, 3, 30, 1, 1, 2, -1}}},
                           of_any[] = {{KIND_random_resized_crop, {0.08, 1, 0.75, 4. / 3, 1}},
                                       {KIND_color_jitter, {0.4, 0.4, 0, 0, 1}},
                                       {KIND_blur, {0.1, 2, 1}},
                                       {KIND_rand_augment, {3, 9, 3, 30, 1, 0, 2, 0}}};
    static const int wanted[] = {3, 3, 2, 4, 5, 16};
    int channels = wanted[size % 6], view = channels == 3 && size % 4 == 0 ? 1 : channels;
    VtPipeline pipeline = {"fuzz", 16, view, 4, view == 3 ? augments : of_any, "fuzz"};
    float out[VT_MAX_CHANNELS * 16 * 16];
    VtError error;
    VtImage image;
    VtRng rng = {.seed = size};
    if (!vt_image_decode(data, size, "fuzz", channels, &image, &error)) return 0;
    if (image.channels != channels) __builtin_trap();
    if ((int64_t)image.width * image.height < 1 << 20)
        vt_pipeline_apply(&pipeline, &image, &rng, out, &error);
    vt_image_free(&image);
    return 0;
}
