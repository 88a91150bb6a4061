/* What a format of data sets provides, and how trees of files become a set. Used inside datasets/ only. */
#ifndef VITC_RUNTIME_DATASETS_FORMAT_H
#define VITC_RUNTIME_DATASETS_FORMAT_H

#include "runtime/base/error.h"
#include "runtime/base/text_set.h"
#include "runtime/images/pixels.h"
#include <pthread.h>

typedef struct VtDataset VtDataset; /* dataset.h has what others may do with it */

typedef enum { SPLIT_NONE, SPLIT_TRAIN, SPLIT_VAL, SPLIT_TEST, SPLIT_UNLABELED } Split;

typedef struct {
    char *name;    /* NULL: made from the index */
    int32_t label; /* -1: none */
    int32_t file;  /* of several files that hold the images: which */
    /* While a tree is read: the number of its folder, and where in `name` the path below the root begins. */
    int32_t folder, below;
    int32_t split, left; /* and its Split and LeftReason (LEFT_REASONS: none) */
    int64_t offset;      /* in a file: where the bytes begin */
    int64_t size;
} DataItem;

/* Why something is no image of the set. The order is that of dataset_left.c's table. */
typedef enum {
    LEFT_NO_IMAGE,   /* by its name (or, where that says nothing, its first bytes) */
    LEFT_FORMAT,     /* an image of a format that is not read: .heic, .avif, … */
    LEFT_HIDDEN,     /* .name, __MACOSX */
    LEFT_EMPTY,      /* no bytes */
    LEFT_TOO_LARGE,  /* more than DATASET_MAX_FILE bytes */
    LEFT_TOO_DEEP,   /* its path is longer than 4096 bytes or 128 folders */
    LEFT_MISSING,    /* listed, or linked to, but not there */
    LEFT_NO_FILE,    /* a device, a pipe, a socket */
    LEFT_LOOP,       /* a link to a folder that it lies in */
    LEFT_BESIDE,     /* beside the folders of splits, or in no list of a split */
    LEFT_HELD_OUT,   /* of the test or validation split that is not used */
    LEFT_ANNOTATION, /* masks and the like, in a folder beside that of the images */
    LEFT_REASONS
} LeftReason;

struct DatasetTree;

struct VtDataset {
    const char *format;
    char *path, *split;
    DataItem *items;
    int64_t count, capacity;
    TextSet classes;
    int descriptor;              /* of the one file, or -1 */
    uint8_t *bytes;              /* of a set held in memory */
    int width, height, channels; /* of raw formats; channels 0: each image may have its own */
    int wanted;        /* the channels that images are to have, 3 at first (vt_dataset_set_channels) */
    bool column_major; /* STL-10 */
    bool (*load)(const VtDataset *dataset, int64_t index, VtImage *out, VtError *error);
    /* The bytes of a member of an archive; NULL: files, which are opened by name. */
    bool (*read)(const VtDataset *dataset, const DataItem *item, uint8_t *to, VtError *error);
    const char *(*name)(const VtDataset *dataset,
                        int64_t index); /* NULL: the item's, or made from the index */
    int (*second_label)(const VtDataset *dataset, int64_t index); /* NULL: there are none */
    int second_classes;
    void *own;                         /* of the format, freed by `close` */
    void (*close)(VtDataset *dataset); /* NULL: nothing to free */
    VtImage *cache;                    /* decoded images, made as they are used */
    pthread_mutex_t lock;
    int64_t cache_bytes;
    struct DatasetTree *tree;   /* while a tree is read */
    TextSet left[LEFT_REASONS]; /* what was left out, by name */
    TextSet notes;              /* sentences about how the set was understood */
    bool no_split;              /* it could not be opened because the split that was asked for is not there */
};

