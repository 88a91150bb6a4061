/* A training run: how it was asked for, its folder, and the loop. */
#ifndef VITC_RUNTIME_TRAINING_RUN_H
#define VITC_RUNTIME_TRAINING_RUN_H

#include "runtime/program/instance.h"
#include <stdio.h>

/* ---- run_settings.c: run.json, how a run was asked for, beside its recipe ---------------------------------------- */
typedef struct {
    char name[64];           /* of a source of the recipe; "": it names none */
    char path[4096];         /* as for vt_dataset_open, a relative path made absolute; "": not known */
    int64_t images, classes; /* to train on; 0: not known */
} VtRunData;
typedef struct {
    VtRunData data[VT_MAX_SOURCES];
    int n_data;                 /* 0: not known */
    char target_features[1024]; /* "": this machine's */
    int64_t steps;              /* to stop after, in all; 0: by epochs */
    int64_t workers, threads;   /* 0: chosen */
    int64_t max_broken;         /* -1: not known */
    int64_t batch, seed;        /* what the checkpoint's step counts in, beside the images; 0: not known */
    double epochs;
    /* Weights that the command line had it begin with: the file and its hash, the file of rules by which its tensors
     * are called, patterns with commas between; "": none. */
    char init[4096], init_hash[128], init_rename[4096], init_only[1024];
} VtRunSettings;
/* Reads run.json. If there is no such file nothing is known: true, with the values that say so. */
bool vt_run_settings_read(const char *path, VtRunSettings *out, VtError *error);
char *vt_run_settings_text(const VtRunSettings *settings); /* malloc'ed; NULL: no memory */

/* ---- run_folder.c: the folder of a training run (docs/runs.md) --------------------------------------------------- */
typedef enum {
    VT_RUN_NEW,      /* refused if there is a checkpoint */
    VT_RUN_RESUME,   /* from checkpoint.safetensors, or from step 0 if there is none */
    VT_RUN_PREVIOUS, /* from checkpoint.previous.safetensors */
} VtRunMode;
typedef struct VtRunFolder VtRunFolder;
/* Checks all that can be checked, and takes the folder's lock if there is one. Writes nothing. */
VtRunFolder *vt_run_open(const char *path, VtRunMode mode, VtError *error);
void vt_run_close(VtRunFolder *folder);
const char *vt_run_recipe(const VtRunFolder *folder); /* the saved recipe's path; NULL: none */
const VtRunSettings *vt_run_settings(const VtRunFolder *folder);
bool vt_run_continues(const VtRunFolder *folder); /* from a checkpoint */

/* ---- train.c: the training loop --------------------------------------------------------------------------------- */

/* Called with the states and inputs of a step (`step`: the number of steps after it) that gives values that are not
 * finite. */
typedef void (*VtExplain)(void *user, VtInstance *instance, void *const *inputs, int64_t step);
/* Called once the data tell how many steps an epoch has, with the steps done and the steps in all; false, with a
 * message, ends the run before anything is written. */
typedef bool (*VtBegin)(void *user, double steps_per_epoch, int64_t first, int64_t steps, VtError *error);
typedef struct {
    VtRunFolder *folder;  /* the caller's; written to once everything else has been checked */
    const char *resolved; /* resolved recipe text, saved as recipe.yaml in it (NULL: not saved) */
    /* data, a path for each source of the program in its order, steps, workers, max_broken are read; saved with what
     * the run is */
    VtRunSettings settings;
    const VtInitialWeights *weights; /* the caller's; NULL: values are drawn */
    bool extend;                     /* take data of another size, and count steps anew */
    bool force;                      /* go on although the data is not what it was */
    bool plain;                      /* plain lines even on a terminal */
    double max_seconds;              /* stop, saved, after so long (0: no limit) */
    FILE *log;                       /* progress (stdout) */
    VtExplain explain;               /* may be NULL */
    VtBegin begin;                   /* may be NULL */
    void *user;                      /* of both */
} VtTrainOptions;
/* 0 done; 1 failed, 2 bad request: the error is printed by the caller; 128 + n: stopped by signal n, which the log
 * tells. */
int vt_train(const VtProgram *program, const VtTrainOptions *options, VtError *error);

#endif
