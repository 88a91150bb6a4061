/* Data sets: what is known of each image, and a cache of decoded ones. */
#include "runtime/datasets/dataset.h"
#include "runtime/base/error.h"
#include "runtime/datasets/format.h"
#include "runtime/files/read_at.h"
#include "runtime/images/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LIMIT = 1 << 30 };

bool dataset_add(VtDataset *d, const char *name, int label, int64_t offset, int64_t size) {
    if (d->count == d->capacity) {
        int64_t n = d->capacity ? d->capacity * 2 : 1024;
        DataItem *items = realloc(d->items, sizeof *items * (size_t)n);
        if (!items) return false;
        d->items = items;
        d->capacity = n;
    }
    DataItem item = {.name = name ? strdup(name) : NULL, .label = label, .offset = offset, .size = size};
    if (name && !item.name) return false;
    d->items[d->count++] = item;
    return true;
}

int dataset_class(VtDataset *d, const char *name) {
    return text_set_add(&d->classes, name, strlen(name));
}

bool dataset_wants(const char *wanted, const char *split) {
    return !wanted || strcmp(wanted, split) == 0;
}

int64_t vt_dataset_size(const VtDataset *d) {
    return d->count;
}
int vt_dataset_classes(const VtDataset *d) {
    return d->classes.count;
}
const char *vt_dataset_class_name(const VtDataset *d, int label) {
    return label >= 0 && label < d->classes.count ? d->classes.text[label] : NULL;
}
const char *vt_dataset_format(const VtDataset *d) {
    return d->format;
}
int vt_dataset_label(const VtDataset *d, int64_t index) {
    return d->items[index].label;
}
int64_t vt_dataset_labelled(const VtDataset *d) {
    int64_t n = 0;
    for (int64_t i = 0; i < d->count; i++) n += d->items[i].label >= 0;
    return n;
}

void vt_dataset_spread(const VtDataset *d, int64_t n, int64_t *out) {
    int64_t all[2], wanted[2], seen[2] = {0}, taken[2] = {0}, k = 0; /* without a label, with one */
    all[1] = vt_dataset_labelled(d);
    all[0] = d->count - all[1];
    wanted[1] = all[1] < n ? all[1] : n;
    wanted[0] = n - wanted[1];
    for (int64_t i = 0; i < d->count && k < n; i++) {
        int kind = d->items[i].label >= 0;
        if (taken[kind] < wanted[kind] && seen[kind] == taken[kind] * all[kind] / wanted[kind]) {
            out[k++] = i;
            taken[kind]++;
        }
        seen[kind]++;
    }
}

int vt_dataset_second_label(const VtDataset *d, int64_t index) {
    return d->second_label ? d->second_label(d, index) : -1;
}
int vt_dataset_second_classes(const VtDataset *d) {
    return d->second_classes;
}

const char *vt_dataset_name(const VtDataset *d, int64_t index) {
    static _Thread_local char name[64];
    if (d->name) return d->name(d, index);
    if (d->items[index].name) return d->items[index].name;
    snprintf(name, sizeof name, "%s[%lld]", d->format, (long long)index);
    return name;
}

int vt_dataset_channels(const VtDataset *d) {
    return d->channels;
}

bool vt_dataset_set_channels(VtDataset *d, int channels, VtError *error) {
    if (d->channels && channels != d->channels && !(channels == 3 && d->channels == 1))
        return vt_fail(error, 2, "the images of '%s' have %d channel%s, the recipe's views want %d", d->path,
                       d->channels, d->channels == 1 ? "" : "s", channels);
    d->wanted = channels;
    return true;
}

bool vt_dataset_is_named(const VtDataset *d) {
    return d->count > 0 && d->items[0].name;
}

static size_t bytes_of(const VtImage *image) {
    return (size_t)image->channels * (size_t)image->width * (size_t)image->height;
}

static bool copy_image(const VtImage *from, VtImage *to) {
    size_t bytes = bytes_of(from);
    *to = *from;
    if (!(to->pixels = malloc(bytes))) return false;
    memcpy(to->pixels, from->pixels, bytes);
    return true;
}

bool vt_dataset_image(const VtDataset *dataset, int64_t index, VtImage *out, VtError *error) {
    VtDataset *d = (VtDataset *)dataset; /* the cache alone changes */
    if (d->cache && __atomic_load_n(&d->cache[index].pixels, __ATOMIC_ACQUIRE))
        return copy_image(&d->cache[index], out) || vt_fail(error, 1, "out of memory");
    if (!d->load(d, index, out, error)) return false;
    int64_t bytes = (int64_t)bytes_of(out);
    if (!d->cache || bytes * d->count > CACHE_LIMIT) return true;
    VtImage copy;
    if (!copy_image(out, &copy)) return true;
    pthread_mutex_lock(&d->lock);
    bool room = !d->cache[index].pixels && d->cache_bytes + bytes <= CACHE_LIMIT;
    if (room) {
        d->cache_bytes += bytes;
        d->cache[index].width = copy.width;
        d->cache[index].height = copy.height;
        d->cache[index].channels = copy.channels;
        __atomic_store_n(&d->cache[index].pixels, copy.pixels, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&d->lock);
    if (!room) free(copy.pixels);
    return true;
}

bool dataset_read_image(int descriptor, int64_t offset, int64_t size, const char *name, int channels,
                        VtImage *out, VtError *error) {
    if (size < 1 || size > DATASET_MAX_FILE)
        return vt_bad_image(error, "%s: %lld bytes: refused", name, (long long)size);
    uint8_t *bytes = malloc((size_t)size);
    if (!bytes) return vt_fail(error, 1, "out of memory");
    int64_t n = read_at(descriptor, bytes, size, offset);
    bool good = n == size ? vt_image_decode(bytes, (size_t)size, name, channels, out, error)
                : errno   ? vt_fail(error, 1, "cannot read '%s': %s", name, strerror(errno))
                          : vt_bad_image(error, "%s: cut short", name);
    free(bytes);
    return good;
}
