/* The binary versions of CIFAR-10, CIFAR-100 and STL-10. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A CIFAR file: records of `label_bytes` (the last is the class, of `classes`) and 3072 pixels. */
static bool add_cifar(VtDataset *d, const char *path, int label_bytes, int classes, int64_t *held,
                      VtError *error) {
    int64_t size, record = 3072 + label_bytes, base = *held;
    int problem;
    uint8_t *bytes = raw_read(path, &size, &problem);
    if (problem) return raw_cannot_read(path, problem, error);
    bool good = bytes && size % record == 0 && size > 0;
    for (int64_t i = 0; good && i < size / record; i++) good = bytes[i * record + label_bytes - 1] < classes;
    if (!good) {
        free(bytes);
        return vt_fail(error, 1,
                       "%s: not whole records of %lld bytes with labels below %d: damaged or cut short", path,
                       (long long)record, classes);
    }
    good = raw_append(d, held, bytes, size);
    for (int64_t i = 0; good && i < size / record; i++)
        good =
            dataset_add(d, NULL, bytes[i * record + label_bytes - 1], base + i * record + label_bytes, 3072);
    free(bytes);
    return good || vt_fail(error, 1, "out of memory");
}

static int open_cifar_file(VtDataset *d, const char *path, const char *split, VtError *error) {
    struct stat status;
    const char *dot = strrchr(path, '.');
    int64_t held = 0;
    if (!dot || strcmp(dot, ".bin") != 0 || stat(path, &status) != 0) return 0;
    if (status.st_size == 0 || status.st_size % 3073) return 0;
    if (split && strcmp(split, "train") != 0) {
        dataset_missing_split(
            d, error, "%s has no split 'test': it is one batch; give the folder of all of them", path);
        return -1;
    }
    bool good = raw_name_classes(d, 10, "", NULL, error) && add_cifar(d, path, 1, 10, &held, error);
    return raw_finish(d, "cifar", 32, 3, good, error);
}

static int open_cifar(VtDataset *d, const char *path, const char *split, VtError *error) {
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
    int64_t held = 0;
    int kind = 0; /* label bytes: the two sets do not mix */
    bool good = true;
    for (size_t i = 0; good && i < sizeof batches / sizeof *batches; i++) {
        bool wanted = dataset_wants(split, batches[i].split);
        if (kind && kind != batches[i].label_bytes) continue;
        if (!raw_exists(path, batches[i].file, file, sizeof file)) {
            if (kind && wanted && !dataset_note(d, "%s is not there", batches[i].file))
                good = vt_fail(error, 1, "out of memory");
            continue;
        }
        if (!kind) good = raw_name_classes(d, batches[i].classes, path, batches[i].names, error);
        kind = batches[i].label_bytes;
        good = good && (!wanted || add_cifar(d, file, kind, batches[i].classes, &held, error));
    }
    return kind ? raw_finish(d, "cifar", 32, 3, good, error) : 0;
}

/* ---- STL-10: images stay in their files, for those without labels are 2.8 GB ------------------------------------- */

enum { STL_EDGE = 96, STL_IMAGE = 3 * STL_EDGE * STL_EDGE };

/* `labels`: of the images from 1, where 0 is none; NULL: there are none. */
static bool add_images(VtDataset *d, const char *path, const uint8_t *labels, int64_t n_labels,
                       const char *labels_path, VtError *error) {
    int64_t size = 0;
    int file = raw_open_file(d, path, &size, error);
    if (file < 0) return false;
    if (labels && size != n_labels * STL_IMAGE)
        return vt_fail(error, 1,
                       "%s: does not hold the images that %s labels from 1 to 10: damaged or cut short", path,
                       labels_path);
    if (size % STL_IMAGE)
        return vt_fail(error, 1, "%s: not whole images of 96 x 96 pixels: damaged or cut short", path);
    for (int64_t i = 0; i < size / STL_IMAGE; i++) {
        if (!dataset_add(d, NULL, labels ? labels[i] - 1 : -1, i * STL_IMAGE, STL_IMAGE))
            return vt_fail(error, 1, "out of memory");
        d->items[d->count - 1].file = file;
    }
    return true;
}

static bool add_labelled(VtDataset *d, const char *images, const char *labels, VtError *error) {
    int64_t n;
    int problem;
    uint8_t *classes = raw_read(labels, &n, &problem);
    if (problem) return raw_cannot_read(labels, problem, error);
    bool good = classes != NULL;
    for (int64_t i = 0; good && i < n; i++) good = classes[i] <= 10;
    good = good ? add_images(d, images, classes, n, labels, error)
                : vt_fail(error, 1, "%s: not labels from 1 to 10: damaged", labels);
    free(classes);
    return good;
}

static int open_stl10(VtDataset *d, const char *folder, const char *split, VtError *error) {
    static const char *const files[][3] = {{"train", "train_X.bin", "train_y.bin"},
                                           {"train", "unlabeled_X.bin", NULL}, /* to be trained on too */
                                           {"test", "test_X.bin", "test_y.bin"}};
    char x[4096], y[4096];
    bool good = raw_name_classes(d, 10, folder, "class_names.txt", error);
    d->column_major = true;
    for (size_t part = 0; part < sizeof files / sizeof *files && good; part++) {
        const char *labels = files[part][2];
        if (!dataset_wants(split, files[part][0]) || !raw_exists(folder, files[part][1], x, sizeof x))
            continue;
        if (!labels)
            good = add_images(d, x, NULL, 0, NULL, error);
        else
            good = (raw_exists(folder, labels, y, sizeof y) ||
                    vt_fail(error, 1, "%s is missing beside %s", y, x)) &&
                   add_labelled(d, x, y, error);
    }
    return raw_finish(d, "stl10", STL_EDGE, 3, good, error);
}

int dataset_open_binary(VtDataset *d, const char *path, const char *split, VtError *error) {
    static const char *const folders[] = {"", "/cifar-10-batches-bin", "/cifar-100-binary", "/stl10_binary"};
    static const char *const stl[] = {"train_X.bin", "test_X.bin", "unlabeled_X.bin"};
    char inside[4000], file[4096];
    struct stat status;
    int result = 0;
    if (stat(path, &status) != 0 || strlen(path) > 3900) return 0;
    if (S_ISREG(status.st_mode)) return open_cifar_file(d, path, split, error);
    for (size_t i = 0; i < sizeof folders / sizeof *folders && result == 0; i++) {
        snprintf(inside, sizeof inside, "%s%s", path, folders[i]);
        for (size_t k = 0; k < sizeof stl / sizeof *stl && result == 0; k++)
            if (raw_exists(inside, stl[k], file, sizeof file)) result = open_stl10(d, inside, split, error);
        if (result == 0) result = open_cifar(d, inside, split, error);
    }
    return result;
}
