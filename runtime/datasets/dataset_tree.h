/* Trees of files while a data set is opened: the folders that hold a set's images, and what is found out about them. */
#ifndef VITC_RUNTIME_DATASETS_DATASET_TREE_H
#define VITC_RUNTIME_DATASETS_DATASET_TREE_H

#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"

/* Folder i has number i in DatasetTree.paths; 0 is the root, with the empty path, and parents come before what lies in
 * them. */
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
    bool has_splits;  /* folders of splits */
    bool has_lists;   /* lists say the splits (DataItem.split) */
    VtError failed;   /* a text that could not be read; code 0: none */
} DatasetTree;

/* The last part of a folder's path; "" for the root. */
const char *tree_name(const DatasetTree *tree, int32_t folder);
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

/* Whether classes begin in this folder: it is a split's own, or the root of a tree without folders of splits. */
bool tree_starts(const DatasetTree *tree, int32_t folder);
bool tree_numbers(const char *text); /* digits alone */

/* Text files beside the images: dataset_split_lists.c says the splits of trees without folders for them,
 * dataset_labels.c the classes of splits without. */
bool tree_read_split_lists(VtDataset *dataset, VtError *error);
bool tree_read_labels(VtDataset *dataset, VtError *error);
/* Numbers the classes, keeps the split that was asked for, and sorts. */
bool dataset_finish_splits(VtDataset *dataset, VtError *error);

/* ---- dataset_lines.c: text, a line at a time --------------------------------------------------------------------- */
enum { MAX_FIELDS = 8 };
typedef struct {
    char *text, *at; /* owned; what comes next */
    int number;      /* of the line last read */
} Lines;
/* A file of `size` bytes, without a byte order mark. False: it cannot be read, or is no text. */
bool lines_open(Lines *lines, const char *path, int64_t size, VtError *error);
/* The next line that is neither empty nor a comment (#), trimmed; NULL: there is none. It may be written to. */
char *lines_next(Lines *lines);
void lines_close(Lines *lines);
/* Opens a text of the tree. False: it is not at hand, or is none; a read that fails is kept in DatasetTree.failed. */
bool tree_open_text(const VtDataset *dataset, const DataItem *text, Lines *lines);
/* Cuts a line into fields at tabs, else commas or semicolons, else blanks. */
int lines_fields(char *line, char *fields[MAX_FIELDS]);
/* Cuts a line into the path of an image and its label (NULL: none); the path may hold blanks. */
void lines_image(char *line, char **path, char **label);
/* The end of a path without the ending of an image: its last `parts` parts. Writes to out. */
const char *lines_key(const char *path, int parts, char *out, size_t size);

#endif
