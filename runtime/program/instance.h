/* A program with memory: it owns the states, the arena and the buffers of outputs. */
#ifndef VITC_RUNTIME_PROGRAM_INSTANCE_H
#define VITC_RUNTIME_PROGRAM_INSTANCE_H

#include "runtime/base/error.h"
#include "runtime/program.h"
#include "runtime/program/spans.h"
#include "runtime/program/weights.h"

/* The function of that name; NULL: the program has none. */
const VtFunction *vt_find_function(const VtProgram *program, const char *name);

typedef struct VtInstance VtInstance;
VtInstance *vt_instance_new(const VtProgram *program, VtError *error);
void vt_instance_free(VtInstance *instance);
/* Initial values: each a function of (seed, state's name). False: some are not made, and the instance is not to be
 * used. */
bool vt_instance_init(VtInstance *instance, uint64_t seed, VtError *error);
/* From now on initial values are taken from these files where they have them (NULL: none); a state that copies another
 * at the start follows what that is then. The caller's, until the last vt_instance_init. */
void vt_instance_initial_weights(VtInstance *instance, const VtInitialWeights *weights);
const void *vt_instance_state(const VtInstance *instance, int state);
/* To write a state from outside, before the next run: states derived from it are made anew then. Ask again after a
 * run. */
void *vt_instance_write_state(VtInstance *instance, int state);
/* The state that counts the steps done (VT_ROLE_COUNTER, f64); -1: there is none. */
int vt_instance_counter(const VtInstance *instance);
int vt_instance_find_state(const VtInstance *instance, const char *name); /* -1: none */
/* Runs function `name` once; inputs[i] feeds VtProgram.inputs[i] (NULL where the function does not read it).
 */
bool vt_instance_run(VtInstance *instance, const char *function, void *const *inputs, VtError *error);
/* An output of the function's last run; NULL if there is none of that name. */
const void *vt_instance_output(VtInstance *instance, const char *function, const char *output,
                               VtTensor *type);
/* From now on runs of the function are recorded, on all threads; NULL: no function's are. False: there is no such
 * function, or no room: a run makes more spans than VT_MOST_SPANS. */
bool vt_instance_profile(VtInstance *instance, const char *function, VtError *error);
/* What threads did in the last run that was recorded, until the next. */
const VtSpans *vt_instance_spans(const VtInstance *instance);

#endif
