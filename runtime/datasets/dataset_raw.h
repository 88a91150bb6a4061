/* Inside the data sets of raw pixels: CIFAR, STL-10, MNIST. */
#ifndef VITC_RUNTIME_DATASETS_DATASET_RAW_H
#define VITC_RUNTIME_DATASETS_DATASET_RAW_H

#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"

/* A whole file, gunzipped if it is gzip; malloc'ed. NULL: *problem is an errno, or 0 if what is compressed is
 * damaged. */
uint8_t *raw_read(const char *path, int64_t *size, int *problem);
bool raw_cannot_read(const char *path, int problem, VtError *error);
/* Whether a file of that name is in the folder; `out`: its path. A pipe, which would be waited for, is none. */
bool raw_exists(const char *folder, const char *name, char *out, size_t size);
/* Adds bytes to VtDataset.bytes, of which *held are in use. False: no memory. */
bool raw_append(VtDataset *dataset, int64_t *held, const uint8_t *bytes, int64_t size);
/* Opens a file whose images are read as they are asked for (DataItem.file, offset); its number, or -1 and an error. */
int raw_open_file(VtDataset *dataset, const char *path, int64_t *size, VtError *error);
/* Names from the file of one name a line that comes with the set, else numbers. False: no memory. */
bool raw_name_classes(VtDataset *dataset, int classes, const char *folder, const char *file, VtError *error);
/* What an opener returns. */
int raw_finish(VtDataset *dataset, const char *format, int width, int channels, bool good, VtError *error);

#endif
