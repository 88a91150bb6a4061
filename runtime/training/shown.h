/* Images that are written while training goes on (VtLogImages). Used inside runtime/ only. */
#ifndef VITC_RUNTIME_TRAINING_SHOWN_H
#define VITC_RUNTIME_TRAINING_SHOWN_H

#include "runtime/training/step.h"

/* Whether the step after `done` steps is shown: the first, and the first of each `every` epochs. */
bool shown_due(const VtProgram *program, int64_t done, double steps_per_epoch);
/* Writes FOLDER/step_NNNNNN.png, the step being the one after `done`, of the inputs that it was fed: a row for each
 * view and output of function "images", an image a column, denormalised; images are of the first view shown, or fed,
 * what is normalised is concerned. */
bool shown_write(const Step *step, int64_t done, const char *folder, VtError *error);

#endif
