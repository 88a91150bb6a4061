/* Several data sets as one: the images of a mixture. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"

#include <stdlib.h>

typedef struct { /* VtDataset.own */
    int n;
    VtDataset *parts[];
} Joined;

static const VtDataset *part_of(const VtDataset *d, int64_t index) {
    const Joined *joined = d->own;
    return joined->parts[d->items[index].file];
}

static bool load_joined(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    return vt_dataset_image(part_of(d, index), d->items[index].offset, out, error);
}

static const char *name_joined(const VtDataset *d, int64_t index) {
    return vt_dataset_name(part_of(d, index), d->items[index].offset);
}

static void close_joined(VtDataset *d) {
    Joined *joined = d->own;
    for (int i = 0; joined && i < joined->n; i++) vt_dataset_close(joined->parts[i]);
    free(joined);
}

static bool add_part(VtDataset *d, int number, const VtDataset *part) {
    int classes = vt_dataset_classes(part);
    int32_t *numbers = malloc(sizeof *numbers * ((size_t)classes + 1));
    bool room = numbers != NULL;
    for (int c = 0; room && c < classes; c++)
        room = (numbers[c] = dataset_class(d, vt_dataset_class_name(part, c))) >= 0;
    for (int64_t i = 0; room && i < vt_dataset_size(part); i++) {
        int label = vt_dataset_label(part, i);
        room = dataset_add(d, NULL, label < 0 ? -1 : numbers[label], i, 0);
        if (room) d->items[d->count - 1].file = number;
    }
    free(numbers);
    return room;
}

VtDataset *vt_dataset_join(VtDataset *const *parts, int n, const VtDataset *like, VtError *error) {
    VtDataset *d = dataset_new("", NULL);
    Joined *joined = calloc(1, sizeof *joined + (size_t)n * sizeof *parts);
    bool room = d && joined;
    for (int i = 0; i < n && joined; i++) joined->parts[joined->n++] = parts[i];
    for (int i = 0; i < n && !joined; i++) vt_dataset_close(parts[i]);
    if (d) {
        d->format = "mixture";
        d->load = load_joined;
        d->name = name_joined;
        d->own = joined;
        d->close = close_joined;
    }
    for (int c = 0; room && like && c < vt_dataset_classes(like); c++)
        room = dataset_class(d, vt_dataset_class_name(like, c)) == c;
    for (int i = 0; room && i < n; i++) room = add_part(d, i, parts[i]);
    if (room && d->count <= INT32_MAX) return d;
    if (room)
        vt_fail(error, 2, "the sources of the mixture have more than 2^31 images");
    else
        vt_fail(error, 1, "out of memory");
    if (!d && joined) {
        for (int i = 0; i < n; i++) vt_dataset_close(parts[i]);
        free(joined);
    }
    vt_dataset_close(d);
    return NULL;
}

int vt_dataset_parts(const VtDataset *d) {
    return d->load == load_joined ? ((const Joined *)d->own)->n : 1;
}

const VtDataset *vt_dataset_part(const VtDataset *d, int part) {
    return d->load == load_joined ? ((const Joined *)d->own)->parts[part] : d;
}
