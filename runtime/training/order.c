/* Which images a stream takes in which step: see order.h. */
#include "runtime/training/order.h"
#include "runtime/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char stream[128];        /* of random numbers */
    int64_t first, size;     /* of its images, among those of the stream's data */
    uint64_t weight, of;     /* its share of what the sources before it leave */
    int32_t *permutation[2]; /* of two passes; owned */
    int64_t pass[2];         /* -1: none yet */
} Part;

struct StreamOrder {
    uint64_t seed;
    int64_t batch, repeat;
    bool whole_batches; /* no batch has images of two passes */
    bool all;           /* an epoch has all images, and some twice rather than none */
    int n_parts;
    Part *parts;
    int32_t *places, *taken; /* of a mixture: `batch` of each */
};

enum { WEIGHT_UNITS = 1 << 30 };

/* Weights in whole units, so that shares are exact: the same on any machine. */
static void set_weights(StreamOrder *o, const VtSource *sources) {
    double sum = 0;
    uint64_t left = 0;
    for (int i = 0; i < o->n_parts; i++) sum += sources[i].weight;
    for (int i = 0; i < o->n_parts; i++) {
        uint64_t units = (uint64_t)(sources[i].weight / sum * WEIGHT_UNITS + 0.5);
        o->parts[i].weight = units ? units : 1;
        left += o->parts[i].weight;
    }
    for (int i = 0; i < o->n_parts; i++) {
        o->parts[i].of = left;
        left -= o->parts[i].weight;
    }
}

StreamOrder *order_new(const VtProgram *program, int stream, const VtDataset *data) {
    const VtStream *s = &program->streams[stream];
    StreamOrder *o = calloc(1, sizeof *o);
    if (!o) return NULL;
    *o = (StreamOrder){.seed = (uint64_t)program->train.seed,
                       .batch = s->batch,
                       .repeat = s->repeat,
                       .n_parts = s->n_sources,
                       .whole_batches = program->n_sources == 1,
                       .parts = calloc((size_t)s->n_sources, sizeof *o->parts),
                       .places = calloc((size_t)s->batch, sizeof *o->places),
                       .taken = calloc((size_t)s->batch, sizeof *o->taken)};
    bool good = o->parts && o->places && o->taken;
    int64_t first = 0;
    for (int i = 0; good && i < o->n_parts; i++) {
        const char *name = program->sources[s->first_source + i].name;
        Part *part = &o->parts[i];
        *part = (Part){.first = first, .size = vt_dataset_size(vt_dataset_part(data, i)), .pass = {-1, -1}};
        snprintf(part->stream, sizeof part->stream, "order%s%s", *name ? "." : "", name);
        first += part->size;
        for (int k = 0; k < 2 && good; k++)
            good = (part->permutation[k] = malloc(sizeof(int32_t) * (size_t)part->size)) != NULL;
    }
    if (good) {
        set_weights(o, &program->sources[s->first_source]);
        return o;
    }
    order_free(o);
    return NULL;
}

void order_free(StreamOrder *o) {
    for (int i = 0; o && o->parts && i < o->n_parts; i++)
        for (int k = 0; k < 2; k++) free(o->parts[i].permutation[k]);
    if (!o) return;
    free(o->parts);
    free(o->places);
    free(o->taken);
    free(o);
}

static const int32_t *permutation_of(const StreamOrder *o, Part *part, int64_t pass) {
    int which = (int)(pass & 1);
    if (part->pass[which] != pass) {
        VtRng rng = {.seed = o->seed, .stream = vt_stream(part->stream), .step = (uint64_t)pass};
        vt_rng_permutation(&rng, part->permutation[which], part->size);
        part->pass[which] = pass;
    }
    return part->permutation[which];
}

/* How many of the first n images are of each source. Each takes its share of what those before it left: of n and of
 * n + 1 images no source has fewer the second time. */
static void count_of(const StreamOrder *o, int64_t n, int64_t *counts) {
    for (int i = 0; i < o->n_parts; i++) {
        const Part *part = &o->parts[i];
        counts[i] = (int64_t)(((unsigned __int128)n * part->weight + part->of / 2) / part->of);
        n -= counts[i];
    }
}

void order_take_all(StreamOrder *o) {
    o->whole_batches = false;
    o->all = true;
    o->repeat = 1;
}

int64_t order_steps(const StreamOrder *o) {
    int64_t images = 0, most = 0;
    for (int i = 0; i < o->n_parts; i++) {
        const Part *part = &o->parts[i];
        double share = (double)o->batch * (double)part->weight / (double)o->parts[0].of;
        int64_t steps = o->n_parts == 1 ? (part->size + o->batch - 1) / o->batch
                                        : (int64_t)ceil((double)part->size / share);
        images += part->size;
        if (steps > most) most = steps;
    }
    return o->all ? most : images / o->batch;
}

/* The images from place `from` to `to` of a source's passes, one after another, each as often as it is repeated. */
static void take(StreamOrder *o, Part *part, int64_t from, int64_t to, int32_t *out) {
    for (int64_t k = from; k < to; k++) {
        int64_t image = k / o->repeat;
        const int32_t *permutation = permutation_of(o, part, image / part->size);
        *out++ = (int32_t)(part->first + permutation[image % part->size]);
    }
}

void order_of_step(StreamOrder *o, int64_t step, int64_t steps_per_epoch, int32_t *out) {
    int64_t from[VT_MAX_SOURCES], to[VT_MAX_SOURCES], n = 0;
    if (o->whole_batches) {
        const int32_t *permutation = permutation_of(o, &o->parts[0], step / steps_per_epoch);
        int64_t first = step % steps_per_epoch * o->batch;
        for (int64_t b = 0; b < o->batch; b++) out[b] = permutation[(first + b) / o->repeat];
        return;
    }
    count_of(o, step * o->batch, from);
    count_of(o, (step + 1) * o->batch, to);
    if (o->n_parts == 1) {
        take(o, &o->parts[0], from[0], to[0], out);
        return;
    }
    for (int i = 0; i < o->n_parts; i++) {
        take(o, &o->parts[i], from[i], to[i], o->taken + n);
        n += to[i] - from[i];
    }
    VtRng rng = {.seed = o->seed, .stream = vt_stream("mix"), .step = (uint64_t)step};
    vt_rng_permutation(&rng, o->places, o->batch);
    for (int64_t b = 0; b < o->batch; b++) out[o->places[b]] = o->taken[b];
}
