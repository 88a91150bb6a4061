/* Batches made beside the step. Order of epoch e: a permutation drawn from (seed, "order", e); the incomplete last
 * batch is dropped. Batch b of the run is a function of (seed, b) alone. Workers (plain threads) prepare up to `depth`
 * batches ahead; a broken image is replaced by the next good one in order, named once through `report`, and counted;
 * more than `max_broken` of them end the run. */
#ifndef VITC_RUNTIME_TRAINING_LOADER_H
#define VITC_RUNTIME_TRAINING_LOADER_H

#include "runtime/datasets/dataset.h"
#include "runtime/program.h"

typedef struct VtLoader VtLoader;
typedef struct {
    int64_t step;
    void *const *inputs; /* by VtProgram.inputs: filled for VIEW, LABEL and INDEX sources, else NULL */
} VtBatch;
VtLoader *vt_loader_new(const VtProgram *program, const VtDataset *dataset, int64_t first_step, int workers,
                        int depth, int64_t max_broken, void (*report)(void *user, const char *message),
                        void *user, VtError *error);
/* The batch of the next step; valid until the next call. NULL on an error. */
const VtBatch *vt_loader_next(VtLoader *loader, VtError *error);
int64_t vt_loader_steps_per_epoch(const VtLoader *loader);
int64_t vt_loader_broken(const VtLoader *loader);
void vt_loader_free(VtLoader *loader);

#endif
