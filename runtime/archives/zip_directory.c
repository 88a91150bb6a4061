/* The directory of a zip file: see zip_directory.h. */
#include "runtime/archives/zip_directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Lengths of records without what varies, and of a comment at most. */
enum { END = 22, END64 = 56, LOCATOR64 = 20, LOCAL = 30, MOST_COMMENT = 65535 };
/* The high byte of "version made by". */
enum { MADE_BY_UNIX = 3 };
enum { EXTRA_ZIP64 = 0x0001 };
enum { FLAG_ENCRYPTED = 1 << 0, FLAG_STRONG = 1 << 6, FLAG_MASKED = 1 << 13, METHOD_AES = 99 };

static bool is_record(const uint8_t *p, int kind) {
    return p[0] == 'P' && p[1] == 'K' && p[2] == kind && p[3] == kind + 1;
}

static bool damaged(const VtArchive *a, const char *why, VtError *error) {
    return vt_fail(error, 1,
                   "%s: damaged or cut short: the directory at the end of a zip file is missing: %s", a->path,
                   why);
}

/* ---- the end record ---------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t start, size, count;
    bool exact; /* of the count the low 16 bits may be all there is */
} Place;

/* False with a message: reading failed. *there: there is such a record. */
static bool read_end64(const VtArchive *a, int64_t end, Place *out, bool *there, VtError *error) {
    uint8_t locator[LOCATOR64], record[END64];
    *there = false;
    if (end < LOCATOR64) return true;
    if (!archive_pread(a, end - LOCATOR64, LOCATOR64, locator, error)) return false;
    if (!is_record(locator, 6)) return true;
    uint64_t place = zip_u64(locator + 8);
    if (end - LOCATOR64 < END64 || place > (uint64_t)(end - LOCATOR64 - END64))
        return damaged(a, "its ZIP64 record is not where it should be", error);
    if (!archive_pread(a, (int64_t)place, END64, record, error)) return false;
    /* not the same kind of number as the others: PK 6 6 */
    if (record[0] != 'P' || record[1] != 'K' || record[2] != 6 || record[3] != 6)
        return damaged(a, "its ZIP64 record is not where it should be", error);
    if (zip_u32(record + 16) != 0 || zip_u32(record + 20) != 0 ||
        zip_u64(record + 24) != zip_u64(record + 32))
        return vt_fail(error, 2, "%s: one of several files of a zip: join them", a->path);
    *out = (Place){zip_u64(record + 48), zip_u64(record + 40), zip_u64(record + 32), true};
    *there = true;
    return true;
}

