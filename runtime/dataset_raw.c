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
    uint8_t *grown = realloc(d->bytes, (size_t)(*held + size + 1));
    if (!grown) return false;
    memcpy(grown + *held, bytes, (size_t)size);
    d->bytes = grown;
    *held += size;
    return true;
}

/* A CIFAR file: records of `label_bytes` (the last is the class, of `classes`) and 3072 pixels. */
static bool add_cifar(VtDataset *d, const char *path, int label_bytes, int classes, int64_t *held,
                      VtError *error) {
    int64_t size, record = 3072 + label_bytes;
    uint8_t *bytes = read_whole(path, &size);
    bool good = bytes && size % record == 0 && size > 0;
    for (int64_t i = 0; good && i < size / record; i++) good = bytes[i * record + label_bytes - 1] < classes;
    if (!good) {
        free(bytes);
        return vt_fail(error, 1,
                       "%s: not whole records of %lld bytes with labels below %d: damaged or cut short", path,
                       (long long)record, classes);
    }
    int64_t base = *held;
    good = append(d, held, bytes, size);
    for (int64_t i = 0; good && i < size / record; i++)
        good =
            dataset_add(d, NULL, bytes[i * record + label_bytes - 1], base + i * record + label_bytes, 3072);
    free(bytes);
    return good || vt_fail(error, 1, "out of memory");
}

static bool exists(const char *folder, const char *name, char *out, size_t size) {
    struct stat status;
    snprintf(out, size, "%s/%s", folder, name);
    return stat(out, &status) == 0;
}

/* TextSet from the file of one name a line that comes with the set, else numbers. */
static void name_classes(VtDataset *d, int classes, const char *folder, const char *file) {
    char path[4096], line[256];
    FILE *names = file && exists(folder, file, path, sizeof path) ? fopen(path, "r") : NULL;
    while (d->classes.count < classes) {
        int known = d->classes.count;
        snprintf(line, sizeof line, "%d", known);
        if (names && fgets(line, sizeof line, names)) line[strcspn(line, "\r\n")] = '\0';
        if (!line[0] || dataset_class(d, line) != known) snprintf(line, sizeof line, "class %d", known);
        if (d->classes.count == known && dataset_class(d, line) < 0) break;
    }
    if (names) fclose(names);
}

static int finish_raw(VtDataset *d, const char *format, int width, int channels, bool good, VtError *error) {
    d->format = format;
    d->width = d->height = width;
    d->channels = channels;
    d->load = load_planes;
    return good && dataset_not_empty(d, "", error) ? 1 : -1;
}

enum { STL_EDGE = 96, STL_IMAGE = 3 * STL_EDGE * STL_EDGE };

/* Images, and their labels 1 to 10 in a file of their own; 0 is no label. */
static bool add_stl10(VtDataset *d, const char *images, const char *labels, int64_t *held, VtError *error) {
    int64_t nx, ny, base = *held;
    uint8_t *pixels = read_whole(images, &nx), *classes = read_whole(labels, &ny);
    bool good = pixels && classes && nx == ny * STL_IMAGE;
    for (int64_t i = 0; good && i < ny; i++) good = classes[i] <= 10;
    good = good ||
           vt_fail(error, 1, "%s: does not hold the images that %s labels from 1 to 10: damaged or cut short",
                   images, labels);
    bool room = !good || append(d, held, pixels, nx);
    for (int64_t i = 0; good && room && i < ny; i++)
        room = dataset_add(d, NULL, classes[i] - 1, base + i * STL_IMAGE, STL_IMAGE);
    free(pixels);
    free(classes);
    return good && (room || vt_fail(error, 1, "out of memory"));
}

static int open_stl10(VtDataset *d, const char *folder, const char *split, VtError *error) {
    static const char *const files[2][3] = {{"train", "train_X.bin", "train_y.bin"},
                                            {"test", "test_X.bin", "test_y.bin"}};
    char x[4096], y[4096];
    int64_t held = 0;
    bool good = true;
    for (int part = 0; part < 2 && good; part++) {
        if (!dataset_wants(split, files[part][0]) || !exists(folder, files[part][1], x, sizeof x)) continue;
        good =
            exists(folder, files[part][2], y, sizeof y) || vt_fail(error, 1, "%s is missing beside %s", y, x);
        good = good && add_stl10(d, x, y, &held, error);
    }
    d->column_major = true;
    name_classes(d, 10, folder, "class_names.txt");
    return finish_raw(d, "stl10", STL_EDGE, 3, good, error);
}

