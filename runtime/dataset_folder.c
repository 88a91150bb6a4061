/* Data sets that are folders of image files. */
#include "runtime/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 8 };

static bool load_file(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const char *name = d->items[index].name;
    int descriptor = open(name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        if (descriptor >= 0) close(descriptor);
        return vt_fail(error, 1, "%s: %s", name, strerror(errno));
    }
    bool good = dataset_read_image(descriptor, 0, status.st_size, name, out, error);
    close(descriptor);
    return good;
}

int dataset_open_folder(VtDataset *d, const char *path, const char *split, VtError *error) {
    (void)split;
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) return 0;
    char *roots[] = {(char *)path, NULL};
    bool good = true, added;
    FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *entry; tree && good && (entry = fts_read(tree));) {
        const char *below = entry->fts_path + strlen(path);
        while (*below == '/') below++;
        bool folder = entry->fts_info == FTS_D;
        if (entry->fts_level > MAX_DEPTH) fts_set(tree, entry, FTS_SKIP);
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
            good = vt_fail(error, entry->fts_level ? 1 : 2, "cannot read '%s': %s", entry->fts_path,
                           strerror(entry->fts_errno));
        else if ((entry->fts_info == FTS_F || (folder && entry->fts_level > 0)) &&
                 !dataset_add_path(d, entry->fts_path, below, 0, folder ? -1 : entry->fts_statp->st_size,
                                   &added))
            good = vt_fail(error, 1, "out of memory");
    }
    if (tree) fts_close(tree);
    d->format = "folder";
    d->load = load_file;
    return good && dataset_finish_tree(d, error) ? 1 : -1;
}
