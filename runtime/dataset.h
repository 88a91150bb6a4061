/* Inside the data sets: what a format provides. */
#ifndef VITC_RUNTIME_DATASET_H
#define VITC_RUNTIME_DATASET_H

#include "runtime/runtime.h"
#include <pthread.h>

typedef enum { SPLIT_NONE, SPLIT_TRAIN, SPLIT_TEST } Split;

typedef struct {
    char *name; /* NULL: made from the index */
    int32_t label;
    int32_t split;  /* the Split folder it lies in */
    int64_t offset; /* in a file: where the bytes begin */
    int64_t size;   /* -1: a folder, while a tree is read */
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

/* Decodes the image file of `size` bytes that begins at `offset` of a descriptor. What is wrong with its content is bad data
 * (vt_bad_image); what keeps it from being read is not. */
enum { DATASET_MAX_FILE = 256 << 20 };
bool dataset_read_image(int descriptor, int64_t offset, int64_t size, const char *name, VtImage *out,
                        VtError *error);

bool dataset_add(VtDataset *dataset, const char *name, int label, int64_t offset, int64_t size);
int dataset_class(VtDataset *dataset, const char *name);         /* its number, made if new; -1: no memory */
const char *dataset_split_name(const char *word, size_t length); /* "train", "test" or NULL; val is test */
bool dataset_wants(const char *wanted, const char *split);
bool dataset_not_empty(const VtDataset *dataset, const char *hint, VtError *error);

/* A member of a tree, by its path below the tree's root ("train/cat/1.jpg"; size -1: a folder). Adds it if it is an image of a class, or
 * a folder that may be a class; *added says so. False: no memory. */
bool dataset_add_path(VtDataset *dataset, const char *name, const char *relative, int64_t offset,
                      int64_t size, bool *added);
/* After the last of them: keeps the split that was asked for, numbers the classes by name (the same in every split), sorts, and checks. */
bool dataset_finish_tree(VtDataset *dataset, VtError *error);

#endif
