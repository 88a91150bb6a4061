/* The encoder: images in, features out. */
#include "library/handle.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/base/rng.h"
#include "runtime/evaluation/embedder.h"
#include "runtime/images/augment.h"
#include "runtime/images/image.h"
#include "runtime/program/instance.h"
#include "runtime/program/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_finite(const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* Memory of one batch, for kernels: aligned, and zero where the last batch is not full. */
static bool room_for_images(vt_model_handle *h, size_t bytes, VtError *error) {
    void *memory;
    if (h->images) return true;
    if (posix_memalign(&memory, 64, bytes + 64) != 0) return vt_fail(error, 1, "out of memory");
    h->images = memset(memory, 0, bytes + 64);
    return true;
}

static bool embed(vt_model_handle *h, const float *images, int64_t n, float *features, VtError *error) {
    const VtProgram *p = &h->program;
    int view;
    const VtFunction *function = vt_find_embed(p, &view, error);
    if (!function) return false;
    if (n < 0) return vt_fail(error, 2, "%lld images: 0 or more was expected", (long long)n);
    if (n && (!images || !features))
        return vt_fail(error, 2, "the %s are NULL", images ? "features" : "images");
    const VtTensor *batch = &p->inputs[view].tensor;
    int64_t each = vt_elements(batch) / batch->dim[0], width = function->outputs[0].tensor.dim[1];
    if (!room_for_images(h, vt_bytes(batch), error)) return false;
    void **inputs = calloc((size_t)p->n_inputs + 1, sizeof *inputs);
    if (!inputs) return vt_fail(error, 1, "out of memory");
    double one = 1;
    for (int i = 0; i < p->n_inputs; i++) inputs[i] = (void *)vt_feed_scalar(p, i, &one);
    inputs[view] = h->images;
    bool good = true, finite = true;
    for (int64_t i = 0, count; good && i < n; i += count) {
        count = n - i < batch->dim[0] ? n - i : batch->dim[0];
        memcpy(h->images, images + i * each, sizeof *images * (size_t)(count * each));
        good = vt_instance_run(h->instance, "embed", inputs, error);
        if (!good) break;
        memcpy(features + i * width,
               vt_instance_output(h->instance, "embed", function->outputs[0].tensor.name, NULL),
               sizeof *features * (size_t)(count * width));
        finite = finite && is_finite(features + i * width, count * width);
    }
    free(inputs);
    if (!good || finite) return good;
    vt_fail(error, 1, "features are NaN or infinite: the images or the weights are");
    error->not_finite = true;
    return false;
}

vt_model_status vt_model_embed(vt_model_handle *h, const float *images, int64_t n, float *features) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, embed(h, images, n, features, &h->error));
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static const VtPipeline *pipeline_of(const vt_model_handle *h, VtError *error) {
    int view;
    return vt_find_embed(&h->program, &view, error) ? &h->program.pipelines[h->program.inputs[view].index]
                                                    : NULL;
}

static bool apply(const VtPipeline *pipeline, const VtImage *image, float *out, VtError *error) {
    VtRng rng = {.stream = vt_stream("features")};
    return vt_pipeline_apply(pipeline, image, &rng, out, error);
}

static bool prepare(vt_model_handle *h, const uint8_t *pixels, int32_t width, int32_t height,
                    int32_t channels, float *out, VtError *error) {
    const VtPipeline *pipeline = pipeline_of(h, error);
    if (!pipeline) return false;
    if (!pixels || !out) return vt_fail(error, 2, "the %s is NULL", pixels ? "image" : "array of pixels");
    if (width < 1 || height < 1 || width > IMAGE_MAX_EDGE || height > IMAGE_MAX_EDGE ||
        (int64_t)width * height > IMAGE_MAX_PIXELS)
        return vt_fail(error, 2,
                       "an image of %d x %d: edges of 1 to %d, and %d pixels at most, were expected", width,
                       height, IMAGE_MAX_EDGE, IMAGE_MAX_PIXELS);
    if (channels != pipeline->channels && channels + pipeline->channels != 4)
        return vt_fail(error, 2, "the image has %d channels, recipe '%s' wants %d", channels, h->program.name,
                       pipeline->channels);
    VtImage image = {.width = width, .height = height, .channels = channels, .pixels = (uint8_t *)pixels};
    return apply(pipeline, &image, out, error);
}

vt_model_status vt_model_prepare_image(vt_model_handle *h, const uint8_t *pixels, int32_t width,
                                       int32_t height, int32_t channels, float *image) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, prepare(h, pixels, width, height, channels, image, &h->error));
}

static bool read_image(vt_model_handle *h, const char *path, float *out, VtError *error) {
    const VtPipeline *pipeline = pipeline_of(h, error);
    VtImage image;
    if (!pipeline) return false;
    if (!path || !out) return vt_fail(error, 2, "the %s is NULL", path ? "image" : "path");
    if (!vt_image_read(path, vt_pipeline_reads(pipeline), &image, error)) return false;
    bool good = apply(pipeline, &image, out, error);
    vt_image_free(&image);
    return good;
}

vt_model_status vt_model_read_image(vt_model_handle *h, const char *path, float *image) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, read_image(h, path, image, &h->error));
}