/* Each looks at the path; 0: not this format, 1: opened, -1: an error. */
int dataset_open_synthetic(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_folder(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_list(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_archive(VtDataset *dataset, const char *path, const char *split, VtError *error);
/* A folder of archives, or a path with braces or a pattern that no file has. */
int dataset_open_shards(VtDataset *dataset, const char *path, const char *split, VtError *error);
bool dataset_is_pattern(const char *path);
/* The binary versions of CIFAR and STL-10. */
int dataset_open_binary(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_cifar_pickles(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_mnist(VtDataset *dataset, const char *path, const char *split, VtError *error);
int dataset_open_npz(VtDataset *dataset, const char *path, const char *split, VtError *error);

/* Decodes the image file of `size` bytes that begins at `offset` of a descriptor. What is wrong with its content is bad
 * data (vt_bad_image); what keeps it from being read is not. */
enum { DATASET_MAX_FILE = 256 << 20 };
bool dataset_read_image(int descriptor, int64_t offset, int64_t size, const char *name, int channels,
                        VtImage *out, VtError *error);

/* A set without images, of copies of the texts; split: NULL for all. NULL: no memory. */
VtDataset *dataset_new(const char *path, const char *split);
bool dataset_add(VtDataset *dataset, const char *name, int label, int64_t offset, int64_t size);
int dataset_class(VtDataset *dataset, const char *name); /* its number, made if new; -1: no memory */
/* Whether images of `split` are asked for: `wanted` names a split, or is NULL for all. */
bool dataset_wants(const char *wanted, const char *split);
/* Fails where no image was found: the message says what was left out, and `hint`. */
bool dataset_not_empty(VtDataset *dataset, const char *hint, VtError *error);
/* Fails with that message, and notes in the set that it lacks the split that was asked for: no damage. */
bool dataset_missing_split(VtDataset *dataset, VtError *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A sentence about how the set was understood. False: no memory. */
bool dataset_note(VtDataset *dataset, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- dataset_left.c: what is left out ---------------------------------------------------------------------------- */
bool dataset_leave_out(VtDataset *dataset, LeftReason reason, const char *name); /* false: no memory */

/* ---- trees: folders, archives, shards ---------------------------------------------------------------------------- */

/* A format hands over every member it meets, folders too, in any order; dataset_finish_tree then finds the splits and
 * the classes, keeps what was asked for, and sorts by name. Nothing is left out but by dataset_leave_out. */
typedef struct {
    const char *name; /* as it is shown and, in folders, opened; `path` is the end of it, or all */
    const char *path; /* below the tree's root: "train/cat/1.jpg" */
    int64_t offset;   /* of its bytes in file `file` */
    int64_t size;     /* -1: a folder */
    int32_t file;     /* handed on in DataItem.file */
    /* A number or the name of a class, where something beside the path says it (x.cls, a list); else NULL. */
    const char *label;
    bool is_image; /* its first bytes were looked at: the name does not matter */
} DatasetMember;
typedef enum { MEMBER_ADDED, MEMBER_LEFT_OUT, MEMBER_NO_MEMORY } MemberResult;
/* ADDED: an image, now items[count - 1]. LEFT_OUT: a folder, or left out and counted. */
MemberResult dataset_add_member(VtDataset *dataset, const DatasetMember *member);
/* Gives items[index] a label that was met after it. False: no memory. */
bool dataset_set_label(VtDataset *dataset, int64_t index, const char *label);
bool dataset_finish_tree(VtDataset *dataset, VtError *error);
/* For VtDataset.load, where items are files and their names are paths. */
bool dataset_load_file(const VtDataset *dataset, int64_t index, VtImage *out, VtError *error);

/* What a name says: whether it ends as those of images do. UNKNOWN: look at the first bytes. */
typedef enum { NAME_IMAGE, NAME_OTHER, NAME_FORMAT, NAME_UNKNOWN } NameKind;
NameKind dataset_name_kind(const char *name);
bool dataset_is_text(const char *name); /* that may say labels or splits: .txt, .csv, … */
bool dataset_hidden(const char *path);  /* some part of it is: .name, __MACOSX */

#endif
