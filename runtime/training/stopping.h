/* The condition on which a run ends by itself (VtProgram.stop): function "stop", fed with what was logged. Used inside
 * runtime/ only. */
#ifndef VITC_RUNTIME_TRAINING_STOPPING_H
#define VITC_RUNTIME_TRAINING_STOPPING_H

#include "runtime/training/held_out.h"
#include "runtime/training/step.h"

#define STOPPED_BY "stopped" /* of a line of the metrics: the condition that ended the run at that step */

typedef struct {
    void **inputs; /* by VtProgram.inputs */
    double *values;
} Stopping;

/* stopping_close in any case. */
bool stopping_open(Stopping *s, const VtProgram *program, VtError *error);
/* Whether the condition holds after a step whose scalars these are. */
bool stopping_look(Stopping *s, VtInstance *instance, const VtProgram *program, const StepScalars *scalars,
                   const HeldOut *held_out, bool *holds, VtError *error);
void stopping_close(Stopping *s);

#endif
