/* Inside the data sets: what a format provides. */
#ifndef VITC_RUNTIME_DATASET_H
#define VITC_RUNTIME_DATASET_H

#include "runtime/runtime.h"
#include <pthread.h>

typedef struct {
    char *name; /* NULL: made from the index */
    int32_t label;
    int64_t offset; /* in a file: where the bytes begin */
    int64_t size;
} DataItem;

struct VtDataset {
    const char *format;
    char *path, *split;
    DataItem *items;
    int64_t count, capacity;
    char **classes;
    int n_classes;
    int descriptor;              /* of the one file, or -1 */
    uint8_t *bytes;              /* of a set held in memory */
    int width, height, channels; /* of raw formats */
    bool column_major;           /* STL-10 */
    bool (*load)(const VtDataset *dataset, int64_t index, VtImage *out, VtError *error);
    int (*second_label)(const VtDataset *dataset, int64_t index); /* NULL: there are none */
    int second_classes;
    VtImage *cache; /* decoded images, made as they are used */
    pthread_mutex_t lock;
    int64_t cache_bytes;
};

/* Each looks at the path; 0: not this format, 1: opened, -1: an error. */
int dataset_open_synthetic(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_folder(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_tar(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_binary(VtDataset *dataset, const char *path, const char *split,
                        VtError *error); /* cifar, stl10 */
int dataset_open_mnist(VtDataset *dataset, const char *path, const char *split, VtError *error);

bool dataset_add(VtDataset *dataset, const char *name, int label, int64_t offset, int64_t size);
int dataset_class(VtDataset *dataset, const char *name);                    /* its number, made if new */
bool dataset_finish(VtDataset *dataset, bool sort_classes, VtError *error); /* checks; classes by name */
/* "…/train/cat/1.jpg" -> split and class; false if it is no image of a tree. `split` empty if the tree has none. */
bool dataset_split_path(const char *path, char split[16], char class_name[256]);
bool dataset_wants(const char *wanted, const char *split); /* val counts as test */

#endif
