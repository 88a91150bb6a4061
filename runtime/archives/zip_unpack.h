/* The methods by which members of a zip file are packed. */
#ifndef VITC_RUNTIME_ARCHIVES_ZIP_UNPACK_H
#define VITC_RUNTIME_ARCHIVES_ZIP_UNPACK_H

#include "runtime/archives/zip_directory.h"

/* Whether members packed by it are read. */
bool zip_method_known(int method);
/* The first n bytes of a member, whose packed bytes lie at `place`. If n is all of it they have to be what its checksum
 * says. Thread-safe. */
bool zip_unpack(const VtArchive *archive, const ZipEntry *entry, int64_t place, int64_t n, uint8_t *to,
                const char *name, VtError *error);

#endif
