/* Batches made beside the step: worker threads take batches in turn and fill slots of a ring; the step takes them in
 * order. A batch is a function of (seed, its number), whatever thread made it. */
#include "runtime/training/loader.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/base/rng.h"
#include "runtime/base/stop.h"
#include "runtime/datasets/dataset.h"
#include "runtime/images/augment.h"
#include "runtime/images/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    VtBatch batch;
    void **inputs;
    int32_t *indices; /* of its images */
    bool ready;
    bool failed;
    VtError error;
} Slot;

struct VtLoader {
    const VtProgram *program;
    const VtDataset *dataset;
    int workers, depth;
    int64_t next_made, next_taken, per_epoch, broken, max_broken;
    Slot *slots;
    pthread_t *threads;
    pthread_mutex_t lock;
    pthread_cond_t made, taken;
    bool stop;
    int32_t *order[2]; /* of the two epochs in flight */
    int64_t order_epoch[2];
    uint8_t *named; /* broken images that were told */
    void (*report)(void *, const char *);
    void *user;
    int held; /* slot the caller uses, -1 */
};

/* The order of an epoch; called with the lock held. */
static const int32_t *epoch_order(VtLoader *l, int64_t epoch) {
    int which = (int)(epoch & 1);
    if (l->order_epoch[which] != epoch) {
        VtRng rng = {
            .seed = (uint64_t)l->program->train.seed, .stream = vt_stream("order"), .step = (uint64_t)epoch};
        vt_rng_permutation(&rng, l->order[which], vt_dataset_size(l->dataset));
        l->order_epoch[which] = epoch;
    }
    return l->order[which];
}

/* Counts a broken image, and names it, once. */
static bool tell_broken(VtLoader *l, int64_t index, const VtError *problem, VtError *error) {
    pthread_mutex_lock(&l->lock);
    bool first = !l->named[index];
    l->named[index] = 1;
    int64_t broken = l->broken += first;
    if (first && l->report) l->report(l->user, problem->message);
    pthread_mutex_unlock(&l->lock);
    if (broken <= l->max_broken) return true;
    return vt_fail(error, 1, "broken images: %lld, more than the %lld allowed; the last: %s",
                   (long long)broken, (long long)l->max_broken, problem->message);
}

/* The image for one place of the batch; a broken one gives way to the next of the data set that is good. */
static bool load_good(VtLoader *l, int64_t *index, VtImage *image, VtError *error) {
    int64_t n = vt_dataset_size(l->dataset);
    for (int64_t tries = 0; tries < n; tries++) {
        VtError problem;
        if (vt_dataset_image(l->dataset, *index, image, &problem)) return true;
        if (!problem.bad_image) { /* a disk that fails must not change what is learned */
            *error = problem;
            return false;
        }
        if (!tell_broken(l, *index, &problem, error)) return false;
        *index = (*index + 1) % n;
    }
    return vt_fail(error, 1, "no image of the data set can be read");
}

static bool make_batch(VtLoader *l, Slot *slot, int64_t step) {
    const VtProgram *p = l->program;
    for (int64_t b = 0; b < p->train.batch; b++) {
        int64_t index = slot->indices[b];
        VtImage image = {0};
        bool good = load_good(l, &index, &image, &slot->error);
        for (int i = 0; good && i < p->n_inputs; i++) {
            const VtInput *input = &p->inputs[i];
            if (!slot->inputs[i]) continue;
            if (input->source == VT_SOURCE_LABEL)
                ((int32_t *)slot->inputs[i])[b] = vt_dataset_label(l->dataset, index);
            if (input->source == VT_SOURCE_INDEX) ((int32_t *)slot->inputs[i])[b] = (int32_t)index;
            if (input->source != VT_SOURCE_VIEW) continue;
            const VtPipeline *pipeline = &p->pipelines[input->index];
            VtRng rng = {.seed = (uint64_t)p->train.seed,
                         .stream = vt_stream(pipeline->name),
                         .step = (uint64_t)(step * p->train.batch + b)};
            good = vt_pipeline_apply(
                pipeline, &image, &rng,
                (float *)slot->inputs[i] + b * 3 * (int64_t)pipeline->size * pipeline->size, &slot->error);
        }
        vt_image_free(&image);
        if (!good) return false;
    }
    return true;
}

