/* Sets of labelled images, of any format that is read (a file dataset_FORMAT.c each). */
#ifndef VITC_RUNTIME_DATASETS_DATASET_H
#define VITC_RUNTIME_DATASETS_DATASET_H

#include "runtime/images/image.h"

/* `path` may be "synthetic" or "synthetic:COUNT", a folder, a tar, or a binary file or folder of them; the format is
 * found by looking. `split`: "train", "test" (val is taken as test), or NULL for all. */
typedef struct VtDataset VtDataset;
VtDataset *vt_dataset_open(const char *path, const char *split, VtError *error);
void vt_dataset_close(VtDataset *dataset);
/* Several sets as one, their images in the order of the parts. Classes of the same name are one class, numbered as they
 * are met: those of `like` first, which may be NULL. The parts are closed with it, or here where it fails. */
VtDataset *vt_dataset_join(VtDataset *const *parts, int n, const VtDataset *like, VtError *error);
/* Of the images of each class that share, chosen by the seed, and all without a label. The whole is closed with it, or
 * here where it fails. */
VtDataset *vt_dataset_share(VtDataset *whole, double share, uint64_t seed, VtError *error);
int vt_dataset_parts(const VtDataset *dataset); /* 1: itself */
const VtDataset *vt_dataset_part(const VtDataset *dataset, int part);
int64_t vt_dataset_size(const VtDataset *dataset);
int vt_dataset_classes(const VtDataset *dataset);
const char *vt_dataset_class_name(const VtDataset *dataset, int label);
const char *vt_dataset_format(const VtDataset *dataset);       /* a FORMAT row's name */
int vt_dataset_label(const VtDataset *dataset, int64_t index); /* -1: none */
int64_t vt_dataset_labelled(const VtDataset *dataset);         /* images that have a label */
/* Chooses n of the images, spread over the set, for its classes lie together; those with labels first. `out`: n
 * indices, ascending. */
void vt_dataset_spread(const VtDataset *dataset, int64_t n, int64_t *out);
/* Opens what is held out beside a training set: test or validation. True with *out NULL, and the reason in `why`, if
 * there is nothing. */
bool vt_dataset_held_out(const char *path, VtDataset **out, VtError *why);
/* The same for any split; "unused" is what is held out beside "test" and not used. */
bool vt_dataset_open_if_there(const char *path, const char *split, VtDataset **out, VtError *why);
/* "N images, C classes, M left out (12 empty: names; …)", and sentences about how the set was understood. */
void vt_dataset_describe(const VtDataset *dataset, char *out, size_t size);
int vt_dataset_notes(const VtDataset *dataset);
const char *vt_dataset_note(const VtDataset *dataset, int i);
/* What was left out, for each reason by name. */
int vt_dataset_left_reasons(void);
const char *vt_dataset_left_reason(int reason); /* "empty" */
int64_t vt_dataset_left(const VtDataset *dataset, int reason);
const char *vt_dataset_left_name(const VtDataset *dataset, int reason, int64_t i);
/* What else is known of an image: the texture of a synthetic one. -1, of 0 classes: nothing. */
int vt_dataset_second_label(const VtDataset *dataset, int64_t index);
int vt_dataset_second_classes(const VtDataset *dataset);
const char *vt_dataset_name(const VtDataset *dataset, int64_t index); /* "cifar10/train/cat/0001.jpg" */
/* What images are to have from now on, before the first is asked for: 3, which it is without being set, makes RGB of
 * gray and leaves alpha away; any other number is that of the images. False, with an error, where they all have
 * others. */
int vt_dataset_channels(
    const VtDataset *dataset); /* that all images are stored with; 0: each file has its own */
bool vt_dataset_set_channels(VtDataset *dataset, int channels, VtError *error);
bool vt_dataset_is_named(
    const VtDataset *dataset); /* its images are: they are files, or members of archives */
/* Thread-safe. On a broken image returns false with its name in the message. */
bool vt_dataset_image(const VtDataset *dataset, int64_t index, VtImage *out, VtError *error);

#endif
