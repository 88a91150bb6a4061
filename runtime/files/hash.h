/* What a file holds, in a word. */
#ifndef VITC_RUNTIME_FILES_HASH_H
#define VITC_RUNTIME_FILES_HASH_H

#include "runtime/base/error.h"

enum { VT_HASH_TEXT = 80 };
/* "sha256:…" of a file's bytes. */
bool vt_file_hash(const char *path, char out[VT_HASH_TEXT], VtError *error);

#endif
