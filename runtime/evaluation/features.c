/* The frozen encoder over a data set: function "embed", a batch at a time; images are made ready on all threads. */
#include "runtime/evaluation/features.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/base/rng.h"
#include "runtime/base/stop.h"
#include "runtime/datasets/dataset.h"
#include "runtime/images/augment.h"
#include "runtime/images/image.h"
#include "runtime/program/instance.h"
#include "runtime/program/settings.h"
#include "runtime/threads/team.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct { /* a batch being made ready */
    const VtDataset *dataset;
    const VtPipeline *pipeline;
    const int64_t *indices;
    int64_t first, count; /* of `indices` */
    float *out;
    bool *good; /* of each image of the batch */
    pthread_mutex_t lock;
    VtError broken, failed; /* of the first image that is broken; that could not be read for another reason */
    int64_t first_broken, first_failed;
    int64_t not_finite, first_not_finite; /* images whose features are not; which is the first */
} Fill;

static void note_wrong(Fill *f, int64_t i, const VtError *error) {
    pthread_mutex_lock(&f->lock);
    VtError *note = error->bad_image ? &f->broken : &f->failed;
    int64_t *first = error->bad_image ? &f->first_broken : &f->first_failed;
    if (*first < 0 || i < *first) {
        *first = i;
        *note = *error;
    }
    pthread_mutex_unlock(&f->lock);
}

static void fill(void *user, int thread, int threads) {
    Fill *f = user;
    int64_t size = f->pipeline->channels * (int64_t)f->pipeline->size * f->pipeline->size;
    for (int64_t i = thread; i < f->count; i += threads) {
        VtImage image;
        VtError wrong = {0};
        VtRng rng = {.stream = vt_stream("features"), .step = (uint64_t)(f->first + i)};
        if (vt_stop_signal()) return; /* and the caller too */
        f->good[i] = vt_dataset_image(f->dataset, f->indices[f->first + i], &image, &wrong);
        if (!f->good[i]) {
            note_wrong(f, i, &wrong);
            memset(f->out + i * size, 0, sizeof(float) * (size_t)size);
            continue;
        }
        f->good[i] = vt_pipeline_apply(f->pipeline, &image, &rng, f->out + i * size, &wrong);
        if (!f->good[i]) note_wrong(f, i, &wrong);
        vt_image_free(&image);
    }
}

static bool is_finite(const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* Takes the rows of a batch that are of good images. */
static bool take(Fill *f, const float *rows, int64_t max_broken, VtFeatures *out, VtError *error) {
    if (f->first_broken >= 0 && out->broken == 0) out->first_broken = f->broken;
    for (int64_t i = 0; i < f->count; i++) {
        const float *row = rows + i * out->dim;
        int64_t index = f->indices[f->first + i];
        out->broken += !f->good[i];
        if (!f->good[i]) continue;
        if (!is_finite(row, out->dim) && f->not_finite++ == 0) f->first_not_finite = index;
        memcpy(out->values + out->n * out->dim, row, sizeof *row * (size_t)out->dim);
        out->labels[out->n++] = vt_dataset_label(f->dataset, index);
    }
    return out->broken <= max_broken ||
           vt_fail(error, 1, "broken images: %lld, more than the %lld allowed; the first: %s",
                   (long long)out->broken, (long long)max_broken, out->first_broken.message);
}

static bool all_finite(const Fill *f, const VtFeatures *out, VtError *error) {
    if (f->not_finite == 0) return true;
    vt_fail(error, 1,
            "the features of %lld of %lld images are NaN or infinite, first those of %s: the weights have "
            "diverged",
            (long long)f->not_finite, (long long)out->n, vt_dataset_name(f->dataset, f->first_not_finite));
    if (error) error->not_finite = true;
    return false;
}

/* The next batch through the encoder. */
static bool embed_batch(VtInstance *instance, Fill *f, void *const *inputs, int64_t max_broken,
                        VtFeatures *out, VtError *error) {
    f->first_broken = f->first_failed = -1;
    vt_parallel(fill, f);
    if (vt_stop_signal()) return vt_stopped(error);
    if (f->first_failed >= 0) {
        if (error) *error = f->failed;
        return false;
    }
    return vt_instance_run(instance, "embed", inputs, error) &&
           take(f, vt_instance_output(instance, "embed", "features", NULL), max_broken, out, error);
}

const VtFunction *vt_find_embed(const VtProgram *program, int *view, VtError *error) {
    const VtFunction *embed = vt_find_function(program, "embed");
    *view = -1;
    for (int i = 0; embed && i < embed->n_inputs; i++)
        if (program->inputs[embed->inputs[i]].source == VT_SOURCE_VIEW) *view = embed->inputs[i];
    if (*view >= 0) return embed;
    vt_fail(error, 2, "recipe '%s' has no `embed:` with a view: evaluation needs it", program->name);
    return NULL;
}

bool vt_features(VtInstance *instance, const VtProgram *program, const VtDataset *dataset, int64_t limit,
                 int64_t max_broken, VtFeatures *out, VtError *error) {
    int view;
    *out = (VtFeatures){0};
    const VtFunction *embed = vt_find_embed(program, &view, error);
    if (!embed) return false;
    int64_t all = vt_dataset_size(dataset), batch = program->inputs[view].tensor.dim[0];
    int64_t n = limit > 0 && limit < all ? limit : all;
    out->dim = embed->outputs[0].tensor.dim[1];
    out->values = malloc(sizeof *out->values * (size_t)(n * out->dim) + 64);
    out->labels = malloc(sizeof *out->labels * (size_t)n + 64);
    int64_t *indices = malloc(sizeof *indices * (size_t)n + 64);
    void **inputs = calloc((size_t)program->n_inputs + 1, sizeof(void *));
    Fill f = {.dataset = dataset,
              .pipeline = &program->pipelines[program->inputs[view].index],
              .indices = indices,
              .good = calloc((size_t)batch, sizeof *f.good)};
    pthread_mutex_init(&f.lock, NULL);
    bool good = out->values && out->labels && indices && inputs && f.good &&
                posix_memalign((void **)&f.out, 64, vt_bytes(&program->inputs[view].tensor) + 64) == 0;
    double one = 1;
    if (!good) vt_fail(error, 1, "out of memory for the features of %lld images", (long long)n);
    if (good) vt_dataset_spread(dataset, n, indices);
    for (int i = 0; good && i < program->n_inputs; i++) inputs[i] = (void *)vt_feed_scalar(program, i, &one);
    if (good) {
        memset(f.out, 0, vt_bytes(&program->inputs[view].tensor)); /* the last batch may not be full */
        inputs[view] = f.out;
    }
    for (; good && f.first < n; f.first += batch) {
        f.count = n - f.first < batch ? n - f.first : batch;
        good = embed_batch(instance, &f, inputs, max_broken, out, error);
    }
    good = good && all_finite(&f, out, error);
    if (good && out->n == 0) good = vt_fail(error, 1, "no image of the data set can be read");
    free(f.out);
    free(f.good);
    pthread_mutex_destroy(&f.lock);
    free(indices);
    free(inputs);
    if (!good) vt_features_free(out);
    return good;
}

int64_t vt_features_usable(const VtFeatures *features) {
    int64_t count = 0;
    for (int64_t i = 0; i < features->n; i++) {
        const float *row = features->values + i * features->dim;
        int64_t d = 0;
        while (d < features->dim && row[d] == 0) d++;
        count += features->labels[i] >= 0 && d < features->dim;
    }
    return count;
}

void vt_features_free(VtFeatures *features) {
    free(features->values);
    free(features->labels);
    *features = (VtFeatures){0};
}
