/* Data sets that are folders of image files. */
#include "runtime/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool dataset_load_file(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const char *name = d->items[index].name;
    char shown[512];
    int descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    vt_show_name(name, shown, sizeof shown);
    if (descriptor < 0 && errno == ENOENT)
        return vt_fail(error, 1, "%s: it was there when the data set was read, and is gone", shown);
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        vt_fail(error, 1, "cannot read '%s': %s", shown, strerror(errno));
        if (descriptor >= 0) close(descriptor);
        return false;
    }
    bool good = S_ISREG(status.st_mode) || vt_fail(error, 1, "%s: no file any more", shown);
    good = good && dataset_read_image(descriptor, 0, status.st_size, shown, out, error);
    close(descriptor);
    return good;
}

/* Whether a file whose name says nothing begins as an image. */
static bool sniff(const char *path, bool *is_image, VtError *error) {
    uint8_t bytes[16];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = descriptor < 0 ? -1 : pread(descriptor, bytes, sizeof bytes, 0);
    int problem = errno;
    if (descriptor >= 0) close(descriptor);
    *is_image = n > 0 && vt_image_format(bytes, (size_t)n) != NULL;
    return n >= 0 || vt_fail(error, 1, "cannot read '%s': %s", path, strerror(problem));
}

static bool left_out(VtDataset *d, LeftReason reason, const char *name, VtError *error) {
    return dataset_leave_out(d, reason, name) || vt_fail(error, 1, "out of memory");
}

static bool add_entry(VtDataset *d, FTS *tree, FTSENT *entry, VtError *error) {
    const char *path = entry->fts_path, *below = path + strlen(d->path);
    DatasetMember member = {.name = path, .size = -1};
    while (*below == '/') below++;
    member.path = below;
    switch (entry->fts_info) {
    case FTS_DP: return true;
    case FTS_D:
        if (entry->fts_level == 0) return true;
        if (dataset_hidden(below)) fts_set(tree, entry, FTS_SKIP);
        break;
    case FTS_F:
        member.size = entry->fts_statp->st_size;
        if (!dataset_hidden(below) && dataset_name_kind(below) == NAME_UNKNOWN && member.size > 0 &&
            !sniff(path, &member.is_image, error))
            return false;
        break;
    case FTS_DC: return left_out(d, LEFT_LOOP, path, error);
    case FTS_SLNONE: return left_out(d, LEFT_MISSING, path, error);
    case FTS_DEFAULT: return left_out(d, LEFT_NO_FILE, path, error);
    default: /* FTS_DNR, FTS_NS, FTS_ERR */
        if (entry->fts_errno == ENOENT && entry->fts_level > 0) return left_out(d, LEFT_MISSING, path, error);
        return vt_fail(error, entry->fts_level ? 1 : 2, "cannot read '%s': %s", path,
                       strerror(entry->fts_errno));
    }
    return dataset_add_member(d, &member) != MEMBER_NO_MEMORY || vt_fail(error, 1, "out of memory");
}

int dataset_open_folder(VtDataset *d, const char *path, const char *split, VtError *error) {
    (void)split;
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) return 0;
    char *roots[] = {d->path, NULL};
    d->format = "folder";
    d->load = dataset_load_file;
    FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    bool good = tree || vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno));
    while (good) {
        errno = 0;
        FTSENT *entry = fts_read(tree);
        if (!entry && errno) good = vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno));
        if (!entry) break;
        good = vt_stop_signal() ? vt_stopped(error) : add_entry(d, tree, entry, error);
    }
    if (tree) fts_close(tree);
    return good && dataset_finish_tree(d, error) ? 1 : -1;
}
