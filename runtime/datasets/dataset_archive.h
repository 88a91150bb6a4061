/* Inside the data sets of archives: one of them, and several as one set. */
#ifndef VITC_RUNTIME_DATASETS_DATASET_ARCHIVE_H
#define VITC_RUNTIME_DATASETS_DATASET_ARCHIVE_H

#include "runtime/archives/archive.h"
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"

/* VtDataset.own; DataItem.file counts these. */
typedef struct {
    VtArchive **archives;
    int32_t count;
} Shards;

/* Adds the images of an archive just opened, which becomes the set's. `shard` is put before their names, `folder`
 * before their paths too (the folder of a split); both are empty, or end in a slash. */
bool archive_add_tree(VtDataset *dataset, VtArchive *archive, const char *shard, const char *folder,
                      VtError *error);

#endif
