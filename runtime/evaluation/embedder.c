/* The frozen encoder, a batch at a time: see embedder.h. */
#include "runtime/evaluation/embedder.h"
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

struct VtEmbedder {
    VtInstance *instance;
    const VtDataset *dataset;
    const VtPipeline *pipeline; /* that of the view, or of one of its crops: */
    VtPipeline crop;
    VtAugment *crop_augments;
    int crops;
    VtImage *decoded; /* of the batch; NULL: there is one crop, and none is kept */
    float *means;     /* of the rows of all crops */
    const VtPipeline *view;
    const int64_t *indices;
    int64_t n, dim, batch, max_broken;
    int64_t first, count; /* of the batch that is made */
    float *images;
    float *pixels; /* without an instance: means of `pool` × `pool` pixels; NULL: the images themselves */
    int pool;
    void **inputs;
    bool *good;             /* of each image of the batch */
    pthread_mutex_t lock;   /* of what threads note of a batch: */
    VtError broken, failed; /* of the first image that is broken; that could not be read for another reason */
    int64_t at_broken, at_failed;
    int64_t n_broken, n_embedded, not_finite, first_not_finite;
    VtError first_broken;
    double one; /* what is fed as the steps of an epoch */
};

const VtFunction *vt_find_embed(const VtProgram *program, int *view, VtError *error) {
    const VtFunction *embed = vt_find_function(program, "embed");
    *view = -1;
    for (int i = 0; embed && i < embed->n_inputs; i++)
        if (program->inputs[embed->inputs[i]].source == VT_SOURCE_VIEW) *view = embed->inputs[i];
    if (*view >= 0) return embed;
    vt_fail(error, 2, "recipe '%s' has no `embed:` with a view: there are no features", program->name);
    return NULL;
}

