/* Batches made beside the step: the images of every stream, in the order of order.h. Batch b of the run is a function
 * of (seed, b) alone. Workers (plain threads) prepare up to `depth` batches ahead; a broken image is replaced by the
 * next good one in order, named once through `report`, and counted; more than `max_broken` of them end the run.
 *
 * An epoch has as many steps as the stream needs that is the last to have shown as many images as it has. */
#ifndef VITC_RUNTIME_TRAINING_LOADER_H
#define VITC_RUNTIME_TRAINING_LOADER_H

#include "runtime/datasets/dataset.h"
#include "runtime/program.h"

typedef struct VtLoader VtLoader;
typedef struct {
    int64_t step;
    void *const *inputs; /* by VtProgram.inputs: filled for VIEW, LABEL and INDEX sources, else NULL */
} VtBatch;
/* data: by VtProgram.streams; NULL where no input of the step is of the stream. */
VtLoader *vt_loader_new(const VtProgram *program, VtDataset *const *data, int64_t first_step, int workers,
                        int depth, int64_t max_broken, void (*report)(void *user, const char *message),
                        void *user, VtError *error);
/* Batches of all held-out images for another function, from batch 0 on, the same each time: as many as
 * vt_loader_steps_per_epoch says, the last filled up with images that were in others. An error where a stream that the
 * function reads has no images in `data`. */
VtLoader *vt_loader_held_out(const VtProgram *program, const char *function, VtDataset *const *data,
                             int workers, int64_t max_broken, VtError *error);
/* Whether function `step` reads an input of the stream; of a program without one, whether there is such an input. */
bool vt_stream_is_read(const VtProgram *program, int stream);
/* Whether function `step` reads the input and neither draws nor counts it: it comes with a batch, or from the caller
 * (VT_SOURCE_FEED). */
bool vt_input_is_given(const VtProgram *program, int input);
/* The batch of the next step; valid until the next call. NULL on an error. */
const VtBatch *vt_loader_next(VtLoader *loader, VtError *error);
int64_t vt_loader_steps_per_epoch(const VtLoader *loader);
int64_t vt_loader_broken(const VtLoader *loader);
void vt_loader_free(VtLoader *loader);

#endif
