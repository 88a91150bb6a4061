/* Inside the data sets: CIFAR as it is handed out, its binary files and its pickles, in folders and in archives. */
#ifndef VITC_RUNTIME_DATASETS_DATASET_CIFAR_H
#define VITC_RUNTIME_DATASETS_DATASET_CIFAR_H

#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"

enum { CIFAR_MAX_FILES = 24, CIFAR_MAX_FILE = 400 << 20 };

/* What was found of the files that make up the sets; by number. */
typedef struct {
    struct {
        uint8_t *bytes; /* owned */
        int64_t size;
    } file[CIFAR_MAX_FILES];
    int found;
} CifarFiles;

/* The number of the file that a path in an archive names, by its folder too; -1: it is none of CIFAR. */
int cifar_file(const char *path);
/* Makes the set of what was found; what an opener returns. */
int cifar_finish(VtDataset *dataset, CifarFiles *files, VtError *error);
void cifar_free(CifarFiles *files);

#endif
