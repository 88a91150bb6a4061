/* A share of a set's labelled images, of each class alike: what is learned from few labels. */
#include "runtime/base/error.h"
#include "runtime/base/rng.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"

#include <stdlib.h>

typedef struct { /* a labelled image, and the random number by which those of its class are taken */
    int32_t label;
    uint32_t random;
    int64_t index;
} Ticket;

static bool load_part(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    return vt_dataset_image(d->own, d->items[index].offset, out, error);
}

static const char *name_of_part(const VtDataset *d, int64_t index) {
    return vt_dataset_name(d->own, d->items[index].offset);
}

static int second_label_of_part(const VtDataset *d, int64_t index) {
    return vt_dataset_second_label(d->own, d->items[index].offset);
}

static void close_whole(VtDataset *d) {
    vt_dataset_close(d->own);
}

static int by_class(const void *a, const void *b) {
    const Ticket *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->random != y->random) return x->random < y->random ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Of each class at least one, where it has any. Larger shares of one seed have all that smaller ones have. */
static void take(const VtDataset *whole, double share, uint64_t seed, Ticket *tickets, bool *taken) {
    int64_t n = 0;
    for (int64_t i = 0; i < whole->count; i++) {
        VtRng rng = {.seed = seed, .stream = vt_stream("labels"), .index = (uint64_t)i};
        taken[i] = whole->items[i].label < 0;
        if (!taken[i]) tickets[n++] = (Ticket){whole->items[i].label, vt_rng_u32(&rng), i};
    }
    qsort(tickets, (size_t)n, sizeof *tickets, by_class);
    for (int64_t first = 0, end; first < n; first = end) {
        for (end = first; end < n && tickets[end].label == tickets[first].label;) end++;
        int64_t wanted = (int64_t)(share * (double)(end - first) + 0.5);
        for (int64_t i = 0; i < (wanted > 0 ? wanted : 1); i++) taken[tickets[first + i].index] = true;
    }
}

static bool fill(VtDataset *d, const VtDataset *whole, const bool *taken) {
    for (int c = 0; c < whole->classes.count; c++)
        if (dataset_class(d, whole->classes.text[c]) != c) return false;
    for (int64_t i = 0; i < whole->count; i++)
        if (taken[i] && !dataset_add(d, NULL, whole->items[i].label, i, 0)) return false;
    return true;
}

VtDataset *vt_dataset_share(VtDataset *whole, double share, uint64_t seed, VtError *error) {
    size_t n = (size_t)whole->count + 1;
    VtDataset *d = dataset_new(whole->path, whole->split);
    Ticket *tickets = malloc(sizeof *tickets * n);
    bool *taken = calloc(n, sizeof *taken), good = d && tickets && taken;
    if (good) take(whole, share, seed, tickets, taken);
    good = good && fill(d, whole, taken);
    free(tickets);
    free(taken);
    if (!good) {
        vt_dataset_close(d);
        vt_dataset_close(whole);
        vt_fail(error, 1, "out of memory");
        return NULL;
    }
    d->format = whole->format;
    d->channels = whole->channels;
    d->load = load_part;
    d->name = name_of_part;
    d->second_label = whole->second_label ? second_label_of_part : NULL;
    d->second_classes = whole->second_classes;
    d->own = whole;
    d->close = close_whole;
    return d;
}
