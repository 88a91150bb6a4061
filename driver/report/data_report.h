/* A data set as training would read it, as data: its splits and classes, what is left out, and, once every image is
 * decoded, what is broken or there twice. data_text.h shows it. */
#ifndef VITC_DRIVER_REPORT_DATA_REPORT_H
#define VITC_DRIVER_REPORT_DATA_REPORT_H

#include "ir/base/arena.h"
#include "runtime/runtime.h"

enum { DATA_SPLITS = 3, DATA_KEY = 16 };

/* One split; images of class c: per_class[c]. */
typedef struct {
    const char *title;      /* "training" */
    VtDataset *set;         /* NULL: there is no such split; owned */
    int64_t labelled;       /* images that have a class */
    int64_t *per_class;     /* of all classes of the set; in the arena */
    int64_t fewest, most;   /* images of a class, of the classes that have any; 0: none has */
    int n_classes, n_empty; /* of the set; of those without an image here */
} DataSplit;

/* An image that was decoded. */
typedef struct {
    uint8_t key[DATA_KEY]; /* the beginning of the SHA-256 of size and pixels */
    int32_t split, width, height;
    int64_t index; /* in the split */
} DataImage;

/* Two images of the same pixels. */
typedef struct {
    const DataImage *first, *second;
    bool across;   /* they are of two splits */
    bool conflict; /* and have two classes */
} DataPair;

/* Everything but the sets lies in the arena. */
typedef struct {
    Arena *arena;
    const char *path;
    DataSplit splits[DATA_SPLITS]; /* training, held out, not used */
    int64_t n_images;              /* of all splits */

    /* After data_report_decode. */
    const char **broken; /* what is wrong with each image that does not decode, in their order */
    int64_t n_broken;
    DataImage *images; /* the others, by key */
    int64_t n_whole;
    int shorter_low, shorter_high, widest,
        highest;     /* pixels: the range of shorter edges, the largest edges */
    DataPair *pairs; /* those across splits first, then by key */
    int64_t n_pairs, n_across, n_conflicts;
} DataReport;

/* Opens all splits and counts. False with an error; data_report_close in any case. */
bool data_report_open(DataReport *report, Arena *arena, const char *path, VtError *error);
/* Decodes every image on all threads. `tell`, which may be NULL, hears now and then how many are done. False: a read
 * failed, memory ran out, or a signal asks to stop. */
bool data_report_decode(DataReport *report, void (*tell)(int64_t done, int64_t all), VtError *error);
void data_report_close(DataReport *report);

/* Images of the same pixels in two sets: `first` in split `split` of one set, `second` in the training images of
 * another. In the arena of the first. */
DataPair *data_report_across(const DataReport *first, int split, const DataReport *second, int64_t *n);

#endif