/* Of the records that might be the last one, the last whose comment fits in the file. */
static bool find_end(const VtArchive *a, int64_t size, Place *out, VtError *error) {
    int64_t n = size < END + MOST_COMMENT ? size : END + MOST_COMMENT;
    uint8_t *tail = malloc((size_t)n + 1);
    if (!tail) return vt_fail(error, 1, "out of memory");
    bool good = archive_pread(a, size - n, n, tail, error), there = false;
    int64_t at = n - END;
    while (good && at >= 0 && !(is_record(tail + at, 5) && at + END + zip_u16(tail + at + 20) <= n)) at--;
    if (good && at < 0) good = damaged(a, "no end record", error);
    const uint8_t *end = tail + at;
    if (good) good = read_end64(a, size - n + at, out, &there, error);
    if (good && !there) {
        if (zip_u16(end + 4) != 0 || zip_u16(end + 6) != 0 || zip_u16(end + 8) != zip_u16(end + 10))
            good = vt_fail(error, 2, "%s: one of several files of a zip: join them", a->path);
        *out = (Place){zip_u32(end + 16), zip_u32(end + 12), zip_u16(end + 10), false};
    }
    uint64_t last = (uint64_t)(size - n + at);
    if (good && (out->start > last || out->size > last - out->start))
        good = damaged(a, "it does not lie before its end", error);
    free(tail);
    return good;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

const uint8_t *zip_extra(const uint8_t *extra, int length, int kind, int *size) {
    for (int at = 0; length - at >= 4; at += 4 + *size) {
        *size = zip_u16(extra + at + 2);
        if (*size > length - at - 4) return NULL;
        if (zip_u16(extra + at) == kind) return extra + at + 4;
    }
    return NULL;
}

/* False: the numbers that did not fit in 32 bits are not there. */
static bool read_sizes(const uint8_t *entry, int name, int extra_length, uint64_t *size, uint64_t *packed,
                       uint64_t *place) {
    int left = 0;
    const uint8_t *extra = zip_extra(entry + ZIP_ENTRY + name, extra_length, EXTRA_ZIP64, &left);
    uint64_t *const numbers[] = {size, packed, place};
    *size = zip_u32(entry + 24);
    *packed = zip_u32(entry + 20);
    *place = zip_u32(entry + 42);
    if (!extra) return true;
    for (int k = 0; k < 3; k++)
        if (*numbers[k] == UINT32_MAX) {
            if (left < 8) return false;
            *numbers[k] = zip_u64(extra);
            extra += 8;
            left -= 8;
        }
    return true;
}

/* The entry at `at`: how long it is; 0: it is none. */
static int64_t read_entry(const ZipDirectory *directory, int64_t at, ZipEntry *out) {
    const uint8_t *entry = directory->bytes + at;
    int64_t left = directory->size - at;
    if (left < ZIP_ENTRY || !is_record(entry, 1)) return 0;
    int name = zip_u16(entry + 28), extra = zip_u16(entry + 30), flags = zip_u16(entry + 8);
    int64_t length = ZIP_ENTRY + name + extra + zip_u16(entry + 32);
    uint64_t size, packed, place;
    if (length > left || name == 0 || !read_sizes(entry, name, extra, &size, &packed, &place)) return 0;
    /* the local header has the name too; and an extra field that may be longer or shorter */
    uint64_t room = (uint64_t)directory->start;
    if (place > room || packed > room - place || size > INT64_MAX / 2) return 0;
    *out = (ZipEntry){.at = at,
                      .place = (int64_t)place,
                      .packed = (int64_t)packed,
                      .size = (int64_t)size,
                      .crc = zip_u32(entry + 16),
                      .mode = entry[5] == MADE_BY_UNIX ? zip_u32(entry + 38) >> 16 : 0,
                      .method = zip_u16(entry + 10)};
    out->encrypted = (flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) != 0 || out->method == METHOD_AES;
    return length;
}

static bool read_entries(const VtArchive *a, const Place *place, ZipDirectory *directory, VtError *error) {
    int64_t room = 0;
    /* a signature may follow the entries */
    for (int64_t at = 0; at < directory->size && !(directory->size - at >= 4 && directory->bytes[at] == 'P' &&
                                                   directory->bytes[at + 2] == 5);) {
        if (directory->count == room) {
            room = 2 * room + 64;
            ZipEntry *grown = realloc(directory->entries, (size_t)room * sizeof *grown);
            if (!grown) return vt_fail(error, 1, "out of memory");
            directory->entries = grown;
        }
        int64_t length = read_entry(directory, at, &directory->entries[directory->count]);
        if (length == 0)
            return vt_fail(error, 1, "%s: damaged or cut short: entry %lld of its directory", a->path,
                           (long long)directory->count);
        directory->count++;
        at += length;
    }
    uint64_t mask = place->exact ? UINT64_MAX : UINT16_MAX; /* some writers count on beyond 16 bits */
    if (((uint64_t)directory->count & mask) != place->count)
        return vt_fail(error, 1, "%s: damaged: its directory has %lld entries and not %lld", a->path,
                       (long long)directory->count, (long long)place->count);
    return true;
}

bool zip_directory_read(const VtArchive *a, ZipDirectory *out, VtError *error) {
    struct stat status;
    Place place = {0};
    *out = (ZipDirectory){0};
    if (fstat(a->descriptor, &status) != 0)
        return vt_fail(error, 1, "cannot read '%s': %s", a->path, strerror(errno));
    if (!find_end(a, status.st_size, &place, error)) return false;
    out->start = (int64_t)place.start;
    out->size = (int64_t)place.size;
    out->bytes = malloc((size_t)out->size + 1);
    if (!out->bytes) return vt_fail(error, 1, "out of memory");
    return archive_pread(a, out->start, out->size, out->bytes, error) && read_entries(a, &place, out, error);
}

void zip_directory_free(ZipDirectory *directory) {
    free(directory->entries);
    free(directory->bytes);
    *directory = (ZipDirectory){0};
}

bool zip_entry_bytes(const VtArchive *a, const ZipDirectory *directory, const ZipEntry *entry,
                     const char *name, int64_t *place, VtError *error) {
    uint8_t header[LOCAL];
    if (directory->start - entry->place < LOCAL)
        return vt_bad_image(error, "%s: damaged in '%s': its bytes are not there", name, a->path);
    if (!archive_pread(a, entry->place, LOCAL, header, error)) return false;
    *place = entry->place + LOCAL + zip_u16(header + 26) + zip_u16(header + 28);
    return (is_record(header, 3) && directory->start - *place >= entry->packed) ||
           vt_bad_image(error, "%s: damaged in '%s': its bytes are not there", name, a->path);
}
