/* A frozen encoder, as `eval` and `embed` judge and use it: of a run's checkpoint, or of initial weights. */
#ifndef VITC_COMMAND_FROZEN_H
#define VITC_COMMAND_FROZEN_H

#include "command/readout.h"
#include "command/weights.h"

/* FROZEN_FLAGS, and FORCE_FLAG, the last, which is of built programs alone. */
enum {
    FROZEN_DATA,
    FROZEN_LAYER,
    FROZEN_LAST,
    FROZEN_READOUT,
    FROZEN_CROPS,
    FROZEN_PREVIOUS,
    FROZEN_INIT,
    FROZEN_RENAME,
    FROZEN_ONLY,
    FROZEN_THREADS,
    FROZEN_MAX_BROKEN,
    FROZEN_TARGET,
    FROZEN_FORCE,
    N_FROZEN_FLAGS
};
enum { MOST_OWN_FLAGS = 48 };

typedef struct {
    Flag own[MOST_OWN_FLAGS]; /* the verb's, as they were given */
    Flag flags[N_FROZEN_FLAGS + MOST_COMMAND_FLAGS];
    Arguments args;
    InitFlags init;
    Readout read;
    int crops; /* of each image, whose features' mean counts; 1: the view as it stands */
    int64_t max_broken;
    bool apart; /* several layers are told apart: set before it is opened */

    const char *run; /* NULL: no run's, but a recipe's initial weights */
    char recipe[4096];
    const char *data;
    Made *made;
    Weights weights;
    VtInstance *instance;
    char checkpoint[4096]; /* the file that they come from; "": from `weights` */
    char hash[VT_HASH_TEXT];
    double step; /* of the checkpoint; -1: not known */
} Frozen;

/* Reads the arguments: n_own flags of the verb's own, then those above. Zeroed ones before it. False after telling what
 * is wrong. */
bool frozen_arguments(Frozen *f, int argc, char **argv, size_t n_own);
/* The program of the run or recipe that `word` names (NULL: a built program's own), with its weights. False after
 * telling what is wrong; *code is then the exit code. */
bool frozen_open(Frozen *f, const char *word, int *code);
void frozen_close(Frozen *f);
/* Opens what is embedded, with the channels that the view of the features wants. NULL with an error. */
VtDataset *frozen_data(const Frozen *f, const char *split, VtError *error);

#endif
