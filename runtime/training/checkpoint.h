/* A run's state on disk. */
#ifndef VITC_RUNTIME_TRAINING_CHECKPOINT_H
#define VITC_RUNTIME_TRAINING_CHECKPOINT_H

#include "runtime/program/instance.h"

/* Saves finite states alone: else fails, and `path` is what it was. */
bool vt_checkpoint_save(VtInstance *instance, const VtProgram *program, const char *path, VtError *error);
/* Lists every missing and misshapen tensor in the message. */
bool vt_checkpoint_load(VtInstance *instance, const VtProgram *program, const char *path, VtError *error);
/* If the checkpoint at `path` is whole, adds to a message that another is not: the path, its step, and `how` to take
 * it. */
void vt_checkpoint_offer(const char *path, const char *how, VtError *error);

#endif
