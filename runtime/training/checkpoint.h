/* A run's state on disk. */
#ifndef VITC_RUNTIME_TRAINING_CHECKPOINT_H
#define VITC_RUNTIME_TRAINING_CHECKPOINT_H

#include "runtime/program/instance.h"

/* Saves finite states alone: else fails, and `path` is what it was. steps_per_epoch: what its counter counts in, kept
 * with it; 0: not said. */
bool vt_checkpoint_save(VtInstance *instance, const VtProgram *program, double steps_per_epoch,
                        const char *path, VtError *error);
/* As it was saved; 0: the file does not say. */
double vt_checkpoint_steps_per_epoch(const char *path);
/* Lists every missing and misshapen tensor in the message. */
bool vt_checkpoint_load(VtInstance *instance, const VtProgram *program, const char *path, VtError *error);
/* If the checkpoint at `path` is whole, adds to a message that another is not: the path, its step, and `how` to take
 * it. */
void vt_checkpoint_offer(const char *path, const char *how, VtError *error);

#endif