static void *work(void *user) {
    VtLoader *l = user;
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        int64_t step = l->next_made;
        if (step - l->next_taken >= l->depth) {
            pthread_cond_wait(&l->taken, &l->lock);
            continue;
        }
        l->next_made++;
        const int32_t *order = epoch_order(l, step / l->per_epoch);
        Slot *slot = &l->slots[step % (l->depth + 1)];
        memcpy(slot->indices, order + step % l->per_epoch * l->program->train.batch,
               sizeof *order * (size_t)l->program->train.batch);
        pthread_mutex_unlock(&l->lock);
        bool good = make_batch(l, slot, step);
        pthread_mutex_lock(&l->lock);
        slot->batch.step = step;
        slot->failed = !good;
        slot->ready = true;
        pthread_cond_broadcast(&l->made);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static bool allocate_slots(VtLoader *l) {
    const VtProgram *p = l->program;
    l->slots = calloc((size_t)l->depth + 1, sizeof *l->slots);
    for (int s = 0; l->slots && s <= l->depth; s++) {
        Slot *slot = &l->slots[s];
        slot->inputs = calloc((size_t)p->n_inputs + 1, sizeof(void *));
        slot->indices = malloc(sizeof *slot->indices * (size_t)p->train.batch);
        if (!slot->inputs || !slot->indices) return false;
        slot->batch.inputs = slot->inputs;
        for (int i = 0; i < p->n_inputs; i++) {
            int source = p->inputs[i].source;
            if (source != VT_SOURCE_VIEW && source != VT_SOURCE_LABEL && source != VT_SOURCE_INDEX) continue;
            if (posix_memalign(&slot->inputs[i], 64, (vt_bytes(&p->inputs[i].tensor) + 63) / 64 * 64) != 0)
                return false;
        }
    }
    return l->slots != NULL;
}

/* Whether the step has room for all classes and images that it counts by number. */
static bool numbers_fit(const VtProgram *program, const VtDataset *dataset, VtError *error) {
    const char *name = program->name ? program->name : "";
    for (int i = 0; i < program->n_inputs; i++) {
        const VtInput *input = &program->inputs[i];
        bool label = input->source == VT_SOURCE_LABEL;
        int64_t n = label ? vt_dataset_classes(dataset) : vt_dataset_size(dataset);
        if ((!label && input->source != VT_SOURCE_INDEX) || !input->index || n <= input->index) continue;
        return vt_fail(error, 2,
                       label ? "the data set has %lld classes, recipe '%s' tells %d apart"
                             : "the data set has %lld images, recipe '%s' keeps rows for %d",
                       (long long)n, name, input->index);
    }
    return true;
}

VtLoader *vt_loader_new(const VtProgram *program, const VtDataset *dataset, int64_t first_step, int workers,
                        int depth, int64_t max_broken, void (*report)(void *, const char *), void *user,
                        VtError *error) {
    int64_t n = vt_dataset_size(dataset);
    if (n < program->train.batch) {
        vt_fail(error, 2,
                "the data set has %lld images, fewer than one batch of %lld: set train.batch=%lld or less",
                (long long)n, (long long)program->train.batch, (long long)n);
        return NULL;
    }
    if (!numbers_fit(program, dataset, error)) return NULL;
    int64_t unlabelled = n - vt_dataset_labelled(dataset);
    for (int i = 0; unlabelled && i < program->n_inputs; i++)
        if (program->inputs[i].source == VT_SOURCE_LABEL) {
            vt_fail(error, 2,
                    "recipe '%s' reads labels, and %lld of %lld training images have none (docs/data.md says "
                    "where "
                    "they are looked for)",
                    program->name ? program->name : "", (long long)unlabelled, (long long)n);
            return NULL;
        }
    VtLoader *l = calloc(1, sizeof *l);
    if (!l) {
        vt_fail(error, 1, "out of memory for batches");
        return NULL;
    }
    *l = (VtLoader){.program = program,
                    .dataset = dataset,
                    .depth = depth < 1 ? 1 : depth,
                    .next_made = first_step,
                    .next_taken = first_step,
                    .per_epoch = n / program->train.batch,
                    .max_broken = max_broken,
                    .report = report,
                    .user = user,
                    .held = -1,
                    .order_epoch = {-1, -1}};
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->made, NULL);
    pthread_cond_init(&l->taken, NULL);
    l->named = calloc((size_t)n, 1);
    l->threads = calloc((size_t)(workers < 1 ? 1 : workers), sizeof *l->threads);
    for (int i = 0; i < 2; i++) l->order[i] = malloc(sizeof(int32_t) * (size_t)n);
    bool good = l->named && l->threads && l->order[0] && l->order[1] && allocate_slots(l);
    for (int w = 0; good && w < (workers < 1 ? 1 : workers); w++) {
        good = pthread_create(&l->threads[w], NULL, work, l) == 0;
        l->workers += good;
    }
    if (good) return l;
    vt_fail(error, 1, "out of memory for batches");
    vt_loader_free(l);
    return NULL;
}

/* For a batch, but no longer than a signal may wait: its handler wakes nobody. */
static void wait_a_little(VtLoader *l) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 50000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&l->made, &l->lock, &until);
}

const VtBatch *vt_loader_next(VtLoader *l, VtError *error) {
    pthread_mutex_lock(&l->lock);
    if (l->held >= 0) { /* the batch handed out before is free again */
        l->slots[l->held].ready = false;
        l->next_taken++;
        pthread_cond_broadcast(&l->taken);
    }
    l->held = (int)(l->next_taken % (l->depth + 1));
    Slot *slot = &l->slots[l->held];
    while (!slot->ready && !vt_stop_signal()) wait_a_little(l);
    bool ready = slot->ready;
    pthread_mutex_unlock(&l->lock);
    if (!ready) return vt_stopped(error), NULL;
    if (!slot->failed) return &slot->batch;
    if (vt_stop_signal()) return vt_stopped(error), NULL;
    if (error) *error = slot->error;
    return NULL;
}

int64_t vt_loader_steps_per_epoch(const VtLoader *l) {
    return l->per_epoch;
}
int64_t vt_loader_broken(const VtLoader *loader) {
    VtLoader *l = (VtLoader *)loader; /* the lock alone changes */
    pthread_mutex_lock(&l->lock);
    int64_t broken = l->broken;
    pthread_mutex_unlock(&l->lock);
    return broken;
}

void vt_loader_free(VtLoader *l) {
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->taken);
    pthread_mutex_unlock(&l->lock);
    for (int w = 0; w < l->workers; w++) pthread_join(l->threads[w], NULL);
    for (int s = 0; l->slots && s <= l->depth; s++) {
        for (int i = 0; l->slots[s].inputs && i < l->program->n_inputs; i++) free(l->slots[s].inputs[i]);
        free(l->slots[s].inputs);
        free(l->slots[s].indices);
    }
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->made);
    pthread_cond_destroy(&l->taken);
    free(l->slots);
    free(l->order[0]);
    free(l->order[1]);
    free(l->named);
    free(l->threads);
    free(l);
}
