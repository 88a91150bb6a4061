/* The folder of a training run: see run_folder.h. It is looked at before anything is written. */
#include "runtime/training/run_folder.h"
#include "runtime/base/error.h"
#include "runtime/files/output.h"
#include "runtime/program/instance.h"
#include "runtime/training/checkpoint.h"
#include "runtime/training/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void name_files(VtRunFolder *f, const char *path) {
    const struct {
        char *out;
        const char *name;
    } files[] = {{f->lock, "lock"},
                 {f->checkpoint, "checkpoint.safetensors"},
                 {f->previous, "checkpoint.previous.safetensors"},
                 {f->recipe, "recipe.yaml"},
                 {f->settings_path, "run.json"},
                 {f->metrics, "metrics.jsonl"},
                 {f->images, "images"}};
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    snprintf(f->path, sizeof f->path, "%.*s", (int)n, path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        snprintf(files[i].out, RUN_PATH, "%.3900s%s%s", f->path, n == 1 && *path == '/' ? "" : "/",
                 files[i].name);
}

static bool is_there(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0;
}

static bool has_checkpoint(const VtRunFolder *f) {
    return is_there(f->checkpoint);
}

/* Takes the lock if its file is there, or may be made. */
static bool take_lock(VtRunFolder *f, bool make, VtError *error) {
    struct stat status;
    if (f->held >= 0) return true;
    f->held = open(f->lock, O_RDWR | (make ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (f->held < 0 && errno == ENOENT && !make) return true;
    if (f->held < 0) return vt_fail(error, 2, "cannot write '%s': %s", f->lock, strerror(errno));
    if (fstat(f->held, &status) != 0)
        return vt_fail(error, 1, "cannot read '%s': %s", f->lock, strerror(errno));
    if (!S_ISREG(status.st_mode)) return vt_fail(error, 2, "'%s' is no regular file", f->lock);
    if (flock(f->held, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno == ENOSYS || errno == EOPNOTSUPP) return true; /* a file system without locks */
    if (errno == EWOULDBLOCK) return vt_fail(error, 2, "'%s' is in use by another training run", f->path);
    return vt_fail(error, 1, "cannot lock '%s': %s", f->lock, strerror(errno));
}

/* Nothing that a run writes may be of someone else, or be no file. */
static bool check_files(VtRunFolder *f, VtError *error) {
    const char *const files[] = {f->recipe, f->settings_path, f->metrics, f->checkpoint, f->previous};
    struct stat status;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (lstat(files[i], &status) != 0) continue;
        if (!S_ISREG(status.st_mode) && !(i >= 3 && S_ISLNK(status.st_mode)))
            return vt_fail(error, 2, "'%s' is no regular file: a run writes one there", files[i]);
        if (f->held < 0 && !run_folder_start(f))
            return vt_fail(error, 2, "'%s' is there already, and of no run of vitc: choose another --out",
                           files[i]);
    }
    return true;
}

/* Which checkpoint a run continues from is never a guess. */
static bool check_mode(VtRunFolder *f, VtError *error) {
    bool has = has_checkpoint(f), has_previous = is_there(f->previous);
    if (f->mode == VT_RUN_NEW && (has || has_previous))
        return vt_fail(error, 2, "'%s' holds a run already: --resume continues it, another --out starts anew",
                       f->path);
    if (f->mode == VT_RUN_RESUME && !has && has_previous)
        return vt_fail(error, 2, "'%s' is missing. '%s' is there: --resume --previous continues from it",
                       f->checkpoint, f->previous);
    if (f->mode == VT_RUN_PREVIOUS && !has_previous)
        return vt_fail(error, 2, "there is no '%s' to continue from", f->previous);
    if (!has || stat(f->checkpoint, &f->found) == 0) return true;
    return vt_fail(error, 2, "cannot read '%s': %s", f->checkpoint, strerror(errno));
}

VtRunFolder *vt_run_open(const char *path, VtRunMode mode, VtError *error) {
    if (!vt_output_check_folder(path, error)) return NULL;
    VtRunFolder *f = calloc(1, sizeof *f);
    if (!f) {
        vt_fail(error, 1, "out of memory");
        return NULL;
    }
    name_files(f, path);
    f->held = -1;
    f->mode = mode;
    f->keep_previous = mode == VT_RUN_PREVIOUS;
    f->settings.max_broken = -1;
    if (take_lock(f, false, error) && check_mode(f, error) && check_files(f, error) &&
        (mode == VT_RUN_NEW || vt_run_settings_read(f->settings_path, &f->settings, error)))
        return f;
    vt_run_close(f);
    return NULL;
}

void vt_run_close(VtRunFolder *f) {
    if (!f) return;
    if (f->held >= 0) close(f->held);
    free(f);
}

const char *vt_run_recipe(const VtRunFolder *f) {
    return f->mode != VT_RUN_NEW && access(f->recipe, F_OK) == 0 ? f->recipe : NULL;
}

const VtRunSettings *vt_run_settings(const VtRunFolder *f) {
    return &f->settings;
}

bool vt_run_continues(const VtRunFolder *f) {
    return run_folder_start(f) != NULL;
}

const char *run_folder_start(const VtRunFolder *f) {
    if (f->mode == VT_RUN_PREVIOUS) return f->previous;
    return f->mode == VT_RUN_RESUME && f->found.st_ino ? f->checkpoint : NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static bool same_text(const char *path, const char *text) {
    size_t size = strlen(text);
    struct stat status;
    FILE *file = fopen(path, "rb");
    char *there =
        file && fstat(fileno(file), &status) == 0 && (size_t)status.st_size == size ? malloc(size + 1) : NULL;
    bool same = there && fread(there, 1, size, file) == size && memcmp(there, text, size) == 0;
    free(there);
    if (file) fclose(file);
    return same;
}

/* Of a run that begins, what a power failure takes is a run without a checkpoint: disks are waited for later, so that
 * the first step is not. */
static bool put(VtRunFolder *f, const char *path, const char *text, VtError *error) {
    if (!text || same_text(path, text)) return true;
    if (f->found.st_ino || is_there(path)) return vt_replace_with(path, 0666, text, strlen(text), error);
    VtReplacement *r = vt_replace_begin(path, 0666, error);
    if (!r) return false;
    vt_replace_write(r, text, strlen(text));
    f->unsynced = true;
    return vt_replace_end_unsynced(r, error);
}

static bool sync_put(VtRunFolder *f, VtError *error) {
    if (!f->unsynced) return true;
    if ((is_there(f->recipe) && !vt_sync(f->recipe, error)) || !vt_sync(f->settings_path, error))
        return false;
    f->unsynced = false;
    return true;
}

/* The lock was taken only now: nobody may have trained here in between. */
static bool check_again(const VtRunFolder *f, VtError *error) {
    struct stat now = {0};
    bool there = stat(f->checkpoint, &now) == 0;
    if (there == (f->found.st_ino != 0) &&
        (!there || (now.st_ino == f->found.st_ino && now.st_mtim.tv_sec == f->found.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == f->found.st_mtim.tv_nsec)))
        return true;
    return vt_fail(error, 2, "'%s' was written by another training run", f->checkpoint);
}

bool run_folder_commit(VtRunFolder *f, const char *recipe, const VtRunSettings *settings, VtError *error) {
    if (!vt_make_folders(f->path, 0777, error) || !take_lock(f, true, error) || !check_again(f, error))
        return false;
    const char *const files[] = {f->recipe, f->settings_path, f->metrics, f->checkpoint, f->previous};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) vt_replace_sweep(files[i]);
    char *text = vt_run_settings_text(settings);
    bool good = text ? put(f, f->recipe, recipe, error) && put(f, f->settings_path, text, error)
                     : vt_fail(error, 1, "out of memory for '%s', or --data is no UTF-8", f->settings_path);
    free(text);
    return good;
}

bool run_folder_save(VtRunFolder *f, VtInstance *instance, const VtProgram *program, double steps_per_epoch,
                     VtError *error) {
    if (!sync_put(f, error)) return false;
    if (!f->keep_previous && has_checkpoint(f) && !vt_replace_by_link(f->checkpoint, f->previous, error))
        return false;
    if (!vt_checkpoint_save(instance, program, steps_per_epoch, f->checkpoint, error)) return false;
    f->keep_previous = false;
    return true;
}
