/* Zip files through libzip, which reads their directory; a member is unpacked when it is asked for, by the thread that
 * asks. */
#include "runtime/archives/archive.h"
#include "runtime/base/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

enum { MAX_LINK = 4096 };

typedef struct {
    zip_t *zip;
    zip_int64_t count, at;
    char link[MAX_LINK + 1];
} Zip;

static const char *error_text(zip_t *zip) {
    return zip_error_strerror(zip_get_error(zip));
}

static int open_zip(VtArchive *a, VtError *error) {
    uint8_t magic[4] = {0};
    if (pread(a->descriptor, magic, 4, 0) != 4 || magic[0] != 'P' || magic[1] != 'K' ||
        !((magic[2] == 3 && magic[3] == 4) || (magic[2] == 5 && magic[3] == 6) ||
          (magic[2] == 7 && magic[3] == 8)))
        return 0;
    Zip *zip = a->own = calloc(1, sizeof *zip);
    int problem = 0;
    if (!zip) {
        vt_fail(error, 1, "out of memory");
        return -1;
    }
    zip->zip = zip_open(a->path, ZIP_RDONLY, &problem);
    if (!zip->zip) {
        zip_error_t text;
        zip_error_init_with_code(&text, problem);
        if (problem == ZIP_ER_NOZIP || problem == ZIP_ER_INCONS)
            vt_fail(error, 1,
                    "%s: damaged or cut short: the directory at the end of a zip file is missing: %s",
                    a->path, zip_error_strerror(&text));
        else
            vt_fail(error, 1, "%s: %s", a->path, zip_error_strerror(&text));
        zip_error_fini(&text);
        return -1;
    }
    zip->count = zip_get_num_entries(zip->zip, 0);
    return 1;
}

/* Called with the lock held. *problem: what libzip says, if it fails. */
static bool read_some(Zip *zip, zip_uint64_t index, zip_flags_t flags, int64_t n, uint8_t *to, int *problem) {
    zip_file_t *file = zip_fopen_index(zip->zip, index, flags);
    int64_t done = 0;
    *problem = file ? ZIP_ER_OK : zip_error_code_zip(zip_get_error(zip->zip));
    while (file && done < n) {
        zip_int64_t got = zip_fread(file, to + done, (zip_uint64_t)(n - done));
        if (got <= 0) break;
        done += got;
    }
    if (file && done < n) *problem = zip_error_code_zip(zip_file_get_error(file));
    if (file) zip_fclose(file);
    return file && done == n;
}

