/* The shape of a tree: which of its paths are images of which class and split, and what makes it whole. */
#include "runtime/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The part of a path that ends at `end`, back to the slash before. */
static const char *part_before(const char *path, const char *end) {
    while (end > path && end[-1] != '/') end--;
    return end;
}

static bool is_image(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot &&
           (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".png") == 0);
}

bool dataset_add_path(VtDataset *d, const char *name, const char *path, int64_t offset, int64_t size,
                      bool *added) {
    *added = false;
    while (strncmp(path, "./", 2) == 0) path += 2;
    if (path[0] == '.' || strstr(path, "/.")) return true; /* hidden */
    const char *end = size < 0 ? path + strlen(path) : strrchr(path, '/');
    while (end && end > path && end[-1] == '/') end--;
    if (!end || end == path || (size >= 0 && !is_image(path))) return true;
    const char *class_name = part_before(path, end), *split = NULL;
    if (class_name > path) {
        const char *above = part_before(path, class_name - 1);
        split = dataset_split_name(above, (size_t)(class_name - 1 - above));
    }
    if (size < 0 && dataset_split_name(class_name, (size_t)(end - class_name))) return true;
    char *copy = strndup(class_name, (size_t)(end - class_name));
    int label = copy ? dataset_class(d, copy) : -1;
    free(copy);
    if (label < 0 || !dataset_add(d, name, label, offset, size)) return false;
    d->items[d->count - 1].split = !split                        ? SPLIT_NONE
                                   : strcmp(split, "train") == 0 ? SPLIT_TRAIN
                                                                 : SPLIT_TEST;
    return *added = true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_name(const void *a, const void *b) {
    const DataItem *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static bool in_split(const DataItem *item, int split) {
    return split == SPLIT_NONE || item->split == split;
}
static bool in_any_split(const DataItem *item, int unused) {
    (void)unused;
    return item->split != SPLIT_NONE;
}
static bool is_file(const DataItem *item, int unused) {
    (void)unused;
    return item->size >= 0;
}

static void keep(VtDataset *d, bool (*wanted)(const DataItem *item, int split), int split) {
    int64_t kept = 0;
    for (int64_t i = 0; i < d->count; i++)
        if (wanted(&d->items[i], split))
            d->items[kept++] = d->items[i];
        else
            free(d->items[i].name);
    d->count = kept;
}

/* Classes are the folders that hold images, in any split, by name: a label means the same in train and in test. */
static bool number_classes(VtDataset *d) {
    char **old = malloc(sizeof *old * (size_t)d->n_classes);
    bool *used = calloc((size_t)d->n_classes, sizeof *used);
    int n = 0;
    if (old && used) {
        memcpy(old, d->classes, sizeof *old * (size_t)d->n_classes);
        for (int64_t i = 0; i < d->count; i++) used[d->items[i].label] = true;
        for (int c = 0; c < d->n_classes; c++)
            if (used[c]) d->classes[n++] = old[c];
        qsort(d->classes, (size_t)n, sizeof *d->classes, by_text);
        for (int64_t i = 0; i < d->count; i++) {
            char **at = bsearch(&old[d->items[i].label], d->classes, (size_t)n, sizeof *at, by_text);
            d->items[i].label = (int32_t)(at - d->classes);
        }
        for (int c = 0; c < d->n_classes; c++)
            if (!used[c]) free(old[c]);
        d->n_classes = n;
    }
    bool good = old && used;
    free(old);
    free(used);
    return good;
}

/* Whether anything lies in folder i. Items are sorted by name: what shares its beginning follows it. */
static bool is_leaf(const VtDataset *d, int64_t i) {
    const char *folder = d->items[i].name;
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/') length--;
    for (int64_t k = i + 1; k < d->count && strncmp(d->items[k].name, folder, length) == 0; k++)
        if (d->items[k].name[length] == '/' && d->items[k].name[length + 1]) return false;
    return true;
}

/* A folder with nothing in it, and no images of its class elsewhere, is a class that lost them. */
static bool no_class_is_empty(const VtDataset *d, int split, VtError *error) {
    int64_t *images = calloc((size_t)d->n_classes, sizeof *images);
    bool good = images || vt_fail(error, 1, "out of memory");
    for (int64_t i = 0; good && i < d->count; i++)
        images[d->items[i].label] += d->items[i].size >= 0 && in_split(&d->items[i], split);
    for (int64_t i = 0; good && i < d->count; i++) {
        const DataItem *item = &d->items[i];
        if (item->size < 0 && in_split(item, split) && images[item->label] == 0 && is_leaf(d, i))
            good = vt_fail(error, 2, "%s: class '%s' has no images (.jpg, .jpeg, .png): fill or remove '%s'",
                           d->path, d->classes[item->label], item->name);
    }
    free(images);
    return good;
}

bool dataset_finish_tree(VtDataset *d, VtError *error) {
    int split = !d->split ? SPLIT_NONE : strcmp(d->split, "train") == 0 ? SPLIT_TRAIN : SPLIT_TEST;
    bool any = false;
    for (int64_t i = 0; i < d->count; i++) any = any || (d->items[i].split && d->items[i].size >= 0);
    if (!any && split == SPLIT_TEST && d->count > 0)
        return vt_fail(error, 2,
                       "%s has no split 'test': its classes do not lie in folders train and test (or val)",
                       d->path);
    if (any)
        keep(d, in_any_split, 0); /* what lies beside the split folders is no part of the set */
    else
        split = SPLIT_NONE;
    if (d->count) qsort(d->items, (size_t)d->count, sizeof *d->items, by_name);
    if (d->count && !no_class_is_empty(d, split, error)) return false;
    keep(d, is_file, 0);
    if (d->count && !number_classes(d)) return vt_fail(error, 1, "out of memory");
    keep(d, in_split, split);
    return dataset_not_empty(d, ": a tree holds CLASS/IMAGE.jpg or .png, or folders train and test of them",
                             error);
}
