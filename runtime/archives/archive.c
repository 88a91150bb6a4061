/* Archives of whatever kind: see archive.h. */
#include "runtime/archives/archive.h"
#include "runtime/base/error.h"
#include "runtime/base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int vt_archive_open(VtArchive **out, const char *path, VtError *error) {
    static const ArchiveKind *const kinds[] = {&archive_zip, &archive_tar};
    int result = 0;
    *out = NULL;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds && result == 0; k++) {
        VtArchive *a = calloc(1, sizeof *a);
        if (a) *a = (VtArchive){.kind = kinds[k], .descriptor = -1, .path = strdup(path)};
        if (!a || !a->path) {
            free(a);
            vt_fail(error, 1, "out of memory");
            return -1;
        }
        a->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (a->descriptor < 0) {
            vt_fail(error, errno == EACCES || errno == ENOENT ? 2 : 1, "cannot read '%s': %s", path,
                    strerror(errno));
            result = -1;
        } else
            result = a->kind->open(a, error);
        if (result == 1)
            *out = a;
        else
            vt_archive_close(a);
    }
    return result;
}

int vt_archive_next(VtArchive *a, ArchiveMember *member, VtError *error) {
    *member = (ArchiveMember){0};
    if (vt_stop_signal()) {
        vt_fail(error, 1, "%s: stopped by signal %d after %lld members", a->path, vt_stop_signal(),
                (long long)a->members);
        return -1;
    }
    int result = a->kind->next(a, member, error);
    a->members += result == 1;
    return result;
}

bool vt_archive_keep(VtArchive *a, ArchiveMember *member, VtError *error) {
    return !a->kind->keep || a->kind->keep(a, member, error);
}

void vt_archive_drop(VtArchive *a, const ArchiveMember *member) {
    if (a->kind->keep && a->held) a->n_held = member->place;
}

void vt_archive_end(VtArchive *a, bool close_file) {
    if (a->kind->end) a->kind->end(a);
    if (a->descriptor >= 0 && close_file) {
        close(a->descriptor);
        a->descriptor = -1;
    }
}

bool vt_archive_read(const VtArchive *a, int64_t place, int64_t size, int64_t n, uint8_t *to,
                     const char *name, VtError *error) {
    return a->kind->read(a, place, size, n, to, name, error);
}

void vt_archive_close(VtArchive *a) {
    if (!a) return;
    vt_archive_end(a, true);
    if (a->kind->close) a->kind->close(a);
    free(a->held);
    free(a->path);
    free(a);
}
