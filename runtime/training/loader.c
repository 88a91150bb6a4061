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
#include "runtime/program/instance.h"
#include "runtime/threads/start.h"
#include "runtime/training/order.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    VtBatch batch;
    void **inputs;
    int32_t **indices; /* by stream: of its images; NULL: of no leader */
    bool ready;
    bool failed;
    VtError error;
} Slot;

/* The images of one stream. */
typedef struct {
    const VtDataset *data; /* NULL: nobody reads them */
    StreamOrder *order;    /* NULL: it takes the places of the stream it is paired with */
    uint8_t *named;        /* broken images that were told */
} Stream;

struct VtLoader {
    const VtProgram *program;
    const char *function; /* whose inputs are filled */
    bool held_out;        /* all images are taken, some twice where they fill no whole batches */
    Stream *streams;
    bool *filled; /* by input */
    int workers, depth;
    int64_t next_made, next_taken, per_epoch, broken, max_broken;
    Slot *slots;
    pthread_t *threads;
    pthread_mutex_t lock;
    pthread_cond_t made, taken;
    bool stop;
    void (*report)(void *, const char *);
    void *user;
    int held; /* slot the caller uses, -1 */
};

/* ---- which inputs are filled ------------------------------------------------------------------------------------- */

static bool is_of_images(const VtInput *input) {
    return input->source == VT_SOURCE_VIEW || input->source == VT_SOURCE_LABEL ||
           input->source == VT_SOURCE_INDEX;
}

/* By function `name`; where there is none, by what would be one. */
static bool is_read(const VtProgram *p, const char *name, int number) {
    const VtFunction *reader = vt_find_function(p, name);
    bool read = reader == NULL;
    for (int i = 0; reader && i < reader->n_inputs && !read; i++) read = reader->inputs[i] == number;
    return read;
}

static bool is_filled(const VtProgram *p, const char *function, int number) {
    return is_of_images(&p->inputs[number]) && is_read(p, function, number);
}

bool vt_input_is_given(const VtProgram *p, int number) {
    const VtInput *input = &p->inputs[number];
    return (is_of_images(input) || input->source == VT_SOURCE_FEED) && is_read(p, "step", number);
}

/* Its images, or those of one that is paired with it. The only stream says how long an epoch is in any case. */
static bool stream_is_read(const VtProgram *p, const char *function, int stream) {
    if (p->n_streams == 1) return true;
    for (int i = 0; i < p->n_inputs; i++)
        if (is_filled(p, function, i) &&
            (p->inputs[i].stream == stream || p->streams[p->inputs[i].stream].pair == stream))
            return true;
    return false;
}

