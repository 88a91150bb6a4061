/* What is written to disk: files that replace others whole or not at all, and the folders they lie in. */
#include "runtime/files/output.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/files/read_at.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY ".tmp-"
enum { RANDOM = 12, LONGEST = 4096, NAME = 255 };

struct VtReplacement {
    char path[LONGEST], temporary[LONGEST];
    int file, problem; /* errno of the first failure; 0: none */
};

static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* PATH.tmp- and random digits, of a name that is no longer than a file's may be. */
static bool temporary_name(const char *path, char *out, size_t size) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
    uint8_t random[RANDOM];
    char ending[RANDOM + 1] = "";
    size_t folder = folder_length(path), most = folder + NAME - strlen(TEMPORARY) - RANDOM;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) return false;
    for (int i = 0; i < RANDOM; i++) ending[i] = digits[random[i] & 31];
    int n = snprintf(out, size, "%.*s" TEMPORARY "%s", (int)most, path, ending);
    if (n < (int)size) return true;
    errno = ENAMETOOLONG;
    return false;
}

/* What stands at `path` gives way to a regular file. */
static bool may_replace(const char *path, VtError *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        if (errno == ENOENT) return true;
        return vt_fail(error, 2, "cannot write '%s': %s", path, strerror(errno));
    }
    if (S_ISREG(status.st_mode)) return true;
    return vt_fail(error, 2, "cannot write '%s': it is %s", path,
                   S_ISDIR(status.st_mode) ? "a folder" : "no regular file");
}

static bool make_parents(const char *path) {
    char folder[LONGEST];
    size_t n = folder_length(path);
    snprintf(folder, sizeof folder, "%.*s", (int)n, path);
    int problem = errno;
    bool made = n && vt_make_folders(folder, 0777, NULL);
    errno = problem;
    return made;
}

