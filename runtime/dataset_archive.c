/* Data sets that are tar files, read in place unless compressed. */
#include "runtime/dataset.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HELD ((int64_t)8 << 30)
#define MAX_TAR ((int64_t)1 << 60)

static bool load_member(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const DataItem *item = &d->items[index];
    return dataset_read_image(d->descriptor, item->offset, item->size, item->name, out, error);
}

static bool load_held(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const DataItem *item = &d->items[index];
    return vt_image_decode(d->bytes + item->offset, (size_t)item->size, item->name, out, error);
}

typedef struct {
    struct archive *archive;
    bool plain;         /* not compressed: members are read in place */
    int64_t members;    /* seen so far */
    int64_t end;        /* of the last member's data, where plain */
    int64_t held, room; /* bytes of VtDataset.bytes, where not */
} Tar;

/* A compressed tar is unpacked into memory once: it cannot be read in place. */
static bool hold_member(VtDataset *d, Tar *tar, DataItem *item) {
    if (tar->held + item->size > tar->room) {
        int64_t room = 2 * (tar->held + item->size);
        uint8_t *bytes = room <= MAX_HELD ? realloc(d->bytes, (size_t)room) : NULL;
        if (!bytes) return false;
        d->bytes = bytes;
        tar->room = room;
    }
    item->offset = tar->held;
    tar->held += item->size;
    return archive_read_data(tar->archive, d->bytes + item->offset, (size_t)item->size) == item->size;
}

static bool add_member(VtDataset *d, Tar *tar, struct archive_entry *entry, VtError *error) {
    int64_t size = archive_entry_size(entry), offset = archive_filter_bytes(tar->archive, 0);
    const char *name = archive_entry_pathname(entry);
    int type = archive_entry_filetype(entry);
    tar->members++;
    if (!name) name = archive_entry_pathname_utf8(entry);
    if (size < 0 || size > MAX_TAR)
        return vt_fail(error, 1, "%s: damaged: a member of %lld bytes", d->path, (long long)size);
    if (type == AE_IFREG) tar->end = offset + size;
    if (!name || (type != AE_IFREG && type != AE_IFDIR)) return true;
    DatasetMember member = {
        .name = name, .path = name, .offset = offset, .size = type == AE_IFDIR ? -1 : size};
    MemberResult added = dataset_add_member(d, &member);
    if (added == MEMBER_NO_MEMORY) return vt_fail(error, 1, "out of memory");
    if (added == MEMBER_LEFT_OUT) return true;
    if (tar->plain && archive_entry_sparse_count(entry) > 0)
        return vt_fail(error, 1,
                       "%s: '%s' is stored sparse, which is not read: pack it again without --sparse",
                       d->path, name);
    return tar->plain || hold_member(d, tar, &d->items[d->count - 1]) ||
           vt_fail(error, 1, "%s: '%s' cannot be unpacked: %s", d->path, name,
                   archive_errno(tar->archive) ? archive_error_string(tar->archive) : "no memory");
}

/* A tar ends with blocks of zeros: without one, what follows the last member may be missing. */
static bool is_whole(VtDataset *d, const Tar *tar, VtError *error) {
    struct stat status;
    d->descriptor = open(d->path, O_RDONLY | O_CLOEXEC);
    if (d->descriptor < 0 || fstat(d->descriptor, &status) != 0)
        return vt_fail(error, 1, "%s: %s", d->path, strerror(errno));
    if (status.st_size >= (tar->end + 511) / 512 * 512 + 512) return true;
    return vt_fail(error, 1, "%s: cut short after %lld files: its end mark is missing", d->path,
                   (long long)tar->members);
}

int dataset_open_tar(VtDataset *d, const char *path, const char *split, VtError *error) {
    (void)split;
    Tar tar = {.archive = archive_read_new()};
    struct archive_entry *entry;
    if (!tar.archive) return 0;
    archive_read_support_filter_all(tar.archive);
    archive_read_support_format_tar(tar.archive);
    bool good = archive_read_open_filename(tar.archive, path, 1 << 20) == ARCHIVE_OK;
    tar.plain = good && archive_filter_code(tar.archive, 0) == ARCHIVE_FILTER_NONE;
    int result = ARCHIVE_FATAL;
    while (good &&
           ((result = archive_read_next_header(tar.archive, &entry)) == ARCHIVE_OK || result == ARCHIVE_WARN))
        good = add_member(d, &tar, entry, error);
    if (good && result != ARCHIVE_EOF && tar.members > 0)
        good = vt_fail(error, 1, "%s: damaged or cut short after %lld files: %s", path,
                       (long long)tar.members, archive_error_string(tar.archive));
    archive_read_free(tar.archive);
    if (tar.members == 0) return 0;
    d->format = "tar";
    d->load = tar.plain ? load_member : load_held;
    good = good && (!tar.plain || is_whole(d, &tar, error));
    return good && dataset_finish_tree(d, error) ? 1 : -1;
}
