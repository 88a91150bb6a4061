/* An image of a file of its own. */
#include "runtime/base/error.h"
#include "runtime/files/read_at.h"
#include "runtime/images/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 256 << 20 };

static bool decode_file(int file, int64_t size, const char *path, int channels, VtImage *out,
                        VtError *error) {
    if (size < 1 || size > MOST_BYTES)
        return vt_bad_image(error, "%s: %lld bytes: refused", path, (long long)size);
    uint8_t *bytes = malloc((size_t)size);
    if (!bytes) return vt_fail(error, 1, "out of memory");
    int64_t n = read_at(file, bytes, size, 0);
    bool good = n == size ? vt_image_decode(bytes, (size_t)size, path, channels, out, error)
                : errno   ? vt_fail(error, 1, "cannot read '%s': %s", path, strerror(errno))
                          : vt_bad_image(error, "%s: cut short", path);
    free(bytes);
    return good;
}

bool vt_image_read(const char *path, int channels, VtImage *out, VtError *error) {
    struct stat status;
    *out = (VtImage){0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for its writer */
    if (file < 0 || fstat(file, &status) != 0) {
        vt_fail(error, 2, "cannot read '%s': %s", path, strerror(errno));
        if (file >= 0) close(file);
        return false;
    }
    bool good = S_ISREG(status.st_mode) ? decode_file(file, status.st_size, path, channels, out, error)
                                        : vt_fail(error, 2, "cannot read '%s': no regular file", path);
    close(file);
    return good;
}
