/* One step of training: what it is fed, its run, and the scalars it gives. Used inside runtime/ and library/ only. */
#ifndef VITC_RUNTIME_TRAINING_STEP_H
#define VITC_RUNTIME_TRAINING_STEP_H

#include "runtime/base/error.h"
#include "runtime/program/instance.h"
#include "runtime/training/loader.h"

/* The scalar outputs of the step, in their order. */
typedef struct {
    int n;
    const char **names;
    VtOutputRole *roles;
    double *values; /* after the last run */
} StepScalars;

typedef struct {
    const VtProgram *program;
    VtInstance *instance;
    void **inputs; /* by VtProgram.inputs: of the last run; those of draws are the step's own */
    StepScalars scalars;
} Step;

/* What the steps of a run share: *steps_per_epoch stays the caller's. False: out of memory. step_close in any case. */
bool step_open(Step *step, const VtProgram *program, VtInstance *instance, double *steps_per_epoch);
/* Sets the inputs to those of the step after `done` steps. */
void step_feed(Step *step, const VtBatch *batch, int64_t done);
/* The same, and runs function "step" after `done` steps on the batch, and reads its scalars. */
bool step_run(Step *step, const VtBatch *batch, int64_t done, VtError *error);
/* False, with a message, where a loss of the last run is NaN or infinite. */
bool step_losses_finite(const Step *step, VtError *error);
/* Of a whole run: enough for the recipe's epochs. */
int64_t step_total(const VtProgram *program, double steps_per_epoch);
double step_loss(const Step *step); /* what training minimises, of the last run; NaN: there is none */
void step_close(Step *step);

#endif
