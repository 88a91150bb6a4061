/* The folder of a training run (docs/runs.md): its lock, the saved recipe, checkpoints. Of runtime/ alone. */
#ifndef VITC_RUNTIME_RUN_FOLDER_H
#define VITC_RUNTIME_RUN_FOLDER_H

#include "runtime/runtime.h"

typedef struct {
    const char *path;
    int lock; /* held while >= 0 */
    char checkpoint[4096], previous[4096], recipe[4096], metrics[4096];
} RunFolder;

/* Makes the folder if it is missing and takes its lock; it may hold a run only if `resume`. */
bool run_folder_open(RunFolder *folder, const char *path, bool resume, VtError *error);
void run_folder_close(RunFolder *folder);
bool run_folder_has_checkpoint(const RunFolder *folder);
bool run_folder_save_recipe(RunFolder *folder, const char *text, VtError *error);
/* The checkpoint that was there becomes checkpoint.previous. */
bool run_folder_save(RunFolder *folder, VtInstance *instance, const VtProgram *program, VtError *error);

#endif
