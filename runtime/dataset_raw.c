/* Data sets of raw pixels: CIFAR-10/100 and STL-10 binaries, MNIST idx files. Held in memory whole. */
#include "runtime/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* A whole file, gunzipped if it is gzip; NULL if it cannot be read to its end. */
static uint8_t *read_whole(const char *path, int64_t *size) {
    gzFile file = gzopen(path, "rb");
    uint8_t *bytes = NULL;
    int64_t capacity = 0;
    *size = 0;
    if (!file) return NULL;
    for (;;) {
        if (*size == capacity) {
            capacity = capacity ? capacity * 2 : 1 << 20;
            uint8_t *grown = capacity <= (int64_t)4 << 30 ? realloc(bytes, (size_t)capacity) : NULL;
            if (!grown) break;
            bytes = grown;
        }
        int n =
            gzread(file, bytes + *size, (unsigned)(capacity - *size > 1 << 30 ? 1 << 30 : capacity - *size));
        if (n < 0) break;
        *size += n;
        if (n > 0) continue;
        int problem;
        gzerror(file, &problem);
        if (gzclose(file) == Z_OK && problem == Z_OK) return bytes;
        free(bytes);
        return NULL;
    }
    gzclose(file);
    free(bytes);
    return NULL;
}

static bool load_planes(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    int w = d->width, h = d->height, plane = w * h;
    const uint8_t *from = d->bytes + d->items[index].offset;
    *out = (VtImage){w, h, malloc(3 * (size_t)plane)};
    if (!out->rgb) return vt_fail(error, 1, "out of memory");
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++) {
                int at = d->column_major ? x * h + y : y * w + x;
                out->rgb[3 * (y * w + x) + c] = from[(d->channels == 3 ? c * plane : 0) + at];
            }
    return true;
}

static bool append(VtDataset *d, int64_t *held, const uint8_t *bytes, int64_t size) {
    uint8_t *grown = realloc(d->bytes, (size_t)(*held + size));
    if (!grown) return false;
    memcpy(grown + *held, bytes, (size_t)size);
    d->bytes = grown;
    *held += size;
    return true;
}

/* A CIFAR file: records of `label_bytes` (the last is the class, of `classes`) and 3072 pixels. */
static bool add_cifar(VtDataset *d, const char *path, int label_bytes, int classes, int64_t *held, VtError *error) {
    int64_t size, record = 3072 + label_bytes;
    uint8_t *bytes = read_whole(path, &size);
    bool good = bytes && size % record == 0 && size > 0;
    for (int64_t i = 0; good && i < size / record; i++) good = bytes[i * record + label_bytes - 1] < classes;
    if (!good) {
        free(bytes);
        return vt_fail(error, 1, "%s: not whole records of %lld bytes with labels below %d: damaged or cut short",
                       path, (long long)record, classes);
    }
    int64_t base = *held;
    good = append(d, held, bytes, size);
    for (int64_t i = 0; good && i < size / record; i++)
        good = dataset_add(d, NULL, bytes[i * record + label_bytes - 1], base + i * record + label_bytes, 3072);
    free(bytes);
    return good || vt_fail(error, 1, "out of memory");
}

static bool exists(const char *folder, const char *name, char *out, size_t size) {
    struct stat status;
    snprintf(out, size, "%s/%s", folder, name);
    return stat(out, &status) == 0;
}

/* Names from the file of one name a line that comes with the set, else numbers. */
static void name_classes(VtDataset *d, int classes, const char *folder, const char *file) {
    char path[4096], line[256];
    FILE *names = file && exists(folder, file, path, sizeof path) ? fopen(path, "r") : NULL;
    while (d->n_classes < classes) {
        snprintf(line, sizeof line, "%d", d->n_classes);
        if (names && fgets(line, sizeof line, names)) line[strcspn(line, "\r\n")] = '\0';
        int known = d->n_classes;
        if (!line[0] || dataset_class(d, line) != known) snprintf(line, sizeof line, "class %d", known);
        if (d->n_classes == known && dataset_class(d, line) < 0) break;
    }
    if (names) fclose(names);
}

static int finish_raw(VtDataset *d, const char *format, int width, int channels, bool good, VtError *error) {
    d->format = format;
    d->width = d->height = width;
    d->channels = channels;
    d->load = load_planes;
    return good && dataset_not_empty(d, error) ? 1 : -1;
}