static int next_member(VtArchive *a, ArchiveMember *member, VtError *error) {
    Zip *zip = a->own;
    if (zip->at >= zip->count) return 0;
    zip_uint64_t index = (zip_uint64_t)zip->at++;
    zip_stat_t stat;
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    if (zip_stat_index(zip->zip, index, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_NAME) ||
        !(stat.valid & ZIP_STAT_SIZE) || stat.size > INT64_MAX / 2) {
        vt_fail(error, 1, "%s: damaged: entry %lld of its directory: %s", a->path, (long long)index,
                error_text(zip->zip));
        return -1;
    }
    zip_file_get_external_attributes(zip->zip, index, 0, &system, &attributes);
    uint32_t mode = system == ZIP_OPSYS_UNIX ? attributes >> 16 : 0;
    size_t length = strlen(stat.name);
    member->name = stat.name;
    member->place = (int64_t)index;
    member->size = (int64_t)stat.size;
    member->folder = (length > 0 && stat.name[length - 1] == '/') || S_ISDIR(mode);
    member->symbolic = S_ISLNK(mode) && stat.size <= MAX_LINK;
    member->file = !member->folder && !S_ISLNK(mode);
    int problem;
    if (member->symbolic && read_some(zip, index, 0, member->size, (uint8_t *)zip->link, &problem)) {
        zip->link[member->size] = '\0';
        member->link = zip->link;
    }
    bool locked = (stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE,
         known =
             !(stat.valid & ZIP_STAT_COMP_METHOD) || zip_compression_method_supported(stat.comp_method, 0);
    if (!member->file || (!locked && known)) return 1;
    vt_fail(error, 2, "%s: '%s' is %s, which is not read: unpack the file", a->path, stat.name,
            locked ? "encrypted" : "compressed in a way libzip does not know");
    return -1;
}

/* Bytes that do not unpack are bad data; that memory ran out, or a read failed, is not. */
static bool bad(const VtArchive *a, const char *name, int problem, const char *why, VtError *error) {
    zip_error_t text;
    if (problem == ZIP_ER_MEMORY || problem == ZIP_ER_READ || problem == ZIP_ER_SEEK ||
        problem == ZIP_ER_OPEN || problem == ZIP_ER_INTERNAL) {
        zip_error_init_with_code(&text, problem);
        vt_fail(error, 1, "%s: cannot be read from '%s': %s", name, a->path, zip_error_strerror(&text));
        zip_error_fini(&text);
        return false;
    }
    return vt_bad_image(error, "%s: damaged in '%s': %s", name, a->path, why);
}

/* The packed bytes of a whole member are read with the lock held, and unpacked without. */
static bool unpack(const VtArchive *a, zip_uint64_t index, const zip_stat_t *stat, uint8_t *packed,
                   uint8_t *to, const char *name, VtError *error) {
    Zip *zip = a->own;
    pthread_mutex_lock((pthread_mutex_t *)&a->lock);
    int problem;
    bool there = read_some(zip, index, ZIP_FL_COMPRESSED, (int64_t)stat->comp_size, packed, &problem);
    pthread_mutex_unlock((pthread_mutex_t *)&a->lock);
    if (!there) return bad(a, name, problem, "its bytes are not there", error);
    z_stream stream = {
        .next_in = packed, .avail_in = (uInt)stat->comp_size, .next_out = to, .avail_out = (uInt)stat->size};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return vt_fail(error, 1, "out of memory");
    int result = inflate(&stream, Z_FINISH);
    bool whole = result == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    return whole || bad(a, name, ZIP_ER_OK, "its bytes do not unpack", error);
}

static bool read_member(const VtArchive *a, int64_t place, int64_t size, int64_t n, uint8_t *to,
                        const char *name, VtError *error) {
    Zip *zip = a->own;
    zip_stat_t stat;
    pthread_mutex_lock((pthread_mutex_t *)&a->lock);
    bool good = zip_stat_index(zip->zip, (zip_uint64_t)place, 0, &stat) == 0 && (int64_t)stat.size == size;
    bool apart = good && n == size && stat.comp_method == ZIP_CM_DEFLATE && stat.size <= 1 << 30 &&
                 stat.comp_size <= 1 << 30;
    int problem = ZIP_ER_OK;
    if (good && !apart) good = read_some(zip, (zip_uint64_t)place, 0, n, to, &problem);
    pthread_mutex_unlock((pthread_mutex_t *)&a->lock);
    if (!good) return bad(a, name, problem, "its bytes are not there, or do not match their checksum", error);
    if (!apart) {
        /* libzip compares checksums only when it reads past the end */
        return n < size || !(stat.valid & ZIP_STAT_CRC) || crc32(0, to, (uInt)n) == stat.crc ||
               bad(a, name, ZIP_ER_OK, "its bytes do not match their checksum", error);
    }
    uint8_t *packed = malloc((size_t)stat.comp_size + 1);
    if (!packed) return vt_fail(error, 1, "out of memory");
    good = unpack(a, (zip_uint64_t)place, &stat, packed, to, name, error);
    free(packed);
    return good && (crc32(0, to, (uInt)n) == stat.crc ||
                    bad(a, name, ZIP_ER_OK, "its bytes do not match their checksum", error));
}

static void close_zip(VtArchive *a) {
    Zip *zip = a->own;
    if (zip && zip->zip) zip_discard(zip->zip);
    free(zip);
}

const ArchiveKind archive_zip = {"zip", open_zip, next_member, NULL, read_member, NULL, close_zip};
