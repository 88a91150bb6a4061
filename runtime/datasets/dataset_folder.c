/* Data sets that are folders of image files. */
#include "runtime/base/error.h"
#include "runtime/base/terminal.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"
#include "runtime/files/walk.h"
#include "runtime/images/image.h"

#include <errno.h>
#include <fcntl.h>
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
    good = good && dataset_read_image(descriptor, 0, status.st_size, shown, d->wanted, out, error);
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

/* What entries that are no files are left out as. */
static const LeftReason REASONS[] = {[WALK_OTHER] = LEFT_NO_FILE,
                                     [WALK_LOOP] = LEFT_LOOP,
                                     [WALK_MISSING] = LEFT_MISSING,
                                     [WALK_DEEP] = LEFT_TOO_DEEP};

static WalkStep add_entry(void *user, const WalkEntry *entry, VtError *error) {
    VtDataset *d = user;
    DatasetMember member = {.name = entry->path, .path = entry->path + strlen(d->path), .size = -1};
    bool hidden = dataset_hidden(entry->name), room;
    if (entry->kind == WALK_FILE) member.size = entry->size;
    if (entry->kind == WALK_FILE && !hidden && entry->size > 0 &&
        dataset_name_kind(entry->name) == NAME_UNKNOWN && !sniff(entry->path, &member.is_image, error))
        return WALK_STOP;
    if (entry->kind == WALK_FILE || entry->kind == WALK_FOLDER)
        room = dataset_add_member(d, &member) != MEMBER_NO_MEMORY;
    else
        room = dataset_leave_out(d, hidden ? LEFT_HIDDEN : REASONS[entry->kind], entry->path);
    if (!room) vt_fail(error, 1, "out of memory");
    return !room ? WALK_STOP : hidden ? WALK_PAST : WALK_ON;
}

int dataset_open_folder(VtDataset *d, const char *path, const char *split, VtError *error) {
    (void)split;
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) return 0;
    d->format = "folder";
    d->load = dataset_load_file;
    return walk_folder(d->path, add_entry, d, error) && dataset_finish_tree(d, error) ? 1 : -1;
}
