/* Training a recipe, as `train --resume` does: for verbs that train on the way. */
#ifndef VITC_COMMAND_TRAIN_H
#define VITC_COMMAND_TRAIN_H

#include "command/command.h"

typedef struct {
    const char *recipe, *out;         /* a run that stands there goes on, if it is of the same recipe */
    Arguments args;                   /* settings, and values of --data */
    Flag threads, max_broken, target; /* as they were given */
    const Flag *made;                 /* Command.flags as they were given */
} TrainAsked;
/* The exit code, 0: it is trained to its end. What is wrong was told; where a signal stopped it, it ends as that
 * says. */
int train_recipe(const TrainAsked *asked);

#endif
