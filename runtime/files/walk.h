/* Everything below a folder, links followed, in the order of names. Unlike fts(3) it survives a lack of memory. */
#ifndef VITC_RUNTIME_FILES_WALK_H
#define VITC_RUNTIME_FILES_WALK_H

#include "runtime/base/error.h"

#include <stdint.h>

enum { WALK_DEPTH = 160 };

typedef enum {
    WALK_FILE,
    WALK_FOLDER,
    WALK_OTHER,   /* a pipe, a device, a socket */
    WALK_LOOP,    /* a link to a folder that it lies in */
    WALK_MISSING, /* a link to nothing, or gone since */
    WALK_DEEP     /* more than WALK_DEPTH folders, or a path that the system does not take */
} WalkKind;

typedef struct {
    WalkKind kind;
    const char *path, *name; /* from the root's own path on; the last part of it */
    int depth;               /* 0: in the root itself */
    int64_t size;            /* of a file, in bytes */
} WalkEntry;

/* What `visit` says: whether to go on, and into a folder. STOP: it has filled the error, or has seen enough. */
typedef enum { WALK_ON, WALK_PAST, WALK_STOP } WalkStep;

/* False: stopped, or something could not be read, or a signal asks to stop (vt_stopped). */
bool walk_folder(const char *root, WalkStep (*visit)(void *user, const WalkEntry *entry, VtError *error),
                 void *user, VtError *error);

#endif
