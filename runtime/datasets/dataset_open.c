/* Opening a data set: which format it is, which split is wanted; and closing it. */
#include "runtime/base/error.h"
#include "runtime/base/nearest.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "val" and the like are what is held out; NULL: no name of a split. */
static const char *const SPLITS[][2] = {{"train", "train"}, {"test", "test"},       {"val", "test"},
                                        {"valid", "test"},  {"validation", "test"}, {"unused", "unused"}};
enum { N_SPLITS = sizeof SPLITS / sizeof *SPLITS };

static const char *split_name(const char *word) {
    for (size_t i = 0; i < N_SPLITS; i++)
        if (strcmp(SPLITS[i][0], word) == 0) return SPLITS[i][1];
    return NULL;
}

static bool refuse_split(const char *word, VtError *error) {
    const char *names[N_SPLITS];
    for (size_t i = 0; i < N_SPLITS; i++) names[i] = SPLITS[i][0];
    const char *near = vt_nearest(word, names, N_SPLITS);
    if (near) return vt_fail(error, 2, "unknown split '%s'; did you mean '%s'?", word, near);
    return vt_fail(error, 2, "unknown split '%s': there are train and test (or val)", word);
}

VtDataset *dataset_new(const char *path, const char *split) {
    VtDataset *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->descriptor = -1;
    d->wanted = 3;
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
        refuse_split(split, error);
        return NULL;
    }
    VtDataset *d = dataset_new(path, split ? split_name(split) : NULL);
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
        if (d->cache) free(d->cache[i].pixels);
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
