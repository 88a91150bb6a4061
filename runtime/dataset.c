/* Data sets: finding the format, the index, and a cache of decoded images. */
#include "runtime/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
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
    d->items[d->count++] = (DataItem){name ? strdup(name) : NULL, label, offset, size};
    return true;
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

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_name(const void *a, const void *b) {
    const DataItem *x = a, *y = b;
    return strcmp(x->name, y->name);
}

bool dataset_finish(VtDataset *d, bool sort_classes, VtError *error) {
    if (d->count == 0)
        return vt_fail(error, 2, "%s: no images%s%s%s found (CLASS/IMAGE.jpg or .png)", d->path,
                       d->split ? " of split '" : "", d->split ? d->split : "", d->split ? "'" : "");
    if (!sort_classes) return true;
    char **old = malloc(sizeof *old * (size_t)d->n_classes);
    if (!old) return vt_fail(error, 1, "out of memory");
    memcpy(old, d->classes, sizeof *old * (size_t)d->n_classes);
    qsort(d->classes, (size_t)d->n_classes, sizeof *d->classes, by_text);
    for (int64_t i = 0; i < d->count; i++) {
        char **found =
            bsearch(&old[d->items[i].label], d->classes, (size_t)d->n_classes, sizeof *d->classes, by_text);
        d->items[i].label = (int32_t)(found - d->classes);
    }
    free(old);
    qsort(d->items, (size_t)d->count, sizeof *d->items, by_name);
    int64_t *images = calloc((size_t)d->n_classes, sizeof *images);
    for (int64_t i = 0; images && i < d->count; i++) images[d->items[i].label]++;
    bool good = images != NULL;
    for (int c = 0; good && c < d->n_classes; c++)
        if (images[c] == 0) good = vt_fail(error, 2, "%s: class '%s' has no images", d->path, d->classes[c]);
    free(images);
    return good;
}

static bool is_split(const char *word, size_t n, char out[16]) {
    static const char *const names[] = {"train", "test", "val", "valid", "validation"};
    for (int i = 0; i < 5; i++)
        if (strlen(names[i]) == n && strncmp(names[i], word, n) == 0) {
            strcpy(out, i == 0 ? "train" : "test");
            return true;
        }
    return false;
}

bool dataset_split_path(const char *path, char split[16], char class_name[256]) {
    const char *file = strrchr(path, '/'), *dot = strrchr(path, '.');
    split[0] = '\0';
    if (!file || !dot || (strcasecmp(dot, ".jpg") && strcasecmp(dot, ".jpeg") && strcasecmp(dot, ".png")))
        return false;
    const char *start = file;
    while (start > path && start[-1] != '/') start--;
    if (start == file || file - start > 255) return false;
    snprintf(class_name, 256, "%.*s", (int)(file - start), start);
    if (start > path) {
        const char *before = start - 1, *begin = before;
        while (begin > path && begin[-1] != '/') begin--;
        is_split(begin, (size_t)(before - begin), split);
    }
    return true;
}

bool dataset_wants(const char *wanted, const char *split) {
    return !wanted || strcmp(wanted, split) == 0;
}

VtDataset *vt_dataset_open(const char *path, const char *split, VtError *error) {
    static int (*const openers[])(VtDataset *, const char *, const char *,
                                  VtError *) = {dataset_open_synthetic, dataset_open_binary,
                                                dataset_open_mnist, dataset_open_folder, dataset_open_tar};
    struct stat status;
    VtDataset *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->path = strdup(path);
    d->split = split ? strdup(split) : NULL;
    d->descriptor = -1;
    pthread_mutex_init(&d->lock, NULL);
    bool there = strncmp(path, "synthetic", 9) == 0 || stat(path, &status) == 0;
    int result = 0;
    for (size_t i = 0; there && i < sizeof openers / sizeof *openers && result == 0; i++)
        result = openers[i](d, path, split, error);
    if (!there)
        vt_fail(error, 2, "no data at '%s'", path);
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
