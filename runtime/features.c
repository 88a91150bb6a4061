/* The frozen encoder over a data set: function "embed", a batch at a time; images are made ready on all threads. */
#include "runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const VtDataset *dataset;
    const VtPipeline *pipeline;
    const int64_t *indices;
    int64_t first, count;
    float *out;
    VtError error;
    bool failed;
} Fill;

static void fill(void *user, int thread, int threads) {
    Fill *f = user;
    int64_t size = 3 * (int64_t)f->pipeline->size * f->pipeline->size;
    for (int64_t i = thread; i < f->count; i += threads) {
        VtImage image;
        VtError error;
        VtRng rng = {.stream = vt_stream("features"), .step = (uint64_t)(f->first + i)};
        if (!vt_dataset_image(f->dataset, f->indices[f->first + i], &image, &error)) {
            memset(f->out + i * size, 0, sizeof(float) * (size_t)size);
            if (!__atomic_exchange_n(&f->failed, true, __ATOMIC_SEQ_CST)) f->error = error;
            continue;
        }
        vt_pipeline_apply(f->pipeline, &image, &rng, f->out + i * size);
        vt_image_free(&image);
    }
}

float *vt_features(VtInstance *instance, const VtProgram *program, const VtDataset *dataset, int64_t limit,
                   int64_t *n, int64_t *dim, int32_t **labels, VtError *error) {
    const VtFunction *embed = NULL;
    int view = -1;
    for (int f = 0; f < program->n_functions; f++)
        if (strcmp(program->functions[f].name, "embed") == 0) embed = &program->functions[f];
    for (int i = 0; embed && i < embed->n_inputs; i++)
        if (program->inputs[embed->inputs[i]].source == VT_SOURCE_VIEW) view = embed->inputs[i];
    if (view < 0) {
        vt_fail(error, 2, "recipe '%s' has no `embed:` with a view: evaluation needs it", program->name);
        return NULL;
    }
    int64_t all = vt_dataset_size(dataset), batch = program->train.batch;
    *n = limit > 0 && limit < all ? limit : all;
    *dim = embed->outputs[0].tensor.dim[1];
    float *features = malloc(sizeof *features * (size_t)(*n * *dim)), *images = NULL;
    int64_t *indices = malloc(sizeof *indices * (size_t)*n);
    void **inputs = calloc((size_t)program->n_inputs + 1, sizeof(void *));
    double one = 1;
    *labels = malloc(sizeof **labels * (size_t)*n);
    bool good = features && indices && inputs && *labels &&
                posix_memalign((void **)&images, 64, vt_bytes(&program->inputs[view].tensor) + 64) == 0;
    for (int64_t i = 0; good && i < *n; i++) { /* spread over the set: its classes lie together */
        indices[i] = i * all / *n;
        (*labels)[i] = vt_dataset_label(dataset, indices[i]);
    }
    for (int i = 0; good && i < program->n_inputs; i++)
        if (program->inputs[i].source == VT_SOURCE_STEPS_PER_EPOCH) inputs[i] = &one;
    if (good) inputs[view] = images;
    Fill f = {.dataset = dataset,
              .pipeline = &program->pipelines[program->inputs[view].index],
              .indices = indices,
              .out = images};
    for (int64_t first = 0; good && first < *n; first += batch) {
        f.first = first;
        f.count = *n - first < batch ? *n - first : batch;
        vt_parallel(fill, &f);
        good = vt_instance_run(instance, "embed", inputs, error);
        if (good)
            memcpy(features + first * *dim, vt_instance_output(instance, "embed", "features", NULL),
                   sizeof(float) * (size_t)(f.count * *dim));
    }
    if (good && f.failed) good = vt_fail(error, 1, "%s", f.error.message);
    free(images);
    free(indices);
    free(inputs);
    if (good) return features;
    free(features);
    free(*labels);
    *labels = NULL;
    return NULL;
}
