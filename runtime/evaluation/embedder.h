/* The frozen encoder over images of a data set, a batch at a time: function "embed", whose one VIEW input gives the
 * pipeline and the batch. Images are made ready on all threads. */
#ifndef VITC_RUNTIME_EVALUATION_EMBEDDER_H
#define VITC_RUNTIME_EVALUATION_EMBEDDER_H

#include "runtime/datasets/dataset.h"
#include "runtime/program/instance.h"

/* The function and its view, an index into VtProgram.inputs. NULL, with an error, where a recipe has no such thing. */
const VtFunction *vt_find_embed(const VtProgram *program, int *view, VtError *error);

typedef struct VtEmbedder VtEmbedder;
/* Of n images, those at `indices` in that order; NULL: the first n. All stay the caller's. Of images whose bytes are no
 * image more than max_broken are an error. instance NULL: in the place of features are the pixels of the view, as its
 * pipeline gives them, f32[channels · size · size]; of views above 64 px the means of squares of pixels, so that edges
 * are of at most 64 (where a divisor of the size allows). */
VtEmbedder *vt_embedder_new(VtInstance *instance, const VtProgram *program, const VtDataset *dataset,
                            const int64_t *indices, int64_t n, int64_t max_broken, VtError *error);
/* From now on rows are means over so many crops of each image, of the ten that vt_pipeline_at places; 1, as it is at
 * first: the view as it stands. */
bool vt_embedder_crops(VtEmbedder *embedder, int crops, VtError *error);
void vt_embedder_free(VtEmbedder *embedder); /* NULL is fine */
int64_t vt_embedder_dim(const VtEmbedder *embedder);
/* The edge of what the encoder sees, or of the map of pixels. */
int vt_embedder_size(const VtProgram *program, bool pixels);

typedef struct {
    int64_t first, count; /* of the n images; count 0: that was all */
    const float *rows;    /* f32[count, dim], until the next call */
    const bool *good;     /* of each: false: the image is broken, and its row means nothing */
} VtEmbedded;
/* The next batch. Polls vt_stop_signal(). */
bool vt_embedder_next(VtEmbedder *embedder, VtEmbedded *out, VtError *error);
/* Images that were broken so far; *first: what is wrong with the first of them. */
int64_t vt_embedder_broken(const VtEmbedder *embedder, VtError *first);
/* Where features of images were NaN or infinite so far: false, with a message that counts them and names the first. */
bool vt_embedder_finite(const VtEmbedder *embedder, VtError *error);

#endif
