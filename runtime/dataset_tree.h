/* Inside trees: the folders that hold a set's images, and what is found out about them. */
#ifndef VITC_RUNTIME_DATASET_TREE_H
#define VITC_RUNTIME_DATASET_TREE_H

#include "runtime/dataset.h"

/* Folder i has number i in DatasetTree.paths; 0 is the root, with the empty path, and parents come before what lies in them. */
typedef struct {
    int32_t parent, first, next; /* -1: none; `next` of the same parent */
    int64_t direct, images;      /* images that lie in it itself, and in all below it too */
    Split split;
    LeftReason left;      /* LEFT_REASONS: its images are part of the set */
    int64_t others;       /* what lies in it itself and is no image */
    bool holds_classes;   /* the folders in it are classes */
    int32_t class_number; /* -1: none */
} TreeFolder;

typedef struct DatasetTree {
    TextSet paths;
    TreeFolder *folders;
    int32_t capacity;
    DataItem *texts; /* files that may say labels or splits: .txt, .csv, … */
    int64_t n_texts, texts_capacity;
    int64_t labelled; /* images that came with a label of their own */
    bool has_splits;
} DatasetTree;

const char *tree_name(const DatasetTree *tree,
                      int32_t folder); /* the last part of its path; "" for the root */
/* The only folder in it that holds images; -1: there are none or several. */
int32_t tree_only_child(const DatasetTree *tree, int32_t folder);
void tree_count(VtDataset *dataset); /* TreeFolder.images, of what is not left out */
void tree_free(DatasetTree *tree);

/* dataset_splits.c: finds the folders of splits (TreeFolder.split, .left, DatasetTree.has_splits). */
bool tree_find_splits(VtDataset *dataset, VtError *error);
/* The split that the name of a folder or a list says; SPLIT_NONE: none. *sure: it says nothing else. */
Split dataset_split_word(const char *name, bool *sure, char rest[64]);
/* A folder whose name tells nothing about what is in it: images, data, … */
bool dataset_generic_name(const char *name);

/* dataset_classes.c: finds the class of each folder, and numbers them. */
bool tree_find_classes(VtDataset *dataset, VtError *error);
bool tree_number_classes(VtDataset *dataset);

/* dataset_labels.c: what text files beside the images say. */
bool tree_read_split_lists(VtDataset *dataset, VtError *error); /* for trees without folders of splits */
bool tree_read_labels(VtDataset *dataset, VtError *error);      /* for splits without classes */

#endif
