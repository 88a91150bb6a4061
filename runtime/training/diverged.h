/* What is done when a loss, a state or features are no longer finite: which checkpoint can be used, and the step that
 * failed once more, with the states as they were before it. Used inside runtime/ only. */
#ifndef VITC_RUNTIME_TRAINING_DIVERGED_H
#define VITC_RUNTIME_TRAINING_DIVERGED_H

#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/program/instance.h"
#include "runtime/training/progress.h"
#include "runtime/training/run.h"

typedef struct {
    const VtProgram *program;
    VtInstance *instance;              /* its states are lost */
    VtDataset *const *data;            /* by stream */
    const char *checkpoint, *previous; /* paths; there may be no such files */
    int64_t step;                      /* steps done, the one that failed too */
    bool of_features;                  /* it was the features that the states after `step` give */
    bool from_start; /* the run began at step 0 here: without a checkpoint it is done again from there */
    double steps_per_epoch;
    int64_t max_broken;
    Progress *progress;
    VtExplain explain; /* may be NULL */
    void *user;
} Diverged;

/* Adds to the error's message which checkpoint can be used: one whose states are finite, and that gives finite losses
 * and states in the step after it. Then makes the steps again from the newest checkpoint that can be loaded, to the
 * same bits, until one gives what is not finite, and has that explained. Leaves out what takes more than a minute. */
void diverged_explain(const Diverged *diverged, VtError *error);

#endif