static int open_stl10(VtDataset *d, const char *folder, const char *split, VtError *error) {
    char x[4096], y[4096];
    int64_t held = 0;
    bool good = true;
    for (int part = 0; part < 2 && good; part++) {
        const char *name = part ? "test" : "train";
        char xn[32], yn[32];
        if (!dataset_wants(split, name)) continue;
        snprintf(xn, sizeof xn, "%s_X.bin", name);
        snprintf(yn, sizeof yn, "%s_y.bin", name);
        if (!exists(folder, xn, x, sizeof x) || !exists(folder, yn, y, sizeof y)) continue;
        int64_t nx, ny, base = held;
        uint8_t *pixels = read_whole(x, &nx), *labels = read_whole(y, &ny);
        good = pixels && labels && nx == ny * 27648 && append(d, &held, pixels, nx);
        for (int64_t i = 0; good && i < ny; i++)
            good = dataset_add(d, NULL, labels[i] - 1, base + i * 27648, 27648);
        if (!good)
            vt_fail(error, 1, "%s: does not hold the images that %s labels: damaged or cut short", x, yn);
        free(pixels);
        free(labels);
    }
    d->column_major = true;
    return finish_raw(d, "stl10", 96, 3, good, error);
}

int dataset_open_binary(VtDataset *d, const char *path, const char *split, VtError *error) {
    static const char *const train10[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                          "data_batch_4.bin", "data_batch_5.bin"};
    char file[4096];
    int64_t held = 0;
    bool good = true, found = false;
    struct stat status;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) { /* one batch: it has no splits */
        const char *dot = strrchr(path, '.');
        if (!dot || strcmp(dot, ".bin") != 0 || status.st_size % 3073) return 0;
        return finish_raw(d, "cifar", 32, 3, add_cifar(d, path, 1, &held, error), error);
    }
    if (exists(path, "train_X.bin", file, sizeof file)) return open_stl10(d, path, split, error);
    for (int i = 0; i < 5 && good; i++)
        if (exists(path, train10[i], file, sizeof file)) {
            found = true;
            if (dataset_wants(split, "train")) good = add_cifar(d, file, 1, &held, error);
        }
    if (good && exists(path, "test_batch.bin", file, sizeof file)) {
        found = true;
        if (dataset_wants(split, "test")) good = add_cifar(d, file, 1, &held, error);
    }
    for (int part = 0; part < 2 && good && !found; part++) { /* CIFAR-100: coarse and fine label */
        bool there = exists(path, part ? "test.bin" : "train.bin", file, sizeof file);
        found = found || there;
        if (there && dataset_wants(split, part ? "test" : "train"))
            good = add_cifar(d, file, 2, &held, error);
        if (there && part == 0) found = false;
        if (part == 1) found = found || held > 0;
    }
    return found ? finish_raw(d, "cifar", 32, 3, good, error) : 0;
}

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool find_idx(const char *folder, const char *stem, char *out, size_t size) {
    char name[64];
    snprintf(name, sizeof name, "%s.gz", stem);
    return exists(folder, stem, out, size) || exists(folder, name, out, size);
}

int dataset_open_mnist(VtDataset *d, const char *path, const char *split, VtError *error) {
    char x[4096], y[4096];
    bool found = false, good = true;
    int64_t held = 0;
    int edge = 28;
    for (int part = 0; part < 2 && good; part++) {
        bool there =
            find_idx(path, part ? "t10k-images-idx3-ubyte" : "train-images-idx3-ubyte", x, sizeof x) &&
            find_idx(path, part ? "t10k-labels-idx1-ubyte" : "train-labels-idx1-ubyte", y, sizeof y);
        found = found || there;
        if (!there || !dataset_wants(split, part ? "test" : "train")) continue;
        int64_t nx, ny, base = held;
        uint8_t *pixels = read_whole(x, &nx), *labels = read_whole(y, &ny);
        good = pixels && labels && nx >= 16 && ny >= 8 && big_endian(pixels) == 0x803 &&
               big_endian(labels) == 0x801;
        int64_t count = good ? big_endian(pixels + 4) : 0, h = good ? big_endian(pixels + 8) : 0,
                w = good ? big_endian(pixels + 12) : 0;
        good = good && w == h && w >= 1 && w <= 1024 && count == big_endian(labels + 4) &&
               nx == 16 + count * w * h && ny == 8 + count;
        edge = (int)w;
        good = good && append(d, &held, pixels + 16, nx - 16);
        for (int64_t i = 0; good && i < count; i++)
            good = dataset_add(d, NULL, labels[8 + i], base + i * w * h, w * h);
        if (!good)
            vt_fail(error, 1, "%s: not a whole idx file, or its labels do not fit: damaged or cut short", x);
        free(pixels);
        free(labels);
    }
    return found ? finish_raw(d, "mnist", edge, 1, good, error) : 0;
}