bool vt_stream_is_read(const VtProgram *p, int stream) {
    return stream_is_read(p, "step", stream);
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

/* Counts a broken image, and names it, once. */
static bool tell_broken(VtLoader *l, Stream *s, int64_t index, const VtError *problem, VtError *error) {
    pthread_mutex_lock(&l->lock);
    bool first = !s->named[index];
    s->named[index] = 1;
    int64_t broken = l->broken += first;
    if (first && l->report) l->report(l->user, problem->message);
    pthread_mutex_unlock(&l->lock);
    if (broken <= l->max_broken) return true;
    return vt_fail(error, 1, "broken images: %lld, more than the %lld allowed; the last: %s",
                   (long long)broken, (long long)l->max_broken, problem->message);
}

/* Whether a stream takes the places of `leader`: itself, or one that is paired with it. */
static bool follows(const VtLoader *l, int stream, int leader) {
    return l->streams[stream].data && (stream == leader || l->program->streams[stream].pair == leader);
}

static void free_images(const VtLoader *l, VtImage *images) {
    for (int s = 0; s < l->program->n_streams; s++) vt_image_free(&images[s]);
}

typedef enum { IMAGES_GOOD, IMAGES_BROKEN, IMAGES_FAILED } ImagesResult;

/* The images at one place, of all streams that take it. */
static ImagesResult load_images(VtLoader *l, int leader, int64_t index, VtImage *images, VtError *error) {
    for (int s = 0; s < l->program->n_streams; s++) {
        VtError problem;
        if (!follows(l, s, leader)) continue;
        if (vt_dataset_image(l->streams[s].data, index, &images[s], &problem)) continue;
        images[s] = (VtImage){0};
        free_images(l, images);
        if (problem.bad_image)
            return tell_broken(l, &l->streams[s], index, &problem, error) ? IMAGES_BROKEN : IMAGES_FAILED;
        *error = problem; /* a disk that fails must not change what is learned */
        return IMAGES_FAILED;
    }
    return IMAGES_GOOD;
}

/* The source of an image: where its images begin in the stream's data, and how many there are. */
static void source_of(const VtDataset *data, int64_t index, int64_t *first, int64_t *size) {
    *first = *size = 0;
    for (int i = 0; index >= *first + *size; i++) {
        *first += *size;
        *size = vt_dataset_size(vt_dataset_part(data, i));
    }
}

/* The images for one place of the batch; a broken one gives way to the next of its source that is good. */
static bool load_good(VtLoader *l, int leader, int64_t *index, VtImage *images, VtError *error) {
    int64_t first, n;
    source_of(l->streams[leader].data, *index, &first, &n);
    for (int64_t tries = 0; tries < n; tries++) {
        ImagesResult result = load_images(l, leader, *index, images, error);
        if (result != IMAGES_BROKEN) return result == IMAGES_GOOD;
        *index = first + (*index - first + 1) % n;
    }
    return vt_fail(error, 1, "no image of the data set can be read");
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* Row b of one input. */
static bool fill_row(VtLoader *l, Slot *slot, int input_number, int64_t b, int64_t index,
                     const VtImage *images) {
    const VtProgram *p = l->program;
    const VtInput *input = &p->inputs[input_number];
    void *rows = slot->inputs[input_number];
    if (b >= input->tensor.dim[0]) return true; /* a view of fewer images than the stream's batch */
    if (input->source == VT_SOURCE_LABEL)
        ((int32_t *)rows)[b] = vt_dataset_label(l->streams[input->stream].data, index);
    if (input->source == VT_SOURCE_INDEX) ((int32_t *)rows)[b] = (int32_t)index;
    if (input->source != VT_SOURCE_VIEW) return true;
    const VtPipeline *pipeline = &p->pipelines[input->index];
    VtRng rng = {.seed = (uint64_t)p->train.seed,
                 .stream = vt_stream(pipeline->random),
                 .step = (uint64_t)(slot->batch.step * p->streams[input->stream].batch + b)};
    return vt_pipeline_apply(
        pipeline, &images[input->stream], &rng,
        (float *)rows + b * pipeline->channels * (int64_t)pipeline->size * pipeline->size, &slot->error);
}

static bool make_batch(VtLoader *l, Slot *slot) {
    const VtProgram *p = l->program;
    bool good = true;
    for (int leader = 0; leader < p->n_streams; leader++)
        for (int64_t b = 0; slot->indices[leader] && good && b < p->streams[leader].batch; b++) {
            int64_t index = slot->indices[leader][b];
            VtImage images[VT_MAX_SOURCES] = {{0}};
            good = load_good(l, leader, &index, images, &slot->error);
            for (int i = 0; good && i < p->n_inputs; i++)
                if (l->filled[i] && follows(l, p->inputs[i].stream, leader))
                    good = fill_row(l, slot, i, b, index, images);
            free_images(l, images);
        }
    return good;
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
        Slot *slot = &l->slots[step % (l->depth + 1)];
        slot->batch.step = step;
        for (int s = 0; s < l->program->n_streams; s++)
            if (slot->indices[s]) order_of_step(l->streams[s].order, step, l->per_epoch, slot->indices[s]);
        pthread_mutex_unlock(&l->lock);
        bool good = make_batch(l, slot);
        pthread_mutex_lock(&l->lock);
        slot->failed = !good;
        slot->ready = true;
        pthread_cond_broadcast(&l->made);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

static bool allocate_slot(const VtLoader *l, Slot *slot) {
    const VtProgram *p = l->program;
    slot->inputs = calloc((size_t)p->n_inputs + 1, sizeof(void *));
    slot->indices = calloc((size_t)p->n_streams + 1, sizeof *slot->indices);
    if (!slot->inputs || !slot->indices) return false;
    slot->batch.inputs = slot->inputs;
    for (int s = 0; s < p->n_streams; s++)
        if (l->streams[s].order &&
            !(slot->indices[s] = malloc(sizeof **slot->indices * (size_t)p->streams[s].batch)))
            return false;
    for (int i = 0; i < p->n_inputs; i++)
        if (l->filled[i] &&
            posix_memalign(&slot->inputs[i], 64, (vt_bytes(&p->inputs[i].tensor) + 63) / 64 * 64) != 0)
            return false;
    return true;
}

static bool allocate(VtLoader *l, VtDataset *const *data, int workers) {
    const VtProgram *p = l->program;
    l->streams = calloc((size_t)p->n_streams + 1, sizeof *l->streams);
    l->filled = calloc((size_t)p->n_inputs + 1, sizeof *l->filled);
    l->threads = calloc((size_t)workers, sizeof *l->threads);
    l->slots = calloc((size_t)l->depth + 1, sizeof *l->slots);
    if (!l->streams || !l->filled || !l->threads || !l->slots) return false;
    for (int i = 0; i < p->n_inputs; i++) l->filled[i] = is_filled(p, l->function, i);
    for (int s = 0; s < p->n_streams; s++) {
        Stream *stream = &l->streams[s];
        if (!stream_is_read(p, l->function, s)) continue;
        stream->data = data[s];
        if (!(stream->named = calloc((size_t)vt_dataset_size(data[s]), 1))) return false;
        if (p->streams[s].pair >= 0) continue;
        if (!(stream->order = order_new(p, s, data[s]))) return false;
        if (l->held_out) order_take_all(stream->order);
        int64_t steps = order_steps(stream->order);
        if (steps > l->per_epoch) l->per_epoch = steps;
    }
    for (int s = 0; s <= l->depth; s++)
        if (!allocate_slot(l, &l->slots[s])) return false;
    return true;
}

/* "the data set", or which of several. */
static const char *name_of(const VtProgram *p, int stream, char out[96]) {
    const char *name = p->streams[stream].name;
    if (p->n_streams == 1 || !*name)
        snprintf(out, 96, "%s", p->streams[stream].n_sources > 1 ? "the mixture" : "the data set");
    else
        snprintf(out, 96, "source '%s'", name);
    return out;
}

/* Whether the step has room for all classes and images that it counts by number. */
static bool numbers_fit(const VtProgram *program, const char *function, VtDataset *const *data,
                        VtError *error) {
    const char *name = program->name ? program->name : "";
    char whose[96];
    for (int i = 0; i < program->n_inputs; i++) {
        const VtInput *input = &program->inputs[i];
        bool label = input->source == VT_SOURCE_LABEL;
        if ((!label && input->source != VT_SOURCE_INDEX) || !input->index || !is_filled(program, function, i))
            continue;
        int64_t n = label ? vt_dataset_classes(data[input->stream]) : vt_dataset_size(data[input->stream]);
        if (n <= input->index) continue;
        return vt_fail(error, 2,
                       label ? "%s has %lld classes, recipe '%s' tells %d apart"
                             : "%s has %lld images, recipe '%s' keeps rows for %d",
                       name_of(program, input->stream, whose), (long long)n, name, input->index);
    }
    return true;
}

/* The path of an image without folders and ending. */
static size_t stem_of(const char **name) {
    const char *slash = strrchr(*name, '/');
    if (slash) *name = slash + 1;
    const char *dot = strrchr(*name, '.');
    return dot ? (size_t)(dot - *name) : strlen(*name);
}

/* Whether images at the same place of two sets belong together, as far as their names tell. */
static bool pairs_fit(const VtProgram *p, const char *function, VtDataset *const *data, VtError *error) {
    for (int s = 0; s < p->n_streams; s++) {
        int other = p->streams[s].pair;
        if (other < 0 || !stream_is_read(p, function, s)) continue;
        int64_t n = vt_dataset_size(data[s]), m = vt_dataset_size(data[other]);
        if (n != m)
            return vt_fail(
                error, 2,
                "source '%s' has %lld images and '%s', which it is paired with, %lld: an image has "
                "none to go with",
                p->streams[s].name, (long long)n, p->streams[other].name, (long long)m);
        bool named = vt_dataset_is_named(data[s]) && vt_dataset_is_named(data[other]);
        for (int64_t i = 0; named && i < n; i++) {
            const char *a = vt_dataset_name(data[other], i), *b = vt_dataset_name(data[s], i), *x = a, *y = b;
            size_t length = stem_of(&x);
            if (length == stem_of(&y) && strncmp(x, y, length) == 0) continue;
            return vt_fail(
                error, 2,
                "'%s' is paired with '%s', but their images %lld are called '%.200s' and '%.200s': "
                "two that belong together have one name, endings apart",
                p->streams[s].name, p->streams[other].name, (long long)i, b, a);
        }
    }
    return true;
}

/* Whether there is a whole batch of some stream. */
static bool batches_fit(const VtLoader *l, VtError *error) {
    const VtProgram *p = l->program;
    if (l->per_epoch > 0) return true;
    for (int s = 0; s < p->n_streams; s++) {
        if (!l->streams[s].order) continue;
        int64_t n = vt_dataset_size(l->streams[s].data), batch = p->streams[s].batch;
        if (p->n_streams == 1)
            return vt_fail(
                error, 2,
                "the data set has %lld images, fewer than one batch of %lld: take more images, or set "
                "train.batch=%lld or less (a built program: when it is built)",
                (long long)n, (long long)batch, (long long)n);
        char whose[96];
        return vt_fail(error, 2, "no source has a batch of images: %s has %lld, its batch is %lld",
                       name_of(p, s, whose), (long long)n, (long long)batch);
    }
    return vt_fail(error, 2, "recipe '%s' reads no images: nothing to make batches of",
                   p->name ? p->name : "");
}

/* Takes what of `like` the caller sets. */
static VtLoader *start(const VtLoader *like, VtDataset *const *data, int workers, VtError *error) {
    const VtProgram *program = like->program;
    if (!numbers_fit(program, like->function, data, error) ||
        !pairs_fit(program, like->function, data, error))
        return NULL;
    VtLoader *l = calloc(1, sizeof *l);
    if (!l) {
        vt_fail(error, 1, "out of memory for batches");
        return NULL;
    }
    *l = *like;
    l->held = -1;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->made, NULL);
    pthread_cond_init(&l->taken, NULL);
    if (workers < 1) workers = 1;
    bool room = allocate(l, data, workers), good = room && batches_fit(l, error);
    for (int w = 0; good && w < workers; w++) {
        good = room = vt_thread_start(&l->threads[w], work, l);
        l->workers += good;
    }
    if (good) return l;
    if (!room) vt_fail(error, 1, "out of memory for batches");
    vt_loader_free(l);
    return NULL;
}

VtLoader *vt_loader_new(const VtProgram *program, VtDataset *const *data, int64_t first_step, int workers,
                        int depth, int64_t max_broken, void (*report)(void *, const char *), void *user,
                        VtError *error) {
    return start(&(VtLoader){.program = program,
                             .function = "step",
                             .depth = depth < 1 ? 1 : depth,
                             .next_made = first_step,
                             .next_taken = first_step,
                             .max_broken = max_broken,
                             .report = report,
                             .user = user},
                 data, workers, error);
}

VtLoader *vt_loader_held_out(const VtProgram *program, const char *function, VtDataset *const *data,
                             int workers, int64_t max_broken, VtError *error) {
    for (int s = 0; s < program->n_streams; s++)
        if (!data[s] && stream_is_read(program, function, s)) {
            vt_fail(error, 2, "there are no held-out images%s%s", *program->streams[s].name ? " of " : "",
                    program->streams[s].name);
            return NULL;
        }
    return start(&(VtLoader){.program = program,
                             .function = function,
                             .held_out = true,
                             .depth = workers + 2,
                             .max_broken = max_broken},
                 data, workers, error);
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
    for (int k = 0; l->slots && k <= l->depth; k++) {
        Slot *slot = &l->slots[k];
        for (int i = 0; slot->inputs && i < l->program->n_inputs; i++) free(slot->inputs[i]);
        for (int s = 0; slot->indices && s < l->program->n_streams; s++) free(slot->indices[s]);
        free(slot->inputs);
        free(slot->indices);
    }
    for (int s = 0; l->streams && s < l->program->n_streams; s++) {
        order_free(l->streams[s].order);
        free(l->streams[s].named);
    }
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->made);
    pthread_cond_destroy(&l->taken);
    free(l->slots);
    free(l->streams);
    free(l->filled);
    free(l->threads);
    free(l);
}
