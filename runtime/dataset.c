/* Data sets: finding the format, the index, and a cache of decoded images. */
#include "runtime/dataset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    d->items[d->count++] = item;
    return !name || item.name;
}

int dataset_class(VtDataset *d, const char *name) {
    for (int c = d->n_classes - 1; c >= 0; c--) /* files come a class at a time: the last is likely */
        if (strcmp(d->classes[c], name) == 0) return c;
    char **classes = realloc(d->classes, sizeof *classes * (size_t)(d->n_classes + 1));
    if (!classes) return -1;
    d->classes = classes;
    d->classes[d->n_classes] = strdup(name);
    return d->n_classes++;
}

bool dataset_wants(const char *wanted, const char *split) {
    return !wanted || strcmp(wanted, split) == 0;
}

bool dataset_not_empty(const VtDataset *d, const char *hint, VtError *error) {
    if (d->count > 0) return true;
    return vt_fail(error, 2, "%s: no images%s%s%s found%s", d->path, d->split ? " of split '" : "",
                   d->split ? d->split : "", d->split ? "'" : "", hint);
}

/* "val" and the like are the test split; NULL: no name of a split. */
const char *dataset_split_name(const char *word, size_t n) {
    static const char *const names[] = {"train", "test", "val", "valid", "validation"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && strncmp(names[i], word, n) == 0) return i == 0 ? "train" : "test";
    return NULL;
}

VtDataset *vt_dataset_open(const char *path, const char *split, VtError *error) {
    static int (*const openers[])(VtDataset *, const char *, const char *,
                                  VtError *) = {dataset_open_synthetic, dataset_open_binary,
                                                dataset_open_mnist, dataset_open_folder, dataset_open_tar};
    struct stat status;
    VtDataset *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->path = strdup(path);
    d->descriptor = -1;
    pthread_mutex_init(&d->lock, NULL);
    if (split && !dataset_split_name(split, strlen(split))) {
        vt_fail(error, 2, "unknown split '%s': there are train and test (or val)", split);
        vt_dataset_close(d);
        return NULL;
    }
    if (split) split = d->split = strdup(dataset_split_name(split, strlen(split)));
    bool there = strncmp(path, "synthetic", 9) == 0 || stat(path, &status) == 0;
    int result = 0;
    for (size_t i = 0; there && i < sizeof openers / sizeof *openers && result == 0; i++)
        result = openers[i](d, path, split, error);
    if (!there)
        vt_fail(error, 2, "no data at '%s'", path);
    else if (result == 0 && access(path, R_OK) != 0)
        vt_fail(error, 2, "cannot read '%s': %s", path, strerror(errno));
    else if (result == 0)
        vt_fail(error, 2,
                "'%s' is no data set vitc knows: a folder or tar of CLASS/IMAGE.jpg|png, CIFAR or STL-10 "
                "binaries, MNIST idx files, or 'synthetic'",
                path);
    if (result == 1) {
        d->cache = calloc((size_t)d->count, sizeof *d->cache);
        return d;
    }
    vt_dataset_close(d);
    return NULL;
}

void vt_dataset_close(VtDataset *d) {
    if (!d) return;
    for (int64_t i = 0; i < d->count; i++) {
        free(d->items[i].name);
        if (d->cache) free(d->cache[i].rgb);
    }
    for (int c = 0; c < d->n_classes; c++) free(d->classes[c]);
    if (d->descriptor >= 0) close(d->descriptor);
    pthread_mutex_destroy(&d->lock);
    free(d->classes);
    free(d->items);
    free(d->cache);
    free(d->bytes);
    free(d->path);
    free(d->split);
    free(d);
}

bool vt_dataset_has_split(const char *path, const char *split) {
    VtDataset *d = vt_dataset_open(path, split, NULL);
    vt_dataset_close(d);
    return d != NULL;
}

int64_t vt_dataset_size(const VtDataset *d) {
    return d->count;
}
int vt_dataset_classes(const VtDataset *d) {
    return d->n_classes;
}
const char *vt_dataset_class_name(const VtDataset *d, int label) {
    return label >= 0 && label < d->n_classes ? d->classes[label] : NULL;
}
const char *vt_dataset_format(const VtDataset *d) {
    return d->format;
}
int vt_dataset_label(const VtDataset *d, int64_t index) {
    return d->items[index].label;
}

int vt_dataset_second_label(const VtDataset *d, int64_t index) {
    return d->second_label ? d->second_label(d, index) : -1;
}
int vt_dataset_second_classes(const VtDataset *d) {
    return d->second_classes;
}

const char *vt_dataset_name(const VtDataset *d, int64_t index) {
    static _Thread_local char name[64];
    if (d->items[index].name) return d->items[index].name;
    snprintf(name, sizeof name, "%s[%lld]", d->format, (long long)index);
    return name;
}

static bool copy_image(const VtImage *from, VtImage *to) {
    size_t bytes = 3 * (size_t)from->width * (size_t)from->height;
    *to = *from;
    if (!(to->rgb = malloc(bytes))) return false;
    memcpy(to->rgb, from->rgb, bytes);
    return true;
}

bool vt_dataset_image(const VtDataset *dataset, int64_t index, VtImage *out, VtError *error) {
    VtDataset *d = (VtDataset *)dataset; /* the cache alone changes */
    if (d->cache && __atomic_load_n(&d->cache[index].rgb, __ATOMIC_ACQUIRE))
        return copy_image(&d->cache[index], out) || vt_fail(error, 1, "out of memory");
    if (!d->load(d, index, out, error)) return false;
    int64_t bytes = 3 * (int64_t)out->width * out->height;
    if (!d->cache || bytes * d->count > CACHE_LIMIT) return true;
    VtImage copy;
    if (!copy_image(out, &copy)) return true;
    pthread_mutex_lock(&d->lock);
    bool room = !d->cache[index].rgb && d->cache_bytes + bytes <= CACHE_LIMIT;
    if (room) {
        d->cache_bytes += bytes;
        d->cache[index].width = copy.width;
        d->cache[index].height = copy.height;
        __atomic_store_n(&d->cache[index].rgb, copy.rgb, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&d->lock);
    if (!room) free(copy.rgb);
    return true;
}

bool dataset_read_image(int descriptor, int64_t offset, int64_t size, const char *name, VtImage *out,
                        VtError *error) {
    if (size < 1 || size > DATASET_MAX_FILE)
        return vt_bad_image(error, "%s: %lld bytes: refused", name, (long long)size);
    uint8_t *bytes = malloc((size_t)size);
    if (!bytes) return vt_fail(error, 1, "out of memory");
    int64_t done = 0;
    while (done < size) {
        ssize_t n = pread(descriptor, bytes + done, (size_t)(size - done), offset + done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            free(bytes);
            return vt_fail(error, 1, "cannot read '%s': %s", name, strerror(errno));
        }
        if (n == 0) break;
        done += n;
    }
    bool good = done == size ? vt_image_decode(bytes, (size_t)size, name, out, error)
                             : vt_bad_image(error, "%s: cut short", name);
    free(bytes);
    return good;
}
