/* Pairs of idx files: MNIST and what is packed like it. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* "train-images-idx3-ubyte", also as "train-images.idx3-ubyte", plain or .gz. Else `out` is what was looked for. */
static bool find_idx(const char *folder, const char *stem, char *out, size_t size) {
    char name[64];
    for (int form = 0; form < 4; form++) {
        snprintf(name, sizeof name, "%s%s", stem, form & 1 ? ".gz" : "");
        if (form & 2) *strstr(name, "-idx") = '.';
        if (raw_exists(folder, name, out, size)) return true;
    }
    snprintf(out, size, "%s/%s[.gz]", folder, stem);
    return false;
}

/* NULL: it is none, or cannot be read. */
static uint8_t *read_idx(const char *path, int64_t smallest, uint32_t magic, int64_t *size, VtError *error) {
    int problem;
    uint8_t *bytes = raw_read(path, size, &problem);
    if (bytes && *size >= smallest && big_endian(bytes) == magic) return bytes;
    free(bytes);
    if (problem)
        raw_cannot_read(path, problem, error);
    else
        vt_fail(error, 1, "%s: not a whole idx file: damaged or cut short", path);
    return NULL;
}

/* The images that `labels` labels, of one size and square. */
static bool add_images(VtDataset *d, const char *path, const uint8_t *labels, int64_t n_labels, int *edge,
                       int64_t *held, VtError *error) {
    int64_t size, base = *held;
    uint8_t *bytes = read_idx(path, 16, 0x803, &size, error);
    if (!bytes) return false;
    int64_t count = big_endian(bytes + 4), h = big_endian(bytes + 8), w = big_endian(bytes + 12);
    bool good = w == h && w >= 1 && w <= 1024 && (*held == 0 || w == *edge) && count == n_labels &&
                size == 16 + count * w * h;
    if (!good)
        vt_fail(
            error, 1,
            "%s: not a whole idx file of square images, or not those that are labelled: damaged or cut short",
            path);
    else if (!raw_append(d, held, bytes + 16, size - 16))
        good = vt_fail(error, 1, "out of memory");
    for (int64_t i = 0; good && i < count; i++)
        good = dataset_add(d, NULL, labels[i], base + i * w * h, w * h) || vt_fail(error, 1, "out of memory");
    *edge = (int)w;
    free(bytes);
    return good;
}

/* Two idx files. Classes count up to the highest label of any split, so that they are the same in all. */
static bool add_pair(VtDataset *d, const char *images, const char *labels, bool wanted, int *edge,
                     int *classes, int64_t *held, VtError *error) {
    int64_t size;
    uint8_t *bytes = read_idx(labels, 8, 0x801, &size, error);
    bool good = bytes != NULL;
    for (int64_t i = 8; good && i < size; i++)
        if (bytes[i] >= *classes) *classes = bytes[i] + 1;
    if (good && size != 8 + (int64_t)big_endian(bytes + 4))
        good = vt_fail(error, 1, "%s: not a whole idx file: damaged or cut short", labels);
    if (good && wanted) good = add_images(d, images, bytes + 8, size - 8, edge, held, error);
    free(bytes);
    return good;
}

static int open_pairs(VtDataset *d, const char *path, const char *split, VtError *error) {
    static const char *const files[2][3] = {{"train", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                            {"test", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}};
    char x[4096], y[4096];
    bool found = false, good = true;
    int64_t held = 0;
    int edge = 28, classes = 10;
    for (int part = 0; part < 2 && good; part++) {
        if (!find_idx(path, files[part][1], x, sizeof x)) continue;
        bool wanted = dataset_wants(split, files[part][0]),
             labelled = find_idx(path, files[part][2], y, sizeof y);
        found = true;
        if (!labelled && wanted) good = vt_fail(error, 1, "%s is missing beside %s", y, x);
        if (labelled) good = add_pair(d, x, y, wanted, &edge, &classes, &held, error);
    }
    if (!found) return 0;
    good = good && raw_name_classes(d, classes, "", NULL, error);
    return raw_finish(d, "mnist", edge, 1, good, error);
}

int dataset_open_mnist(VtDataset *d, const char *path, const char *split, VtError *error) {
    static const char *const folders[] = {"", "/raw", "/MNIST/raw", "/FashionMNIST/raw", "/KMNIST/raw"};
    char inside[4000];
    int result = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders && result == 0 && strlen(path) < 3900; i++) {
        snprintf(inside, sizeof inside, "%s%s", path, folders[i]);
        result = open_pairs(d, inside, split, error);
    }
    return result;
}
