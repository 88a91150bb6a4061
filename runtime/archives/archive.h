/* Tar files, plain or compressed, and zip files: their members, one after the other, and the bytes of those that are
 * kept. */
#ifndef VITC_RUNTIME_ARCHIVES_ARCHIVE_H
#define VITC_RUNTIME_ARCHIVES_ARCHIVE_H

#include "runtime/base/error.h"
#include <stdint.h>

typedef struct {
    const char *name;    /* as it is stored; until the next is asked for */
    const char *link;    /* the name, or the path from here, of what it stands for; NULL: it is no link */
    bool symbolic;       /* the link is a path from the folder it lies in */
    bool folder, file;   /* neither: a device and the like */
    int64_t place, size; /* of its bytes, for vt_archive_read */
} ArchiveMember;

typedef struct VtArchive VtArchive;
typedef struct { /* a kind of archive */
    const char *name;
    /* 0: not of this kind, 1: opened, -1: an error. */
    int (*open)(VtArchive *archive, VtError *error);
    /* 1: a member, 0: the end, -1: damaged or cut short, and the message says where. */
    int (*next)(VtArchive *archive, ArchiveMember *member, VtError *error);
    bool (*keep)(VtArchive *archive, ArchiveMember *member, VtError *error); /* NULL: nothing to do */
    /* The first n of `size` bytes. What is damaged in one member alone is bad data. */
    bool (*read)(const VtArchive *archive, int64_t place, int64_t size, int64_t n, uint8_t *to,
                 const char *name, VtError *error);
    void (*end)(VtArchive *archive);   /* after the last member: what only `next` needs */
    void (*close)(VtArchive *archive); /* all the rest */
} ArchiveKind;
extern const ArchiveKind archive_tar, archive_zip;

struct VtArchive {
    const ArchiveKind *kind;
    char *path;
    int descriptor; /* -1: opened for each read */
    int64_t members;
    uint8_t *held; /* what was kept of a compressed one */
    int64_t n_held, room;
    void *own; /* of the kind */
};

/* 0: no archive, 1: opened, -1: an error. */
int vt_archive_open(VtArchive **out, const char *path, VtError *error);
int vt_archive_next(VtArchive *archive, ArchiveMember *member, VtError *error);
/* Has to be called for the member just returned, if its bytes are to be read; and again undone by vt_archive_drop. */
bool vt_archive_keep(VtArchive *archive, ArchiveMember *member, VtError *error);
void vt_archive_drop(VtArchive *archive, const ArchiveMember *member);
/* After the last member. Closes the file too if there are so many archives that each may be opened for reads alone. */
void vt_archive_end(VtArchive *archive, bool close_file);
/* The first n of a member's `size` bytes; thread-safe. */
bool vt_archive_read(const VtArchive *archive, int64_t place, int64_t size, int64_t n, uint8_t *to,
                     const char *name, VtError *error);
void vt_archive_close(VtArchive *archive);

/* n bytes at `offset` of the archive's file. */
bool archive_pread(const VtArchive *archive, int64_t offset, int64_t n, uint8_t *to, VtError *error);

#endif
