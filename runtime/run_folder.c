/* The folder of a training run: see run_folder.h. */
#include "runtime/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool run_folder_open(RunFolder *f, const char *path, bool resume, VtError *error) {
    char lock[4096];
    f->path = path;
    f->lock = -1;
    if (strlen(path) > 3900) return vt_fail(error, 2, "--out: path too long");
    snprintf(lock, sizeof lock, "%s/lock", path);
    snprintf(f->checkpoint, sizeof f->checkpoint, "%s/checkpoint.safetensors", path);
    snprintf(f->previous, sizeof f->previous, "%s/checkpoint.previous.safetensors", path);
    snprintf(f->recipe, sizeof f->recipe, "%s/recipe.yaml", path);
    snprintf(f->metrics, sizeof f->metrics, "%s/metrics.jsonl", path);
    if (!vt_make_folders(path, 0777, error)) return false;
    f->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (f->lock < 0) return vt_fail(error, 2, "cannot write in '%s': %s", path, strerror(errno));
    if (flock(f->lock, LOCK_EX | LOCK_NB) != 0)
        return vt_fail(error, 2, "'%s' is in use by another training run", path);
    if (run_folder_has_checkpoint(f) && !resume)
        return vt_fail(error, 2, "'%s' holds a run already: --resume continues it, another --out starts anew",
                       path);
    return true;
}

void run_folder_close(RunFolder *f) {
    if (f->lock >= 0) close(f->lock);
    f->lock = -1;
}

bool run_folder_has_checkpoint(const RunFolder *f) {
    return access(f->checkpoint, F_OK) == 0;
}

bool run_folder_save_recipe(RunFolder *f, const char *text, VtError *error) {
    return !text || vt_replace_with(f->recipe, 0666, text, strlen(text), error);
}

bool run_folder_save(RunFolder *f, VtInstance *instance, const VtProgram *program, VtError *error) {
    if (run_folder_has_checkpoint(f)) {
        unlink(f->previous);
        if (link(f->checkpoint, f->previous) != 0 && errno != EPERM && errno != EOPNOTSUPP)
            return vt_fail(error, 1, "cannot keep '%s': %s", f->previous, strerror(errno));
    }
    return vt_checkpoint_save(instance, program, f->checkpoint, error);
}
