/* SHA-256 of files: see hash.h. */
#include "runtime/files/hash.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool vt_file_hash(const char *path, char out[VT_HASH_TEXT], VtError *error) {
    enum { CHUNK = 1 << 16 };
    uint8_t chunk[CHUNK], sum[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    struct stat status;
    bool there = stat(path, &status) == 0, regular = there && S_ISREG(status.st_mode);
    FILE *file = regular ? fopen(path, "re") : NULL; /* a FIFO would wait for its writer */
    if (!file)
        return vt_fail(error, 2, "cannot read '%s': %s", path,
                       there && !regular ? "no regular file" : strerror(errno));
    sha256_init(&sha);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;) sha256_update(&sha, n, chunk);
    int problem = ferror(file) ? errno : 0;
    fclose(file);
    if (problem) return vt_fail(error, 1, "cannot read '%s': %s", path, strerror(problem));
    sha256_digest(&sha, sizeof sum, sum);
    size_t n = (size_t)sprintf(out, "sha256:");
    for (size_t i = 0; i < sizeof sum; i++) n += (size_t)sprintf(out + n, "%02x", sum[i]);
    return true;
}
