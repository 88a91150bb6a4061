/* The data sets of a run: for each stream of its program the images to train on and those held out. Used inside
 * runtime/ and library/ only. */
#ifndef VITC_RUNTIME_TRAINING_SOURCES_H
#define VITC_RUNTIME_TRAINING_SOURCES_H

#include "runtime/training/progress.h"
#include "runtime/training/run.h"

typedef struct {
    int n;                               /* streams */
    VtDataset *train[VT_MAX_SOURCES];    /* owned */
    VtDataset *held_out[VT_MAX_SOURCES]; /* NULL: there is nothing; owned */
} Sources;

/* data: by VtProgram.sources. Says what was found. False with an error; sources_close in any case. */
bool sources_open(Sources *sources, const VtProgram *program, const VtRunData *data, Progress *progress,
                  VtError *error);
void sources_close(Sources *sources);
/* Which stream's images `embed` sees; 0 where it sees none. */
int sources_embedded(const VtProgram *program);
/* What a recipe that reads labels is to know of images without one. */
void sources_say_unlabelled(const Sources *sources, const VtProgram *program, Progress *progress);

#endif
