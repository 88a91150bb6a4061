/* Raw pixels, held in memory or read from files as they are asked for. */
#include "runtime/datasets/dataset_raw.h"
#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/datasets/dataset.h"
#include "runtime/files/read_at.h"
#include "runtime/images/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { MAX_FILES = 4, CHUNK = 16 << 20 };
#define MAX_WHOLE ((int64_t)4 << 30)

typedef struct { /* VtDataset.own */
    int descriptor[MAX_FILES];
    int n;
} RawFiles;

uint8_t *raw_read(const char *path, int64_t *size, int *problem) {
    uint8_t *bytes = NULL;
    int64_t capacity = 0;
    int n = 1, damage = Z_OK;
    *size = *problem = errno = 0;
    gzFile file = gzopen(path, "rb");
    if (!file) *problem = errno ? errno : ENOMEM;
    while (file && n > 0 && !*problem) {
        if (*size == capacity) {
            capacity = capacity ? capacity * 2 : 1 << 20;
            uint8_t *grown = capacity <= MAX_WHOLE ? realloc(bytes, (size_t)capacity) : NULL;
            if (!grown) *problem = capacity <= MAX_WHOLE ? ENOMEM : EFBIG;
            if (!grown) break;
            bytes = grown;
        }
        if (vt_stop_signal()) *problem = EINTR;
        n = gzread(file, bytes + *size, (unsigned)(capacity - *size > CHUNK ? CHUNK : capacity - *size));
        if (n > 0) *size += n;
    }
    int system = errno;
    if (file) gzerror(file, &damage);
    if (!*problem && damage == Z_ERRNO) *problem = system ? system : EIO;
    if (!*problem && damage == Z_MEM_ERROR) *problem = ENOMEM;
    int closed = file ? gzclose(file) : Z_OK;
    if (!*problem && damage == Z_OK && closed == Z_OK && n == 0) return bytes;
    free(bytes);
    return NULL;
}

bool raw_cannot_read(const char *path, int problem, VtError *error) {
    if (problem == EINTR && vt_stop_signal()) return vt_stopped(error);
    return vt_fail(error, 1, "cannot read '%s': %s", path, strerror(problem));
}

bool raw_exists(const char *folder, const char *name, char *out, size_t size) {
    struct stat status;
    int length = snprintf(out, size, "%s/%s", folder, name);
    return length >= 0 && (size_t)length < size && stat(out, &status) == 0 && S_ISREG(status.st_mode);
}

bool raw_append(VtDataset *d, int64_t *held, const uint8_t *bytes, int64_t size) {
    uint8_t *grown = realloc(d->bytes, (size_t)(*held + size + 1));
    if (!grown) return false;
    memcpy(grown + *held, bytes, (size_t)size);
    d->bytes = grown;
    *held += size;
    return true;
}

static void close_files(VtDataset *d) {
    RawFiles *files = d->own;
    for (int i = 0; files && i < files->n; i++) close(files->descriptor[i]);
    free(files);
}

int raw_open_file(VtDataset *d, const char *path, int64_t *size, VtError *error) {
    struct stat status;
    d->close = close_files;
    if (!d->own && !(d->own = calloc(1, sizeof(RawFiles)))) return vt_fail(error, 1, "out of memory"), -1;
    RawFiles *files = d->own;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return raw_cannot_read(path, errno, error), -1;
    files->descriptor[files->n] = descriptor;
    if (fstat(descriptor, &status) != 0) return raw_cannot_read(path, errno, error), files->n++, -1;
    *size = status.st_size;
    return files->n++;
}

/* The record of an image: where it lies in memory, or read into `buffer`. NULL: it cannot be read. */
static const uint8_t *record_of(const VtDataset *d, int64_t index, uint8_t *buffer, VtError *error) {
    const DataItem *item = &d->items[index];
    const RawFiles *files = d->own;
    if (!files) return d->bytes + item->offset;
    int64_t n = read_at(files->descriptor[item->file], buffer, item->size, item->offset);
    if (n == item->size) return buffer;
    vt_fail(error, 1, "%s: image %lld cannot be read: %s", d->path, (long long)index,
            errno ? strerror(errno) : "the file became shorter");
    return NULL;
}

static bool load_planes(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    int w = d->width, h = d->height, plane = w * h;
    uint8_t *buffer = d->own ? malloc((size_t)plane * (size_t)d->channels) : NULL;
    const uint8_t *from = NULL;
    *out = (VtImage){w, h, 3, malloc(3 * (size_t)plane)};
    if (!out->pixels || (d->own && !buffer))
        vt_fail(error, 1, "out of memory");
    else
        from = record_of(d, index, buffer, error);
    for (int y = 0; from && y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++) {
                int at = d->column_major ? x * h + y : y * w + x;
                out->pixels[3 * (y * w + x) + c] = from[(d->channels == 3 ? c * plane : 0) + at];
            }
    if (!from) vt_image_free(out);
    free(buffer);
    return out->pixels != NULL;
}

bool raw_name_classes(VtDataset *d, int classes, const char *folder, const char *file, VtError *error) {
    char path[4096], line[256];
    bool named = file && raw_exists(folder, file, path, sizeof path);
    FILE *names = named ? fopen(path, "r") : NULL;
    bool good = !named || names || raw_cannot_read(path, errno, error);
    while (good && d->classes.count < classes) {
        int known = d->classes.count;
        snprintf(line, sizeof line, "%d", known);
        if (names && fgets(line, 200, names)) line[strcspn(line, "\r\n")] = '\0';
        if (!line[0]) snprintf(line, sizeof line, "class %d", known);
        for (int again = 0; text_set_find(&d->classes, line, strlen(line)) >= 0; again++)
            snprintf(line, sizeof line, "class %d%.*s", known, again, "''''''''"); /* another has that name */
        good = dataset_class(d, line) == known || vt_fail(error, 1, "out of memory");
    }
    if (good && names && ferror(names)) good = raw_cannot_read(path, EIO, error);
    if (names) fclose(names);
    return good;
}

int raw_finish(VtDataset *d, const char *format, int width, int channels, bool good, VtError *error) {
    d->format = format;
    d->width = d->height = width;
    d->channels = channels;
    d->load = load_planes;
    return good && dataset_not_empty(d, "", error) ? 1 : -1;
}
