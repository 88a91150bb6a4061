/* Scalars of the run that may be given other values than the recipe's (VtSetting), and how inputs are fed from them. */
#ifndef VITC_RUNTIME_PROGRAM_SETTINGS_H
#define VITC_RUNTIME_PROGRAM_SETTINGS_H

#include "runtime/base/error.h"
#include "runtime/program.h"

/* The one called `key`, by its alias too; an option of train, with or without that word, by the knob that it is as
 * well. -1: there is none. */
int vt_setting_find(const VtProgram *program, const char *key);

/* Whether steps depend on it: others are read by the loop of training alone, which says when to save and evaluate. */
bool vt_setting_is_of_steps(const VtSetting *setting);

/* The same program with settings of its own, of the recipe's values; all else is shared. False: out of memory. */
bool vt_program_copy(const VtProgram *program, VtProgram *copy, VtError *error);
void vt_program_copy_free(VtProgram *copy);

/* "a whole number of at least 1 and at most 100000"; returns out. */
const char *vt_setting_range(const VtSetting *setting, char *out, size_t size);

typedef struct {
    int setting; /* in VtProgram.settings */
    double value;
} VtSettingValue;

/* Gives n settings of a copy other values, and with them those that are made of these and were never given
 * (VtSetting.made), also while instances of it are there: what is fed from then on follows, and so do the fields of
 * VtTrain. False, with a message and nothing changed, where one is not in its range, or all together are not what the
 * recipe demands. */
bool vt_program_set(VtProgram *copy, const VtSettingValue *values, int n, VtError *error);

/* The f64 that input `input` is fed with at every step: what is made of settings, or *steps_per_epoch. NULL: it is fed
 * with something else. */
const double *vt_feed_scalar(const VtProgram *program, int input, const double *steps_per_epoch);

#endif