VtReplacement *vt_replace_begin(const char *path, unsigned mode, VtError *error) {
    if (!may_replace(path, error)) return NULL;
    VtReplacement *r = malloc(sizeof *r);
    if (!r || strlen(path) >= sizeof r->path) {
        free(r);
        vt_fail(error, r ? 2 : 1, "cannot write '%s': %s", path,
                r ? "the path is too long" : "out of memory");
        return NULL;
    }
    strcpy(r->path, path);
    r->file = -1;
    r->problem = 0;
    for (int tries = 0; r->file < 0 && tries < 100; tries++) {
        if (!temporary_name(path, r->temporary, sizeof r->temporary)) break;
        r->file = open(r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
        if (r->file >= 0 || errno == EEXIST || errno == EINTR) continue;
        if (errno != ENOENT || tries || !make_parents(path)) break;
    }
    if (r->file >= 0) return r;
    vt_fail(error, 1, "cannot write '%s': %s", path, strerror(errno));
    free(r);
    return NULL;
}

bool vt_write_all(int file, const void *bytes, size_t size) {
    for (const char *at = bytes; size > 0;) {
        ssize_t n = write(file, at, size > 1 << 30 ? 1 << 30 : size);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

bool vt_replace_write(VtReplacement *r, const void *bytes, size_t size) {
    if (!r->problem && !vt_write_all(r->file, bytes, size)) r->problem = errno;
    return !r->problem;
}

bool vt_replace_write_at(VtReplacement *r, const void *bytes, size_t size, int64_t at) {
    for (const char *from = bytes; size > 0 && !r->problem;) {
        ssize_t n = pwrite(r->file, from, size, at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) r->problem = n == 0 ? ENOSPC : errno;
        if (n <= 0) break;
        from += n;
        at += n;
        size -= (size_t)n;
    }
    return !r->problem;
}

/* Some file systems have nothing to sync. */
static bool sync_file(int file) {
    return fsync(file) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
}

/* The folder that `path` lies in, or -1. */
static int open_folder_of(const char *path) {
    char folder[LONGEST];
    size_t n = folder_length(path);
    snprintf(folder, sizeof folder, "%.*s", n ? (int)n : 1, n ? path : ".");
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool sync_folder(const char *path) {
    int file = open_folder_of(path);
    if (file < 0) return errno == EACCES; /* a folder may be written in that may not be listed */
    bool good = sync_file(file);
    int problem = errno;
    close(file);
    errno = problem;
    return good;
}

static bool end(VtReplacement *r, bool sync, VtError *error) {
    if (sync && !r->problem && !sync_file(r->file)) r->problem = errno;
    if (close(r->file) != 0 && !r->problem) r->problem = errno;
    if (!r->problem && rename(r->temporary, r->path) != 0) r->problem = errno;
    bool renamed = !r->problem;
    if (!renamed)
        unlink(r->temporary);
    else if (sync && !sync_folder(r->path))
        r->problem = errno;
    bool good = !r->problem;
    if (!good)
        vt_fail(error, 1, "cannot %s '%s': %s%s", renamed ? "sync the folder of" : "write", r->path,
                strerror(r->problem), renamed ? "" : "; what was there before is untouched");
    free(r);
    return good;
}

bool vt_replace_end(VtReplacement *r, VtError *error) {
    return end(r, true, error);
}

bool vt_replace_end_unsynced(VtReplacement *r, VtError *error) {
    return end(r, false, error);
}

bool vt_sync(const char *path, VtError *error) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = file >= 0 && sync_file(file) && sync_folder(path);
    int problem = errno;
    if (file >= 0) close(file);
    return good || vt_fail(error, 1, "cannot sync '%s': %s", path, strerror(problem));
}

void vt_replace_drop(VtReplacement *r) {
    if (!r) return;
    close(r->file);
    unlink(r->temporary);
    free(r);
}

bool vt_replace_with(const char *path, unsigned mode, const void *bytes, size_t size, VtError *error) {
    VtReplacement *r = vt_replace_begin(path, mode, error);
    if (!r) return false;
    vt_replace_write(r, bytes, size);
    return vt_replace_end(r, error);
}

/* For file systems without hard links. */
static bool copy_file(const char *from, const char *path, VtError *error) {
    enum { CHUNK = 1 << 20 };
    char *chunk = malloc(CHUNK);
    int file = open(from, O_RDONLY | O_CLOEXEC);
    int64_t n = CHUNK, at = 0;
    VtReplacement *r =
        chunk && file >= 0
            ? vt_replace_begin(path, 0666, error)
            : (vt_fail(error, 1, "cannot read '%s': %s", from, chunk ? strerror(errno) : "out of memory"),
               NULL);
    bool good = r != NULL;
    for (; good && n == CHUNK; at += n) {
        n = read_at(file, chunk, CHUNK, at);
        if (n < CHUNK && errno) good = vt_fail(error, 1, "cannot read '%s': %s", from, strerror(errno));
        if (good) vt_replace_write(r, chunk, (size_t)n);
    }
    if (r && !good) vt_replace_drop(r);
    good = good && vt_replace_end(r, error);
    if (file >= 0) close(file);
    free(chunk);
    return good;
}

bool vt_replace_by_link(const char *from, const char *path, VtError *error) {
    char temporary[LONGEST];
    for (int tries = 0; tries < 100; tries++) {
        if (!temporary_name(path, temporary, sizeof temporary)) break;
        if (link(from, temporary) != 0) {
            if (errno == EEXIST) continue;
            if (errno == EPERM || errno == ENOTSUP || errno == ENOSYS || errno == EMLINK || errno == EXDEV)
                return copy_file(from, path, error);
            break;
        }
        if (rename(temporary, path) == 0) {
            unlink(temporary); /* two names of one file: rename left both */
            return true;
        }
        int problem = errno;
        unlink(temporary);
        errno = problem;
        break;
    }
    return vt_fail(error, 1, "cannot keep '%s' as '%s': %s", from, path, strerror(errno));
}

void vt_replace_sweep(const char *path) {
    size_t n = folder_length(path), name = strlen(path) - n;
    int file = n < LONGEST ? open_folder_of(path) : -1;
    DIR *dir = file >= 0 ? fdopendir(file) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat status;
        const char *found = entry->d_name;
        bool ours = strlen(found) == name + strlen(TEMPORARY) + RANDOM &&
                    strncmp(found, path + n, name) == 0 &&
                    strncmp(found + name, TEMPORARY, strlen(TEMPORARY)) == 0 &&
                    fstatat(dirfd(dir), found, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(status.st_mode) && status.st_uid == geteuid();
        if (ours) unlinkat(dirfd(dir), found, 0);
    }
    if (dir)
        closedir(dir);
    else if (file >= 0)
        close(file);
}

int vt_lock_folder_of(const char *path) {
    const struct timespec pause = {.tv_nsec = 10000000};
    int file = open_folder_of(path);
    double end = vt_now() + 5;
    while (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && vt_now() < end)
        nanosleep(&pause, NULL);
    return file;
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

bool vt_make_folders(const char *path, unsigned mode, VtError *error) {
    char part[LONGEST];
    struct stat status;
    if (strlen(path) >= sizeof part)
        return vt_fail(error, 2, "cannot make '%.60s…': the path is too long", path);
    for (const char *end = path; *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdir(part, (mode_t)mode) == 0 || errno == EEXIST) continue;
        int problem = errno;
        if (stat(part, &status) == 0) continue; /* a folder above that may not be written */
        return vt_fail(error, problem == EMFILE || problem == EIO || problem == ENOSPC ? 1 : 2,
                       "cannot make the folder '%s': %s", part, strerror(problem));
    }
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) return true;
    return vt_fail(error, 2, "'%s' is no folder", path);
}

/* The nearest folder above that there is. */
static bool check_parent(const char *path, const char *wanted, VtError *error) {
    char part[LONGEST];
    struct stat status;
    snprintf(part, sizeof part, "%s", path);
    for (;;) {
        size_t n = folder_length(part);
        while (n > 1 && part[n - 1] == '/') n--;
        snprintf(part, sizeof part, "%.*s", n ? (int)n : 1, n ? path : ".");
        if (stat(part, &status) == 0) break;
        if (errno != ENOENT || n == 0 || (n == 1 && *path == '/'))
            return vt_fail(error, 2, "cannot write '%s': '%s': %s", wanted, part, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode))
        return vt_fail(error, 2, "cannot write '%s': '%s' is no folder", wanted, part);
    if (access(part, W_OK | X_OK) == 0) return true;
    return vt_fail(error, 2, "cannot write '%s': in '%s': %s", wanted, part, strerror(errno));
}

bool vt_output_check(const char *path, VtError *error) {
    size_t n = strlen(path);
    if (n == 0 || n >= LONGEST - RANDOM - strlen(TEMPORARY))
        return vt_fail(error, 2, "cannot write '%.60s': the path is %s", path, n ? "too long" : "empty");
    if (path[n - 1] == '/')
        return vt_fail(error, 2, "cannot write '%s': the name of a file was expected", path);
    return may_replace(path, error) && check_parent(path, path, error);
}

bool vt_output_check_folder(const char *path, VtError *error) {
    struct stat status;
    size_t n = strlen(path);
    if (n == 0 || n >= LONGEST - 200)
        return vt_fail(error, 2, "cannot write in '%.60s': the path is %s", path, n ? "too long" : "empty");
    if (stat(path, &status) != 0) return check_parent(path, path, error);
    if (!S_ISDIR(status.st_mode)) return vt_fail(error, 2, "'%s' is no folder", path);
    if (access(path, W_OK | X_OK) == 0) return true;
    return vt_fail(error, 2, "cannot write in '%s': %s", path, strerror(errno));
}
