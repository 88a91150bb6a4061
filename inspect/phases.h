/* What each value of a training step is for: the forward pass and the losses, their gradients, or the update. */
#ifndef VITC_INSPECT_PHASES_H
#define VITC_INSPECT_PHASES_H

#include "inspect/inspect.h"

typedef enum {
    PHASE_FORWARD,  /* a loss depends on it, or it is given back and depends on no gradient */
    PHASE_GRADIENT, /* made by pass autodiff or for the sake of what that made, or computed again for it */
    PHASE_UPDATE,   /* else: optimiser, moving averages, counters */
    N_PHASES
} Phase;
extern const char *const PHASE_NAMES[N_PHASES]; /* "forward" */

/* The phase of each value of a function, which may be of any stage's module: by ValueId, in inspection->arena. Inputs
 * and states are PHASE_FORWARD. */
const uint8_t *phases_of(const Inspection *inspection, const Func *func);

#endif
