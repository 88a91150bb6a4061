/* Zip files: a member is unpacked when it is asked for, by the thread that asks. */
#include "runtime/archives/archive.h"
#include "runtime/archives/zip_directory.h"
#include "runtime/archives/zip_unpack.h"
#include "runtime/base/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINK = 4096 };

typedef struct {
    ZipDirectory directory;
    int64_t at; /* the next member */
    char *name; /* of the last one */
    char link[MAX_LINK + 1];
} Zip;

static int open_zip(VtArchive *a, VtError *error) {
    uint8_t magic[4] = {0};
    if (pread(a->descriptor, magic, 4, 0) != 4 || magic[0] != 'P' || magic[1] != 'K' ||
        !((magic[2] == 3 && magic[3] == 4) || (magic[2] == 5 && magic[3] == 6) ||
          (magic[2] == 7 && magic[3] == 8)))
        return 0;
    Zip *zip = a->own = calloc(1, sizeof *zip);
    if (!zip) {
        vt_fail(error, 1, "out of memory");
        return -1;
    }
    return zip_directory_read(a, &zip->directory, error) ? 1 : -1;
}

static bool read_entry(const VtArchive *a, const ZipEntry *entry, int64_t n, uint8_t *to, const char *name,
                       VtError *error) {
    const Zip *zip = a->own;
    int64_t place;
    return zip_entry_bytes(a, &zip->directory, entry, name, &place, error) &&
           zip_unpack(a, entry, place, n, to, name, error);
}

/* A link that is damaged leads nowhere. */
static bool read_link(VtArchive *a, const ZipEntry *entry, ArchiveMember *member, VtError *error) {
    Zip *zip = a->own;
    VtError why = {0};
    if (read_entry(a, entry, entry->size, (uint8_t *)zip->link, zip->name, &why)) {
        zip->link[entry->size] = '\0';
        member->link = zip->link;
    }
    if (!member->link && !why.bad_image && error) *error = why;
    return member->link || why.bad_image;
}

static int next_member(VtArchive *a, ArchiveMember *member, VtError *error) {
    Zip *zip = a->own;
    if (zip->at >= zip->directory.count) return 0;
    const ZipEntry *entry = &zip->directory.entries[zip->at];
    free(zip->name);
    zip->name = zip_entry_name(&zip->directory, entry);
    if (!zip->name) {
        vt_fail(error, 1, "out of memory");
        return -1;
    }
    size_t length = strlen(zip->name);
    member->name = zip->name;
    member->place = zip->at++;
    member->size = entry->size;
    member->folder = (length > 0 && zip->name[length - 1] == '/') || S_ISDIR(entry->mode);
    member->symbolic = S_ISLNK(entry->mode) && entry->size <= MAX_LINK;
    member->file = !member->folder && !S_ISLNK(entry->mode);
    if (member->symbolic && !entry->encrypted && !read_link(a, entry, member, error)) return -1;
    if (!member->file || (!entry->encrypted && zip_method_known(entry->method))) return 1;
    if (entry->encrypted)
        vt_fail(error, 2, "%s: '%s' is encrypted, which is not read: unpack the file", a->path, zip->name);
    else
        vt_fail(error, 2, "%s: '%s' is compressed by method %d, which is not read: unpack the file", a->path,
                zip->name, entry->method);
    return -1;
}

static bool read_member(const VtArchive *a, int64_t place, int64_t size, int64_t n, uint8_t *to,
                        const char *name, VtError *error) {
    const Zip *zip = a->own;
    if (place < 0 || place >= zip->directory.count || zip->directory.entries[place].size != size)
        return vt_bad_image(error, "%s: damaged in '%s': its bytes are not there", name, a->path);
    return read_entry(a, &zip->directory.entries[place], n, to, name, error);
}

/* Names are all told. */
static void end(VtArchive *a) {
    Zip *zip = a->own;
    if (!zip) return;
    free(zip->name);
    free(zip->directory.bytes);
    zip->name = NULL;
    zip->directory.bytes = NULL;
}

static void close_zip(VtArchive *a) {
    Zip *zip = a->own;
    if (zip) zip_directory_free(&zip->directory);
    free(zip);
}

const ArchiveKind archive_zip = {"zip", open_zip, next_member, NULL, read_member, end, close_zip};
