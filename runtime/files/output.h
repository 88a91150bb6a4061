/* What is written to disk. */
#ifndef VITC_RUNTIME_FILES_OUTPUT_H
#define VITC_RUNTIME_FILES_OUTPUT_H

#include "runtime/base/error.h"
#include <stddef.h>
#include <stdint.h>

/* A file that replaces another whole or not at all: written beside it under an unpredictable name, PATH.tmp-… , synced,
 * renamed, and the folder synced. A link at `path` gives way to the file; a folder, FIFO or device is refused. Folders
 * above it that are missing are made. */
typedef struct VtReplacement VtReplacement;
VtReplacement *vt_replace_begin(const char *path, unsigned mode /* less the umask */, VtError *error);
bool vt_replace_write(VtReplacement *r, const void *bytes, size_t size); /* false: vt_replace_end will tell */
/* The same over what was written there already. */
bool vt_replace_write_at(VtReplacement *r, const void *bytes, size_t size, int64_t at);
/* Frees. False: `path` is what it was before (or new, and only the sync of its folder failed, as the message says). */
bool vt_replace_end(VtReplacement *r, VtError *error);
/* The same, but that a power failure may leave an empty file or none, until vt_sync of the path. */
bool vt_replace_end_unsynced(VtReplacement *r, VtError *error);
bool vt_sync(const char *path, VtError *error); /* a file, and its folder */
void vt_replace_drop(VtReplacement *r);         /* instead: `path` stays; NULL is fine */
bool vt_replace_with(const char *path, unsigned mode, const void *bytes, size_t size, VtError *error);
/* `path` becomes another name of the file `from`, or where there are no hard links a copy. */
bool vt_replace_by_link(const char *from, const char *path, VtError *error);
/* Removes what processes that were killed left beside `path`. For who knows that no other is writing. */
void vt_replace_sweep(const char *path);
/* For who reads `path`, adds to it and replaces it: until what this gives is closed, others that ask so wait,
 * five seconds at most (a lock of another program's may stay). -1: nothing there can be locked; go on without. */
int vt_lock_folder_of(const char *path);
bool vt_write_all(int file, const void *bytes, size_t size); /* false: errno says why */
/* Makes a folder with those above it that are missing; one that is there already is no error. */
bool vt_make_folders(const char *path, unsigned mode, VtError *error);
/* Whether a file `path`, or a folder `path` and files in it, could be written; nothing is. Before work that would be
 * lost. */
bool vt_output_check(const char *path, VtError *error);
bool vt_output_check_folder(const char *path, VtError *error);

#endif
