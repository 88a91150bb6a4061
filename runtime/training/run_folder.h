/* The folder of a training run, from the inside: see run.h and docs/runs.md. Used inside runtime/ only. */
#ifndef VITC_RUNTIME_TRAINING_RUN_FOLDER_H
#define VITC_RUNTIME_TRAINING_RUN_FOLDER_H

#include "runtime/base/error.h"
#include "runtime/program/instance.h"
#include "runtime/training/run.h"

#include <sys/stat.h>

enum { RUN_PATH = 4096 };

struct VtRunFolder {
    char path[RUN_PATH];
    char lock[RUN_PATH], checkpoint[RUN_PATH], previous[RUN_PATH], recipe[RUN_PATH], settings_path[RUN_PATH],
        metrics[RUN_PATH], images[RUN_PATH];
    int held; /* the lock's descriptor; -1: there is no such file yet */
    VtRunMode mode;
    struct stat found;  /* the checkpoint when the folder was opened; st_ino 0: none */
    bool unsynced;      /* recipe and settings: they are synced before the first checkpoint */
    bool keep_previous; /* the checkpoint is damaged or gone: it does not become the previous one */
    VtRunSettings settings;
};

/* The checkpoint that the run continues from; NULL: it begins at step 0. */
const char *run_folder_start(const VtRunFolder *folder);
/* All has been checked: makes the folder if it is missing, takes its lock, and writes what changed of recipe and
 * settings. */
bool run_folder_commit(VtRunFolder *folder, const char *recipe, const VtRunSettings *settings,
                       VtError *error);
/* The checkpoint that was there becomes checkpoint.previous. */
bool run_folder_save(VtRunFolder *folder, VtInstance *instance, const VtProgram *program,
                     double steps_per_epoch, VtError *error);

#endif
