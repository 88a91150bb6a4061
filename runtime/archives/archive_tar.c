/* Tar files through libarchive: members are read in place, or where the file is compressed held in memory. Several tar
 * files one behind the other are one. */
#include "runtime/archives/archive.h"
#include "runtime/base/error.h"
#include "runtime/base/stop.h"

#include <errno.h>
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HELD ((int64_t)8 << 30)
#define MAX_TAR ((int64_t)1 << 60)

typedef struct {
    struct archive *reader;
    struct archive_entry *entry; /* the member at hand */
    bool plain;                  /* not compressed */
    bool first;                  /* the first member is read and not yet handed out */
    int64_t end;                 /* of the last member's bytes, where plain */
} Tar;

static bool read_header(Tar *tar, int *result) {
    *result = archive_read_next_header(tar->reader, &tar->entry);
    return *result == ARCHIVE_OK || *result == ARCHIVE_WARN;
}

static bool is_compressed(const VtArchive *a) {
    static const struct {
        const char *bytes;
        size_t length;
    } starts[] = {{"\x1f\x8b", 2},
                  {"BZh", 3},
                  {"\xfd"
                   "7zXZ",
                   5},
                  {"\x28\xb5\x2f\xfd", 4},
                  {"\x04\x22\x4d\x18", 4}};
    uint8_t start[5];
    ssize_t n = pread(a->descriptor, start, sizeof start, 0);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (n >= (ssize_t)starts[i].length && memcmp(start, starts[i].bytes, starts[i].length) == 0)
            return true;
    return false;
}

/* What is no tar, or a damaged one, has a number of libarchive's own. */
static bool could_not_read(const VtArchive *a, const Tar *tar, int result, VtError *error) {
    int why = archive_errno(tar->reader);
    if (result != ARCHIVE_FATAL || (why != ENOMEM && why != EIO && why != ESTALE)) return false;
    vt_fail(error, 1, "cannot read '%s': %s", a->path, strerror(why));
    return true;
}

/* It is one if its first member reads. */
static int open_tar(VtArchive *a, VtError *error) {
    /* not all filters: some run other programs */
    static int (*const filters[])(struct archive *) = {
        archive_read_support_filter_gzip,    archive_read_support_filter_bzip2,
        archive_read_support_filter_xz,      archive_read_support_filter_lzma,
        archive_read_support_filter_zstd,    archive_read_support_filter_lz4,
        archive_read_support_filter_compress};
    Tar *tar = a->own = calloc(1, sizeof *tar);
    if (!tar || !(tar->reader = archive_read_new())) {
        vt_fail(error, 1, "out of memory");
        return -1;
    }
    for (size_t f = 0; f < sizeof filters / sizeof *filters; f++) filters[f](tar->reader);
    archive_read_support_format_tar(tar->reader);
    archive_read_set_option(tar->reader, "tar", "read_concatenated_archives", "1");
    int result = archive_read_open_fd(tar->reader, a->descriptor, 1 << 18);
    tar->first = result == ARCHIVE_OK && read_header(tar, &result);
    tar->plain = tar->first && archive_filter_code(tar->reader, 0) == ARCHIVE_FILTER_NONE;
    if (tar->first) return 1;
    if (could_not_read(a, tar, result, error)) return -1;
    if (!is_compressed(a)) return 0;
    vt_fail(error, 1, "%s: compressed, and damaged or no tar inside: %s", a->path,
            result == ARCHIVE_EOF ? "it is empty" : archive_error_string(tar->reader));
    return -1;
}

/* A tar ends with blocks of zeros: without one, what follows the last member may be missing. */
static int finish(VtArchive *a, const Tar *tar, VtError *error) {
    struct stat status;
    if (!tar->plain) return 0;
    if (fstat(a->descriptor, &status) != 0) {
        vt_fail(error, 1, "cannot read '%s': %s", a->path, strerror(errno));
        return -1;
    }
    if (status.st_size >= (tar->end + 511) / 512 * 512 + 512) return 0;
    vt_fail(error, 1, "%s: cut short after %lld members: its end mark is missing", a->path,
            (long long)a->members);
    return -1;
}

/* What is left of a compressed member is unpacked to be passed over, which may take long: a piece at a time. */
static bool pass_over(const Tar *tar) {
    const void *piece;
    size_t size;
    la_int64_t offset;
    if (tar->plain) return true;
    while (archive_read_data_block(tar->reader, &piece, &size, &offset) == ARCHIVE_OK)
        if (vt_stop_signal()) return false;
    return true;
}

