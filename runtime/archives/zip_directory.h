/* The directory at the end of a zip file, after PKWARE's APPNOTE.TXT 6.3.10: what members there are and where their
 * bytes lie. With ZIP64; an archive of several files is refused. */
#ifndef VITC_RUNTIME_ARCHIVES_ZIP_DIRECTORY_H
#define VITC_RUNTIME_ARCHIVES_ZIP_DIRECTORY_H

#include "runtime/archives/archive.h"

enum { ZIP_STORED = 0, ZIP_DEFLATE = 8, ZIP_BZIP2 = 12 };

typedef struct {
    int64_t at;           /* of its entry, in the directory */
    int64_t place;        /* of its local header, in the file */
    int64_t packed, size; /* bytes in the file, and unpacked */
    uint32_t crc;         /* of what is unpacked */
    uint32_t mode;        /* as stat has it; 0: not known */
    uint16_t method;
    bool encrypted;
} ZipEntry;

typedef struct {
    ZipEntry *entries;
    int64_t count;
    int64_t start;  /* where it lies in the file, behind all members */
    uint8_t *bytes; /* the directory itself: for names alone */
    int64_t size;
} ZipDirectory;

/* Everything that is believed of a directory is checked here: places and sizes lie within the file and names within the
 * directory. What is filled in of `out` is freed by the caller, also after an error. */
bool zip_directory_read(const VtArchive *archive, ZipDirectory *out, VtError *error);
void zip_directory_free(ZipDirectory *directory);

/* The entry's name in UTF-8: that of an extra field, or its own; what is no UTF-8 is taken for code page 437. The
 * caller frees it; NULL: out of memory. */
char *zip_entry_name(const ZipDirectory *directory, const ZipEntry *entry);

/* Where the packed bytes of a member begin, behind its local header. */
bool zip_entry_bytes(const VtArchive *archive, const ZipDirectory *directory, const ZipEntry *entry,
                     const char *name, int64_t *place, VtError *error);

/* An entry is so long, without its name and what follows that: its extra fields and a comment. */
enum { ZIP_ENTRY = 46 };
/* The extra field of that kind; NULL: there is none. */
const uint8_t *zip_extra(const uint8_t *extra, int length, int kind, int *size);

/* Numbers of a zip file: the low byte first. */
static inline uint16_t zip_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t zip_u32(const uint8_t *p) {
    return zip_u16(p) | (uint32_t)zip_u16(p + 2) << 16;
}
static inline uint64_t zip_u64(const uint8_t *p) {
    return zip_u32(p) | (uint64_t)zip_u32(p + 4) << 32;
}

#endif