static int open_cifar_file(VtDataset *d, const char *path, const char *split, VtError *error) {
    struct stat status;
    const char *dot = strrchr(path, '.');
    int64_t held = 0;
    if (!dot || strcmp(dot, ".bin") != 0 || stat(path, &status) != 0 || status.st_size % 3073) return 0;
    if (split && strcmp(split, "test") == 0) {
        vt_fail(error, 2, "%s has no split 'test': it is one batch; give the folder of all of them", path);
        return -1;
    }
    name_classes(d, 10, "", NULL);
    return finish_raw(d, "cifar", 32, 3, add_cifar(d, path, 1, 10, &held, error), error);
}

int dataset_open_binary(VtDataset *d, const char *path, const char *split, VtError *error) {
    static const struct {
        const char *file, *split;
        int label_bytes, classes; /* CIFAR-100 has a coarse label before the class */
        const char *names;
    } batches[] = {
        {"data_batch_1.bin", "train", 1, 10, "batches.meta.txt"},
        {"data_batch_2.bin", "train", 1, 10, "batches.meta.txt"},
        {"data_batch_3.bin", "train", 1, 10, "batches.meta.txt"},
        {"data_batch_4.bin", "train", 1, 10, "batches.meta.txt"},
        {"data_batch_5.bin", "train", 1, 10, "batches.meta.txt"},
        {"test_batch.bin", "test", 1, 10, "batches.meta.txt"},
        {"train.bin", "train", 2, 100, "fine_label_names.txt"},
        {"test.bin", "test", 2, 100, "fine_label_names.txt"},
    };
    char file[4096];
    struct stat status;
    int64_t held = 0;
    int kind = 0; /* label bytes: the two sets do not mix */
    bool good = true;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) return open_cifar_file(d, path, split, error);
    if (exists(path, "train_X.bin", file, sizeof file) || exists(path, "test_X.bin", file, sizeof file))
        return open_stl10(d, path, split, error);
    for (size_t i = 0; good && i < sizeof batches / sizeof *batches; i++) {
        if ((kind && kind != batches[i].label_bytes) || !exists(path, batches[i].file, file, sizeof file))
            continue;
        if (!kind) name_classes(d, batches[i].classes, path, batches[i].names);
        kind = batches[i].label_bytes;
        if (dataset_wants(split, batches[i].split))
            good = add_cifar(d, file, batches[i].label_bytes, batches[i].classes, &held, error);
    }
    return kind ? finish_raw(d, "cifar", 32, 3, good, error) : 0;
}

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool find_idx(const char *folder, const char *stem, char *out, size_t size) {
    char name[64];
    snprintf(name, sizeof name, "%s.gz", stem);
    return exists(folder, stem, out, size) || exists(folder, name, out, size);
}

/* Two idx files: images of one size, square, and as many labels. */
static bool add_idx(VtDataset *d, const char *images, const char *labels, int *edge, int64_t *held,
                    VtError *error) {
    int64_t nx, ny, base = *held;
    uint8_t *pixels = read_whole(images, &nx), *classes = read_whole(labels, &ny);
    bool good = pixels && classes && nx >= 16 && ny >= 8 && big_endian(pixels) == 0x803 &&
                big_endian(classes) == 0x801;
    int64_t count = good ? big_endian(pixels + 4) : 0, h = good ? big_endian(pixels + 8) : 0,
            w = good ? big_endian(pixels + 12) : 0;
    good = good && w == h && w >= 1 && w <= 1024 && (*held == 0 || w == *edge) &&
           count == big_endian(classes + 4) && nx == 16 + count * w * h && ny == 8 + count;
    good = good ||
           vt_fail(error, 1,
                   "%s: not a whole idx file of square images, or not what %s labels: damaged or cut short",
                   images, labels);
    *edge = (int)w;
    bool room = !good || append(d, held, pixels + 16, nx - 16);
    for (int64_t i = 0; good && room && i < count; i++)
        room = dataset_add(d, NULL, classes[8 + i], base + i * w * h, w * h);
    free(pixels);
    free(classes);
    return good && (room || vt_fail(error, 1, "out of memory"));
}

int dataset_open_mnist(VtDataset *d, const char *path, const char *split, VtError *error) {
    static const char *const files[2][3] = {{"train", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                            {"test", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}};
    char x[4096], y[4096];
    bool found = false, good = true;
    int64_t held = 0;
    int edge = 28, classes = 10;
    for (int part = 0; part < 2 && good; part++) {
        if (!find_idx(path, files[part][1], x, sizeof x)) continue;
        found = true;
        if (!dataset_wants(split, files[part][0])) continue;
        good = find_idx(path, files[part][2], y, sizeof y) ||
               vt_fail(error, 1, "%s/%s[.gz] is missing beside %s", path, files[part][2], x);
        good = good && add_idx(d, x, y, &edge, &held, error);
    }
    if (!found) return 0;
    for (int64_t i = 0; i < d->count; i++)
        if (d->items[i].label >= classes) classes = d->items[i].label + 1;
    name_classes(d, classes, "", NULL);
    return finish_raw(d, "mnist", edge, 1, good, error);
}