static int next_member(VtArchive *a, ArchiveMember *member, VtError *error) {
    Tar *tar = a->own;
    int result = ARCHIVE_OK;
    if (!tar->first && !pass_over(tar)) {
        vt_fail(error, 1, "%s: stopped by signal %d after %lld members", a->path, vt_stop_signal(),
                (long long)a->members);
        return -1;
    }
    if (!tar->first && !read_header(tar, &result)) {
        if (result == ARCHIVE_EOF) return finish(a, tar, error);
        if (could_not_read(a, tar, result, error)) return -1;
        vt_fail(error, 1, "%s: damaged or cut short after %lld members, at byte %lld: %s", a->path,
                (long long)a->members, (long long)archive_filter_bytes(tar->reader, -1),
                archive_error_string(tar->reader));
        return -1;
    }
    tar->first = false;
    struct archive_entry *entry = tar->entry;
    int type = archive_entry_filetype(entry);
    const char *hard = archive_entry_hardlink(entry);
    member->name = archive_entry_pathname(entry);
    if (!member->name) member->name = archive_entry_pathname_utf8(entry);
    member->size = archive_entry_size(entry);
    member->place = archive_filter_bytes(tar->reader, 0);
    if (!member->name || member->size < 0 || member->size > MAX_TAR) {
        vt_fail(error, 1, "%s: damaged at byte %lld: a member %s", a->path, (long long)member->place,
                member->name ? "of an impossible size" : "without a name");
        return -1;
    }
    member->folder = type == AE_IFDIR;
    member->symbolic = type == AE_IFLNK;
    member->file = type == AE_IFREG && !(hard && member->size == 0);
    member->link = member->symbolic ? archive_entry_symlink(entry) : member->file ? NULL : hard;
    if (member->file) tar->end = member->place + member->size;
    if (!member->file || !tar->plain || archive_entry_sparse_count(entry) == 0) return 1;
    vt_fail(error, 1, "%s: '%s' is stored sparse, which is not read: pack it again without --sparse", a->path,
            member->name);
    return -1;
}

/* The bytes of a compressed one are there only now. */
static bool keep(VtArchive *a, ArchiveMember *member, VtError *error) {
    enum { PIECE = 1 << 20 };
    Tar *tar = a->own;
    if (tar->plain) return true;
    if (a->n_held + member->size > a->room) {
        int64_t room = 2 * (a->n_held + member->size) + PIECE;
        if (room > MAX_HELD) room = a->n_held + member->size;
        uint8_t *grown = room <= MAX_HELD ? realloc(a->held, (size_t)room) : NULL;
        if (!grown)
            return vt_fail(
                error, 1,
                "%s: compressed, so that its images are held in memory: no room for more after %lld MB; "
                "unpack the compression",
                a->path, (long long)(a->n_held >> 20));
        a->held = grown;
        a->room = room;
    }
    member->place = a->n_held;
    for (int64_t done = 0; done < member->size;) {
        int64_t n = member->size - done < PIECE ? member->size - done : PIECE;
        la_ssize_t got = archive_read_data(tar->reader, a->held + a->n_held + done, (size_t)n);
        if (got <= 0 || vt_stop_signal())
            return vt_fail(error, 1, "%s: '%s' cannot be unpacked: %s", a->path, member->name,
                           got > 0                      ? "stopped by a signal"
                           : archive_errno(tar->reader) ? archive_error_string(tar->reader)
                                                        : "cut short");
        done += got;
    }
    a->n_held += member->size;
    return true;
}

static bool read_member(const VtArchive *a, int64_t place, int64_t size, int64_t n, uint8_t *to,
                        const char *name, VtError *error) {
    const Tar *tar = a->own;
    (void)size;
    if (tar->plain) return archive_pread(a, place, n, to, error);
    if (n > 0 && (place < 0 || place > a->n_held - n))
        return vt_fail(error, 2, "%s: too long to be kept of a compressed file", name);
    if (n > 0) memcpy(to, a->held + place, (size_t)n);
    return true;
}

static void end(VtArchive *a) {
    Tar *tar = a->own;
    if (tar && tar->reader) archive_read_free(tar->reader);
    if (tar) tar->reader = NULL;
}

static void close_tar(VtArchive *a) {
    free(a->own);
}

const ArchiveKind archive_tar = {"tar", open_tar, next_member, keep, read_member, end, close_tar};
