/* Everything below a folder: one folder after another is listed, sorted, and gone through. */
#include "runtime/files/walk.h"
#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/base/terminal.h"
#include "runtime/base/text_set.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PATH = 1 << 16 };

typedef struct {
    WalkStep (*visit)(void *user, const WalkEntry *entry, VtError *error);
    void *user;
    VtError *error;
    char path[MAX_PATH];
    struct {
        dev_t device;
        ino_t inode;
    } around[WALK_DEPTH + 1]; /* the folders it is in */
} Walk;

/* A root that is not there or closed is a wrong request; the rest is a failure. */
static bool cannot_read(const Walk *w, bool root) {
    char shown[512];
    int problem = errno;
    int code = root && (problem == ENOENT || problem == ENOTDIR || problem == EACCES) ? 2 : 1;
    return vt_fail(w->error, code, "cannot read '%s': %s", vt_show_name(w->path, shown, sizeof shown),
                   strerror(problem));
}

static bool list(const Walk *w, int depth, TextSet *names) {
    DIR *folder = opendir(w->path);
    if (!folder) return cannot_read(w, depth == 0);
    bool good = true;
    while (good) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        good = text_set_add(names, entry->d_name, strlen(entry->d_name)) >= 0;
    }
    bool read = errno == 0 || !good || cannot_read(w, false);
    closedir(folder);
    if (!good) vt_fail(w->error, 1, "out of memory");
    if (names->count) qsort(names->text, (size_t)names->count, sizeof *names->text, text_order);
    return good && read;
}

static bool walk(Walk *w, size_t length, int depth);

/* Visits one entry, and what is in it. */
static bool step(Walk *w, size_t length, const char *name, int depth) {
    struct stat status = {0};
    WalkEntry entry = {.path = w->path, .name = name, .depth = depth, .kind = WALK_DEEP};
    size_t n = strlen(name);
    bool slash = length > 0 && w->path[length - 1] != '/', fits = length + slash + n + 1 < MAX_PATH;
    if (!fits) name = "…";
    if (fits) snprintf(w->path + length, MAX_PATH - length, "%s%s", slash ? "/" : "", name);
    bool there = fits && stat(w->path, &status) == 0;
    if (fits && !there) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        if (!missing && errno != ELOOP && errno != ENAMETOOLONG) return cannot_read(w, false);
        entry.kind = missing ? WALK_MISSING : errno == ELOOP ? WALK_LOOP : WALK_DEEP;
    }
    if (there)
        entry.kind = S_ISDIR(status.st_mode) ? WALK_FOLDER : S_ISREG(status.st_mode) ? WALK_FILE : WALK_OTHER;
    entry.size = status.st_size;
    for (int i = 0; entry.kind == WALK_FOLDER && i <= depth; i++)
        if (w->around[i].device == status.st_dev && w->around[i].inode == status.st_ino)
            entry.kind = WALK_LOOP;
    if (entry.kind == WALK_FOLDER && depth + 1 > WALK_DEPTH) entry.kind = WALK_DEEP;
    WalkStep next = w->visit(w->user, &entry, w->error);
    bool good = next != WALK_STOP;
    if (next == WALK_ON && entry.kind == WALK_FOLDER) {
        w->around[depth + 1].device = status.st_dev;
        w->around[depth + 1].inode = status.st_ino;
        good = walk(w, length + slash + n, depth + 1);
    }
    w->path[length] = '\0';
    return good;
}

static bool walk(Walk *w, size_t length, int depth) {
    TextSet names = {0};
    bool good = list(w, depth, &names);
    for (int32_t i = 0; good && i < names.count; i++)
        good = vt_stop_signal() ? vt_stopped(w->error) : step(w, length, names.text[i], depth);
    text_set_free(&names);
    return good;
}

bool walk_folder(const char *root, WalkStep (*visit)(void *, const WalkEntry *, VtError *), void *user,
                 VtError *error) {
    struct stat status;
    size_t length = strlen(root);
    Walk *w = length < MAX_PATH ? malloc(sizeof *w) : NULL;
    if (!w) return vt_fail(error, 1, "out of memory");
    w->visit = visit;
    w->user = user;
    w->error = error;
    memcpy(w->path, root, length + 1);
    bool good = stat(root, &status) == 0 || cannot_read(w, true);
    w->around[0].device = status.st_dev;
    w->around[0].inode = status.st_ino;
    good = good && walk(w, length, 0);
    free(w);
    return good;
}
