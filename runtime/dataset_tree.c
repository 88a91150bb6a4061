/* Data sets that are trees of image files: folders, and plain tar files read in place. */
#include "runtime/dataset.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 256 << 20 };

static bool read_at(int descriptor, int64_t offset, int64_t size, const char *name, VtImage *out,
                    VtError *error) {
    if (size < 1 || size > MAX_FILE)
        return vt_fail(error, 1, "%s: %lld bytes: refused", name, (long long)size);
    uint8_t *bytes = malloc((size_t)size);
    if (!bytes) return vt_fail(error, 1, "out of memory");
    int64_t done = 0;
    while (done < size) {
        ssize_t n = pread(descriptor, bytes + done, (size_t)(size - done), offset + done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += n;
    }
    bool good = done == size ? vt_image_decode(bytes, (size_t)size, name, out, error)
                             : vt_fail(error, 1, "%s: cut short", name);
    free(bytes);
    return good;
}

static bool load_file(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const char *name = d->items[index].name;
    int descriptor = open(name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        if (descriptor >= 0) close(descriptor);
        return vt_fail(error, 1, "%s: %s", name, strerror(errno));
    }
    bool good = read_at(descriptor, 0, status.st_size, name, out, error);
    close(descriptor);
    return good;
}

/* Whether any path had a split folder decides how the tree is read: remembered in *any. */
static bool take_path(VtDataset *d, const char *path, const char *split, int64_t offset, int64_t size,
                      bool *any) {
    char found[16], class_name[256];
    if (!dataset_split_path(path, found, class_name)) return true;
    if (found[0]) *any = true;
    if (!dataset_wants(found[0] ? split : NULL, found)) return true;
    int label = dataset_class(d, class_name);
    return label >= 0 && dataset_add(d, path, label, offset, size);
}

static bool splits_fit(VtDataset *d, bool any, const char *split, VtError *error) {
    if (any || !split || strcmp(split, "train") == 0) return true;
    return vt_fail(error, 2, "%s has no split '%s': its top folders are not train and test", d->path, split);
}

int dataset_open_folder(VtDataset *d, const char *path, const char *split, VtError *error) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) return 0;
    char *roots[] = {(char *)path, NULL};
    bool any = false, good = true;
    FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *entry; tree && good && (entry = fts_read(tree));) {
        if (entry->fts_level > 6) fts_set(tree, entry, FTS_SKIP);
        if (entry->fts_info == FTS_DNR && entry->fts_level == 0)
            good = vt_fail(error, 2, "cannot read '%s': %s", path, strerror(entry->fts_errno));
        if (entry->fts_info == FTS_F &&
            !take_path(d, entry->fts_path, split, 0, entry->fts_statp->st_size, &any))
            good = vt_fail(error, 1, "out of memory");
        if (entry->fts_info == FTS_D && entry->fts_level >= 1) { /* a class folder counts even when empty */
            char probe[4096], found[16], class_name[256];
            snprintf(probe, sizeof probe, "%s/x.png", entry->fts_path);
            bool leaf = entry->fts_statp->st_nlink <= 2 && dataset_split_path(probe, found, class_name);
            bool named_split = strcmp(class_name, "train") == 0 || strcmp(class_name, "test") == 0 ||
                               strcmp(class_name, "val") == 0;
            if (leaf && !named_split && dataset_wants(found[0] ? split : NULL, found))
                dataset_class(d, class_name);
        }
    }
    if (tree) fts_close(tree);
    d->format = "folder";
    d->load = load_file;
    return good && splits_fit(d, any, split, error) && dataset_finish(d, true, error) ? 1 : -1;
}

/* ---- tar --------------------------------------------------------------------------------------------------------- */

static bool load_member(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const DataItem *item = &d->items[index];
    return read_at(d->descriptor, item->offset, item->size, item->name, out, error);
}

static bool load_held(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const DataItem *item = &d->items[index];
    return vt_image_decode(d->bytes + item->offset, (size_t)item->size, item->name, out, error);
}

/* A compressed tar is unpacked into memory once: it cannot be read in place. */
static bool hold_member(VtDataset *d, struct archive *archive, int64_t size, int64_t *offset, int64_t *held) {
    uint8_t *bytes = *held + size <= (int64_t)8 << 30 ? realloc(d->bytes, (size_t)(*held + size + 1)) : NULL;
    if (!bytes) return false;
    d->bytes = bytes;
    *offset = *held;
    *held += size;
    return archive_read_data(archive, bytes + *offset, (size_t)size) == size;
}

int dataset_open_tar(VtDataset *d, const char *path, const char *split, VtError *error) {
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_filter_all(archive);
    archive_read_support_format_tar(archive);
    int result = ARCHIVE_OK;
    if (!archive || archive_read_open_filename(archive, path, 1 << 20) != ARCHIVE_OK) {
        archive_read_free(archive);
        return 0;
    }
    bool any = false, good = true, plain = archive_filter_code(archive, 0) == ARCHIVE_FILTER_NONE;
    int64_t held = 0, members = 0;
    while (good && (result = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        int64_t size = archive_entry_size(entry), offset = archive_filter_bytes(archive, -1);
        const char *name = archive_entry_pathname(entry);
        members++;
        if (!name || archive_entry_filetype(entry) != AE_IFREG || size > MAX_FILE) continue;
        if (plain)
            offset = archive_read_header_position(archive) +
                     512; /* extended headers make the data start later: found below */
        else if (!hold_member(d, archive, size, &offset, &held))
            good = vt_fail(error, 1, "%s: '%s' cannot be unpacked", path, name);
        if (good && !take_path(d, name, split, offset, size, &any)) good = vt_fail(error, 1, "out of memory");
    }
    if (good && result != ARCHIVE_EOF && members > 0)
        good = vt_fail(error, 1, "%s: damaged or cut short after %lld files: %s", path, (long long)members,
                       archive_error_string(archive));
    archive_read_free(archive);
    if (good && members == 0) return 0;
    d->format = "tar";
    d->load = plain ? load_member : load_held;
    if (plain) d->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    for (int64_t i = 0; good && plain && i < d->count; i++) { /* a file cut inside its last member */
        if (fstat(d->descriptor, &status) == 0 && d->items[i].offset + d->items[i].size > status.st_size)
            good = vt_fail(error, 1, "%s: cut short inside '%s'", path, d->items[i].name);
    }
    return good && splits_fit(d, any, split, error) && dataset_finish(d, true, error) ? 1 : -1;
}