static int64_t index_of(const VtEmbedder *e, int64_t i) {
    return e->indices ? e->indices[e->first + i] : e->first + i;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static void note_wrong(VtEmbedder *e, int64_t i, const VtError *error) {
    pthread_mutex_lock(&e->lock);
    VtError *note = error->bad_image ? &e->broken : &e->failed;
    int64_t *at = error->bad_image ? &e->at_broken : &e->at_failed;
    if (*at < 0 || i < *at) {
        *at = i;
        *note = *error;
    }
    pthread_mutex_unlock(&e->lock);
}

/* One image of the batch, decoded, or decoded before for another crop. */
static bool decode(VtEmbedder *e, int64_t i, VtImage *image, VtError *wrong) {
    if (e->decoded && e->decoded[i].pixels) return *image = e->decoded[i], true;
    if (!vt_dataset_image(e->dataset, index_of(e, i), image, wrong)) return false;
    if (e->decoded) e->decoded[i] = *image;
    return true;
}

static void fill(void *user, int thread, int threads) {
    VtEmbedder *e = user;
    int64_t size = e->pipeline->channels * (int64_t)e->pipeline->size * e->pipeline->size;
    for (int64_t i = thread; i < e->count; i += threads) {
        VtImage image;
        VtError wrong = {0};
        VtRng rng = {.stream = vt_stream("features"), .step = (uint64_t)(e->first + i)};
        if (vt_stop_signal()) return; /* and the caller too */
        if (!e->good[i]) continue;    /* it was broken already */
        e->good[i] = decode(e, i, &image, &wrong);
        if (!e->good[i]) {
            note_wrong(e, i, &wrong);
            memset(e->images + i * size, 0, sizeof(float) * (size_t)size);
            continue;
        }
        e->good[i] = vt_pipeline_apply(e->pipeline, &image, &rng, e->images + i * size, &wrong);
        if (!e->good[i]) note_wrong(e, i, &wrong);
        if (!e->decoded) vt_image_free(&image);
    }
}

static void drop_decoded(VtEmbedder *e) {
    for (int64_t i = 0; e->decoded && i < e->batch; i++) {
        if (e->decoded[i].pixels) vt_image_free(&e->decoded[i]);
        e->decoded[i] = (VtImage){0};
    }
}

/* ---- pixels ------------------------------------------------------------------------------------------------------ */

enum { MOST_PIXELS = 64 };

/* Of a map of size × size, the edge of the squares that become one value. */
static int pool_of(int size) {
    for (int pool = 1; pool < size; pool++)
        if (size % pool == 0 && size / pool <= MOST_PIXELS) return pool;
    return 1;
}

int vt_embedder_size(const VtProgram *program, bool pixels) {
    int view;
    if (!vt_find_embed(program, &view, NULL)) return 0;
    int size = program->pipelines[program->inputs[view].index].size;
    return pixels ? size / pool_of(size) : size;
}

/* [count · channels, size, size] -> the means of its squares. */
static void pool_images(VtEmbedder *e) {
    int size = e->pipeline->size, pool = e->pool, edge = size / pool;
    for (int64_t plane = 0; plane < e->count * e->pipeline->channels; plane++) {
        const float *from = e->images + plane * size * size;
        float *to = e->pixels + plane * edge * edge;
        for (int y = 0; y < edge; y++)
            for (int x = 0; x < edge; x++) {
                float sum = 0;
                for (int i = 0; i < pool * pool; i++)
                    sum += from[(y * pool + i / pool) * size + x * pool + i % pool];
                to[y * edge + x] = sum / (float)(pool * pool);
            }
    }
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

VtEmbedder *vt_embedder_new(VtInstance *instance, const VtProgram *program, const VtDataset *dataset,
                            const int64_t *indices, int64_t n, int64_t max_broken, VtError *error) {
    int view;
    const VtFunction *embed = vt_find_embed(program, &view, error);
    VtEmbedder *e = embed ? calloc(1, sizeof *e) : NULL;
    if (embed && !e) vt_fail(error, 1, "out of memory");
    if (!e) return NULL;
    size_t bytes = vt_bytes(&program->inputs[view].tensor);
    e->instance = instance;
    e->dataset = dataset;
    e->view = e->pipeline = &program->pipelines[program->inputs[view].index];
    e->crops = 1;
    e->indices = indices;
    e->n = n;
    e->batch = program->inputs[view].tensor.dim[0];
    e->pool = instance ? 1 : pool_of(e->pipeline->size);
    int64_t edge = e->pipeline->size / e->pool;
    e->dim = instance ? embed->outputs[0].tensor.dim[1] : e->pipeline->channels * edge * edge;
    e->max_broken = max_broken;
    e->one = 1;
    pthread_mutex_init(&e->lock, NULL);
    e->good = calloc((size_t)e->batch, sizeof *e->good);
    e->inputs = calloc((size_t)program->n_inputs + 1, sizeof *e->inputs);
    if (e->pool > 1) e->pixels = malloc(sizeof *e->pixels * (size_t)(e->batch * e->dim) + 64);
    bool room = e->good && e->inputs && (e->pool == 1 || e->pixels);
    if (!room || posix_memalign((void **)&e->images, 64, bytes + 64) != 0) {
        e->images = NULL;
        vt_embedder_free(e);
        vt_fail(error, 1, "out of memory for a batch of images");
        return NULL;
    }
    memset(e->images, 0, bytes); /* the last batch may not be full */
    for (int i = 0; i < program->n_inputs; i++) e->inputs[i] = (void *)vt_feed_scalar(program, i, &e->one);
    e->inputs[view] = e->images;
    return e;
}

bool vt_embedder_crops(VtEmbedder *e, int crops, VtError *error) {
    e->crops = crops;
    if (crops == 1) return true;
    e->decoded = calloc((size_t)e->batch, sizeof *e->decoded);
    e->crop_augments = malloc(sizeof *e->crop_augments * ((size_t)e->view->n_augments + 1));
    e->means = malloc(sizeof *e->means * (size_t)(e->batch * e->dim) + 64);
    return (e->decoded && e->crop_augments && e->means) || vt_fail(error, 1, "out of memory for crops");
}

void vt_embedder_free(VtEmbedder *e) {
    if (!e) return;
    drop_decoded(e);
    free(e->decoded);
    free(e->crop_augments);
    free(e->means);
    pthread_mutex_destroy(&e->lock);
    free(e->images);
    free(e->pixels);
    free(e->inputs);
    free(e->good);
    free(e);
}

int64_t vt_embedder_dim(const VtEmbedder *e) {
    return e->dim;
}

static bool is_finite(const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* Counts what is wrong with the rows of a batch. */
static bool count(VtEmbedder *e, const float *rows, VtError *error) {
    if (e->at_broken >= 0 && e->n_broken == 0) e->first_broken = e->broken;
    for (int64_t i = 0; i < e->count; i++) {
        e->n_broken += !e->good[i];
        e->n_embedded += e->good[i];
        if (e->good[i] && !is_finite(rows + i * e->dim, e->dim) && e->not_finite++ == 0)
            e->first_not_finite = index_of(e, i);
    }
    return e->n_broken <= e->max_broken ||
           vt_fail(error, 1, "broken images: %lld, more than the %lld allowed; the first: %s",
                   (long long)e->n_broken, (long long)e->max_broken, e->first_broken.message);
}

/* The rows of the batch through the pipeline at hand; NULL with an error. */
static const float *run_batch(VtEmbedder *e, VtError *error) {
    vt_parallel(fill, e);
    if (vt_stop_signal()) return vt_stopped(error), NULL;
    if (e->at_failed >= 0) {
        if (error) *error = e->failed;
        return NULL;
    }
    if (e->instance)
        return vt_instance_run(e->instance, "embed", e->inputs, error)
                   ? vt_instance_output(e->instance, "embed", "features", NULL)
                   : NULL;
    if (e->pool > 1) pool_images(e);
    return e->pool > 1 ? e->pixels : e->images;
}

static const float *run_crops(VtEmbedder *e, VtError *error) {
    const float *rows = NULL;
    int64_t n = e->count * e->dim;
    for (int c = 0; c < e->crops; c++) {
        e->crop = vt_pipeline_at(e->view, c, e->crop_augments);
        e->pipeline = &e->crop;
        rows = run_batch(e, error);
        if (!rows) break;
        for (int64_t i = 0; i < n; i++) e->means[i] = (c ? e->means[i] : 0) + rows[i];
    }
    for (int64_t i = 0; rows && i < n; i++) e->means[i] /= (float)e->crops;
    drop_decoded(e);
    return rows ? e->means : NULL;
}

bool vt_embedder_next(VtEmbedder *e, VtEmbedded *out, VtError *error) {
    e->first += e->count;
    e->count = e->n - e->first < e->batch ? e->n - e->first : e->batch;
    *out = (VtEmbedded){.first = e->first, .count = e->count, .good = e->good};
    if (e->count == 0) return true;
    e->at_broken = e->at_failed = -1;
    for (int64_t i = 0; i < e->count; i++) e->good[i] = true;
    out->rows = e->crops > 1 ? run_crops(e, error) : run_batch(e, error);
    return out->rows && count(e, out->rows, error);
}

int64_t vt_embedder_broken(const VtEmbedder *e, VtError *first) {
    if (first) *first = e->first_broken;
    return e->n_broken;
}

bool vt_embedder_finite(const VtEmbedder *e, VtError *error) {
    if (e->not_finite == 0) return true;
    vt_fail(error, 1,
            "the features of %lld of %lld images are NaN or infinite, first those of %s: the weights have "
            "diverged",
            (long long)e->not_finite, (long long)e->n_embedded,
            vt_dataset_name(e->dataset, e->first_not_finite));
    if (error) error->not_finite = true;
    return false;
}
