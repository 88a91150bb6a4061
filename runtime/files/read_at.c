/* Bytes of an open file, from a place in it: see read_at.h. */
#include "runtime/files/read_at.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

int64_t read_at(int descriptor, void *out, int64_t size, int64_t offset) {
    int64_t done = 0;
    errno = 0;
    while (done < size) {
        ssize_t n = pread(descriptor, (char *)out + done, (size_t)(size - done), offset + done);
        if (n < 0 && errno != EINTR) break;
        if (n == 0) errno = 0; /* of an interrupted read before */
        if (n == 0) break;
        if (n > 0) done += n;
    }
    return done;
}
