/* What a handle holds, and how each call with one begins and ends. Used inside library/ only. */
#ifndef VITC_LIBRARY_HANDLE_H
#define VITC_LIBRARY_HANDLE_H

#include "library/model.h"
#include "runtime/built.h"
#include "runtime/program/weights.h"
#include "runtime/threads/team.h"
#include "runtime/training/loader.h"
#include "runtime/training/sources.h"
#include "runtime/training/step.h"

#include <locale.h>
#include <sys/types.h>

/* The model: which symbol it is, is decided where the library is linked. */
extern const VtBuilt vt_built;

struct vt_model_handle {
    const VtVariant *variant;
    VtProgram program; /* the variant's, with settings of the handle's own */
    VtTeam *team;
    VtInstance *instance;
    VtWeights *files;          /* that initial values come from, at their places; NULL: none */
    VtInitialWeights *weights; /* of them; NULL: none */
    Step steps;
    double steps_per_epoch; /* 0: not known */
    bool stepped;           /* there are metrics of a step */

    Sources sources;
    bool has_data;
    VtLoader *loader; /* NULL: none, or its next batch would not be the next step's */
    int loader_threads;
    int64_t max_broken;
    int64_t next_batch; /* the step whose batch the loader has next */
    void **batch;       /* by VtProgram.inputs: copies of what the caller gives; NULL: none yet */
    float *images;      /* of the encoder's batch; NULL: none yet */

    VtError error;
    bool busy;
    pid_t process;
    vt_model_handle *next; /* of those that live */
};

/* What a call changes in its thread, and puts back. */
typedef struct {
    VtTeam *team;
    locale_t locale;
} Before;

/* Makes the handle known. */
void handle_add(vt_model_handle *handle);
/* Each call with a handle is between these two. Where it does not begin, it returns that status at once. Inside, the
 * calling thread's team is the handle's, numbers are written with a point, and handle->error is clear. */
vt_model_status handle_begin(vt_model_handle *handle, Before *before);
/* `good`: the call succeeded; else handle->error says what was wrong. */
vt_model_status handle_end(vt_model_handle *handle, const Before *before, bool good);
/* After handle_begin: nobody finds the handle any more. Puts back what handle_begin changed. */
void handle_remove(vt_model_handle *handle, const Before *before);
/* The same for a thread that makes a handle, which no other knows yet. */
void surroundings_enter(vt_model_handle *handle, Before *before);
void surroundings_leave(const Before *before);

vt_model_status status_of(const VtError *error);
/* train.c: batches are made anew, from the next step on. */
void handle_drop_loader(vt_model_handle *handle);
int64_t handle_steps_done(const vt_model_handle *handle);

#endif
