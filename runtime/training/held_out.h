/* Metrics of held-out images (VtHeldOut): function "validate" over all their batches, without an update. Used inside
 * runtime/ only. */
#ifndef VITC_RUNTIME_TRAINING_HELD_OUT_H
#define VITC_RUNTIME_TRAINING_HELD_OUT_H

#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/program/instance.h"
#include "runtime/training/metrics.h"
#include "runtime/training/progress.h"

typedef struct {
    double last, best; /* NaN: there is none yet */
    double since;      /* evaluations since the best */
    double at;         /* epoch of the last; -1: there was none */
} HeldOutValue;

typedef struct { /* the caller sets the first part */
    const VtProgram *program;
    VtInstance *instance;
    VtDataset *const *data; /* by stream */
    int64_t max_broken;
    double steps_per_epoch;
    Progress *progress;
    VtMetrics *metrics;

    bool possible;
    HeldOutValue *values; /* by VtProgram.held_out; owned */
} HeldOut;

/* Sees whether there are images for it, and says if not. held_out_end in any case. */
bool held_out_begin(HeldOut *h, VtError *error);
void held_out_end(HeldOut *h);
/* The values are as the file of metrics has them, whose lines are those of the steps done. */
void held_out_recall(HeldOut *h, const char *metrics);
/* Whether metric i was taken last at `step`. */
bool held_out_is_of(const HeldOut *h, int i, int64_t step);
/* Whether one falls on `step` that was not taken there yet; `last`: the run ends there, as the recipe has it. */
bool held_out_due(const HeldOut *h, int64_t step, bool last);
/* Takes those that are due: means of the batches, in f32. They go to the metrics and the progress. */
bool held_out_measure(HeldOut *h, int64_t step, bool last, VtError *error);

#endif
