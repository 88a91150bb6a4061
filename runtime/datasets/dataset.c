/* Data sets: finding the format, the index, and a cache of decoded images. */
#include "runtime/datasets/dataset.h"
#include "runtime/base/error.h"
#include "runtime/datasets/dataset_tree.h"
#include "runtime/files/read_at.h"
#include "runtime/images/image.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
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

bool dataset_missing_split(VtDataset *d, VtError *error, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    d->no_split = true;
    return vt_fail(error, 2, "%s", text);
}

bool dataset_not_empty(VtDataset *d, const char *hint, VtError *error) {
    char left[600] = "";
    int64_t n = 0;
    if (d->count > 0) return true;
    for (int r = 0; r < LEFT_REASONS; r++) {
        if (d->left[r].count && strlen(left) < 500)
            snprintf(left + strlen(left), sizeof left - strlen(left), "%s%d %s",
                     n ? ", " : "; left out: ", d->left[r].count, vt_dataset_left_reason(r));
        n += d->left[r].count;
    }
    d->no_split = d->split != NULL;
    return vt_fail(error, 2, "%s: no images%s%s%s found%s%s", d->path, d->split ? " of split '" : "",
                   d->split ? d->split : "", d->split ? "'" : "", hint, left);
}

/* "val" and the like are what is held out; NULL: no name of a split. */
static const char *split_name(const char *word) {
    static const char *const names[][2] = {{"train", "train"}, {"test", "test"},       {"val", "test"},
                                           {"valid", "test"},  {"validation", "test"}, {"unused", "unused"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], word) == 0) return names[i][1];
    return NULL;
}

static VtDataset *new_dataset(const char *path, const char *split) {
    VtDataset *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->descriptor = -1;
    pthread_mutex_init(&d->lock, NULL);
    d->path = strdup(path);
    d->split = split ? strdup(split) : NULL;
    if (d->path && (!split || d->split)) return d;
    vt_dataset_close(d);
    return NULL;
}

static bool open_any(VtDataset *d, VtError *error) {
    static int (*const openers[])(VtDataset *, const char *, const char *, VtError *) = {
        dataset_open_synthetic, dataset_open_binary, dataset_open_cifar_pickles,
        dataset_open_mnist,     dataset_open_npz,    dataset_open_list,
        dataset_open_shards,    dataset_open_folder, dataset_open_archive};
    struct stat status;
    const char *path = d->path;
    bool named = strncmp(path, "synthetic", 9) != 0 && !dataset_is_pattern(path);
    if (named && stat(path, &status) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? vt_fail(error, 2, "no data at '%s'", path)
                   : vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno));
    if (named && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return vt_fail(error, 2,
                       "'%s' is neither a file nor a folder: data are read more than once and out of order; "
                       "write a pipe to a file first",
                       path);
    int result = 0;
    for (size_t i = 0; i < sizeof openers / sizeof *openers && result == 0; i++)
        result = openers[i](d, path, d->split, error);
    if (result != 0) return result == 1;
    if (access(path, R_OK) != 0) return vt_fail(error, 2, "cannot read '%s': %s", path, strerror(errno));
    return vt_fail(error, 2,
                   "'%s' is no data set vitc knows: a folder, tar or zip of images, CIFAR or STL-10 "
                   "binaries, MNIST idx files, NumPy archives of images, or 'synthetic'",
                   path);
}

/* *no_split, which may be NULL: what failed is that there is no such split, and nothing else. */
static VtDataset *open_split(const char *path, const char *split, bool *no_split, VtError *error) {
    if (no_split) *no_split = false;
    if (split && !split_name(split)) {
        vt_fail(error, 2, "unknown split '%s': there are train and test (or val)", split);
        return NULL;
    }
    VtDataset *d = new_dataset(path, split ? split_name(split) : NULL);
    bool good = d && open_any(d, error);
    if (good && !(d->cache = calloc((size_t)d->count, sizeof *d->cache)))
        good = vt_fail(error, 1, "out of memory");
    if (!d) vt_fail(error, 1, "out of memory");
    if (good) return d;
    if (d && no_split) *no_split = d->no_split;
    vt_dataset_close(d);
    return NULL;
}

VtDataset *vt_dataset_open(const char *path, const char *split, VtError *error) {
    return open_split(path, split, NULL, error);
}

bool vt_dataset_open_if_there(const char *path, const char *split, VtDataset **out, VtError *why) {
    bool no_split;
    *out = open_split(path, split, &no_split, why);
    return *out || no_split;
}

bool vt_dataset_held_out(const char *path, VtDataset **out, VtError *why) {
    return vt_dataset_open_if_there(path, "test", out, why);
}

void vt_dataset_close(VtDataset *d) {
    if (!d) return;
    for (int64_t i = 0; i < d->count; i++) {
        free(d->items[i].name);
        if (d->cache) free(d->cache[i].rgb);
    }
    if (d->close) d->close(d);
    if (d->descriptor >= 0) close(d->descriptor);
    for (int r = 0; r < LEFT_REASONS; r++) text_set_free(&d->left[r]);
    text_set_free(&d->classes);
    text_set_free(&d->notes);
    tree_free(d->tree);
    pthread_mutex_destroy(&d->lock);
    free(d->items);
    free(d->cache);
    free(d->bytes);
    free(d->path);
    free(d->split);
    free(d);
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
    int64_t n = read_at(descriptor, bytes, size, offset);
    bool good = n == size ? vt_image_decode(bytes, (size_t)size, name, out, error)
                : errno   ? vt_fail(error, 1, "cannot read '%s': %s", name, strerror(errno))
                          : vt_bad_image(error, "%s: cut short", name);
    free(bytes);
    return good;
}
