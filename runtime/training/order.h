/* Which images a stream takes in which step: a function of the seed, the step and the sizes of its sources alone, so
 * that a run which is resumed takes the same. Used inside runtime/ only.
 *
 * Each source is gone through in a permutation drawn from (seed, "order", e), then in the one of e + 1, and so on;
 * "order" is followed by a dot and the source's name if it has one. Where a program has one stream of one source, the
 * images that fill no batch at the end of a pass are left out of it; else passes follow each other without a gap, and
 * a source that is smaller than what a step takes of it is repeated within the batch. In a mixture each source has its
 * share of the images of the first n steps, to within one image a source, for every n; the places in the batch are
 * drawn from (seed, "mix", step).
 *
 * A stream may repeat its images (Hoffer et al. 2020): each is taken so many times running, and an epoch, which has as
 * many steps as it would have without, shows so much fewer of them. */
#ifndef VITC_RUNTIME_TRAINING_ORDER_H
#define VITC_RUNTIME_TRAINING_ORDER_H

#include "runtime/datasets/dataset.h"
#include "runtime/program.h"

typedef struct StreamOrder StreamOrder;
/* data: of the stream, its parts being the stream's sources. NULL: no memory. */
StreamOrder *order_new(const VtProgram *program, int stream, const VtDataset *data);
void order_free(StreamOrder *order);
/* From now on no image is left out: an epoch shows each once, and some twice. Before the first step. */
void order_take_all(StreamOrder *order);
/* How many whole steps it takes to see as many images as there are. */
int64_t order_steps(const StreamOrder *order);
/* The images of a step: the stream's `batch` indices in the data. Steps are best asked for in ascending order.
 * steps_per_epoch: of the run. */
void order_of_step(StreamOrder *order, int64_t step, int64_t steps_per_epoch, int32_t *out);

#endif
