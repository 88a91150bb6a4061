/* Bytes of an archive's own file: see archive.h. */
#include "runtime/archives/archive.h"
#include "runtime/base/error.h"
#include "runtime/files/read_at.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool archive_pread(const VtArchive *a, int64_t offset, int64_t size, uint8_t *to, VtError *error) {
    int descriptor = a->descriptor >= 0 ? a->descriptor : open(a->path, O_RDONLY | O_CLOEXEC);
    bool good = descriptor >= 0 || vt_fail(error, 1, "cannot read '%s': %s", a->path, strerror(errno));
    int64_t n = good ? read_at(descriptor, to, size, offset) : size;
    if (n < size)
        good = vt_fail(error, 1, "cannot read '%s' at byte %lld: %s", a->path, (long long)(offset + n),
                       errno ? strerror(errno) : "it has become shorter");
    if (descriptor >= 0 && descriptor != a->descriptor) close(descriptor);
    return good;
}
