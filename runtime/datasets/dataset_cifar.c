/* CIFAR-10 and CIFAR-100: see dataset_cifar.h. */
#include "runtime/datasets/dataset_cifar.h"
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_raw.h"
#include "runtime/datasets/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PIXELS = 3072 };
typedef enum { TEN, HUNDRED } Version;
typedef enum { TRAIN, TEST, NAMES } Part;

static const struct {
    const char *folder, *file;
    Version version;
    Part part;
    bool pickled;
} FILES[] = {
    {"cifar-10-batches-py", "data_batch_1", TEN, TRAIN, true},
    {"cifar-10-batches-py", "data_batch_2", TEN, TRAIN, true},
    {"cifar-10-batches-py", "data_batch_3", TEN, TRAIN, true},
    {"cifar-10-batches-py", "data_batch_4", TEN, TRAIN, true},
    {"cifar-10-batches-py", "data_batch_5", TEN, TRAIN, true},
    {"cifar-10-batches-py", "test_batch", TEN, TEST, true},
    {"cifar-10-batches-py", "batches.meta", TEN, NAMES, true},
    {"cifar-100-python", "train", HUNDRED, TRAIN, true},
    {"cifar-100-python", "test", HUNDRED, TEST, true},
    {"cifar-100-python", "meta", HUNDRED, NAMES, true},
    {"cifar-10-batches-bin", "data_batch_1.bin", TEN, TRAIN, false},
    {"cifar-10-batches-bin", "data_batch_2.bin", TEN, TRAIN, false},
    {"cifar-10-batches-bin", "data_batch_3.bin", TEN, TRAIN, false},
    {"cifar-10-batches-bin", "data_batch_4.bin", TEN, TRAIN, false},
    {"cifar-10-batches-bin", "data_batch_5.bin", TEN, TRAIN, false},
    {"cifar-10-batches-bin", "test_batch.bin", TEN, TEST, false},
    {"cifar-10-batches-bin", "batches.meta.txt", TEN, NAMES, false},
    {"cifar-100-binary", "train.bin", HUNDRED, TRAIN, false},
    {"cifar-100-binary", "test.bin", HUNDRED, TEST, false},
    {"cifar-100-binary", "fine_label_names.txt", HUNDRED, NAMES, false},
};
enum { N_FILES = sizeof FILES / sizeof *FILES };
_Static_assert((int)N_FILES <= (int)CIFAR_MAX_FILES, "CifarFiles has room for all");

int cifar_file(const char *path) {
    for (int f = 0; f < N_FILES; f++) {
        char end[64];
        int n = snprintf(end, sizeof end, "%s/%s", FILES[f].folder, FILES[f].file);
        size_t length = strlen(path);
        if (length < (size_t)n || strcmp(path + length - n, end) != 0) continue;
        if (length == (size_t)n || path[length - (size_t)n - 1] == '/') return f;
    }
    return -1;
}

void cifar_free(CifarFiles *files) {
    for (int f = 0; f < N_FILES; f++) free(files->file[f].bytes);
    *files = (CifarFiles){0};
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool add_class(VtDataset *d, const char *text, int64_t size) {
    char name[128];
    int known = d->classes.count;
    snprintf(name, sizeof name, "%.*s", size < 100 ? (int)size : 100, text);
    if (!name[0] || text_set_find(&d->classes, name, strlen(name)) >= 0)
        snprintf(name, sizeof name, "class %d", known);
    return dataset_class(d, name) >= 0;
}

/* From the file of names, where it is there and reads; else numbers. */
static bool name_classes(VtDataset *d, const CifarFiles *files, Version version, int classes) {
    bool good = true;
    for (int f = 0; f < N_FILES && d->classes.count == 0; f++) {
        const char *text = (const char *)files->file[f].bytes;
        int64_t size = files->file[f].size;
        Pickle pickle;
        if (FILES[f].part != NAMES || FILES[f].version != version || !text) continue;
        if (!FILES[f].pickled)
            for (int64_t at = 0; good && at < size && d->classes.count < classes;) {
                const char *end = memchr(text + at, '\n', (size_t)(size - at));
                int64_t n = end ? end - text - at : size - at;
                good = n == 0 || add_class(d, text + at, n - (text[at + n - 1] == '\r'));
                at += n + 1;
            }
        else if (pickle_read(&pickle, (const uint8_t *)text, size, FILES[f].file, NULL)) {
            const PickleValue *root = &pickle.values[pickle.root],
                              *names = pickle_get(&pickle, root,
                                                  version == TEN ? "label_names" : "fine_label_names");
            for (int32_t i = 0; good && names && i < names->count && i < classes; i++) {
                const PickleValue *name = pickle_item(&pickle, names, i);
                good = add_class(d, name->kind == PICKLE_TEXT ? (const char *)name->text : "",
                                 name->kind == PICKLE_TEXT ? name->size : 0);
            }
            pickle_free(&pickle);
        }
    }
    while (good && d->classes.count < classes) {
        char number[16];
        snprintf(number, sizeof number, "%d", d->classes.count);
        good = add_class(d, number, (int64_t)strlen(number));
    }
    return good;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static bool add_images(VtDataset *d, int64_t *held, const uint8_t *pixels, int64_t n, VtError *error) {
    return raw_append(d, held, pixels, n * PIXELS) || vt_fail(error, 1, "out of memory");
}

static bool add_image(VtDataset *d, int64_t at, int64_t label, int classes, const char *name,
                      VtError *error) {
    if (label < 0 || label >= classes)
        return vt_fail(error, 1, "%s: damaged: label %lld of %d classes", name, (long long)label, classes);
    return dataset_add(d, NULL, (int)label, at, PIXELS) || vt_fail(error, 1, "out of memory");
}

static bool add_pickled(VtDataset *d, const uint8_t *bytes, int64_t size, const char *name, Version version,
                        int classes, int64_t *held, VtError *error) {
    Pickle pickle;
    int64_t rows = 0, columns = 0, base = *held;
    if (!pickle_read(&pickle, bytes, size, name, error)) return false;
    const PickleValue *root = &pickle.values[pickle.root],
                      *labels = pickle_get(&pickle, root, version == TEN ? "labels" : "fine_labels");
    const uint8_t *pixels = pickle_array(&pickle, pickle_get(&pickle, root, "data"), &rows, &columns);
    bool good =
        (pixels && columns == PIXELS && labels && labels->kind == PICKLE_LIST && labels->count == rows) ||
        vt_fail(error, 1, "%s: not an array of bytes [n, 3072] and as many labels: no CIFAR, or damaged",
                name);
    good = good && add_images(d, held, pixels, rows, error);
    for (int32_t i = 0; good && i < labels->count; i++) {
        const PickleValue *label = pickle_item(&pickle, labels, i);
        good = add_image(d, base + (int64_t)i * PIXELS, label->kind == PICKLE_NUMBER ? label->number : -1,
                         classes, name, error);
    }
    pickle_free(&pickle);
    return good;
}

static bool add_binary(VtDataset *d, const uint8_t *bytes, int64_t size, const char *name, Version version,
                       int classes, int64_t *held, VtError *error) {
    int64_t record = PIXELS + (version == TEN ? 1 : 2), base = *held;
    if (size == 0 || size % record)
        return vt_fail(error, 1, "%s: not whole records of %lld bytes: damaged or cut short", name,
                       (long long)record);
    if (!raw_append(d, held, bytes, size)) return vt_fail(error, 1, "out of memory");
    for (int64_t at = 0; at < size; at += record)
        if (!add_image(d, base + at + record - PIXELS, bytes[at + record - PIXELS - 1], classes, name, error))
            return false;
    return true;
}

/* One version is read where both are there, and pickles rather than binaries. */
int cifar_finish(VtDataset *d, CifarFiles *files, VtError *error) {
    int64_t held = 0;
    int first = 0;
    while (first < N_FILES && (!files->file[first].bytes || FILES[first].part == NAMES)) first++;
    if (first == N_FILES) {
        vt_fail(error, 2, "%s: of CIFAR's files only the names of classes are there", d->path);
        cifar_free(files);
        return -1;
    }
    Version version = FILES[first].version;
    int classes = version == TEN ? 10 : 100;
    bool good = name_classes(d, files, version, classes) || vt_fail(error, 1, "out of memory");
    for (int f = 0; good && f < N_FILES; f++) {
        bool ours =
            FILES[f].version == version && FILES[f].pickled == FILES[first].pickled && FILES[f].part != NAMES;
        if (!ours || !dataset_wants(d->split, FILES[f].part == TRAIN ? "train" : "test")) continue;
        char name[512];
        snprintf(name, sizeof name, "%s: %s", d->path, FILES[f].file);
        if (files->file[f].bytes)
            good = (FILES[f].pickled ? add_pickled : add_binary)(
                d, files->file[f].bytes, files->file[f].size, FILES[f].file, version, classes, &held, error);
        else if (files->found > 1)
            good = dataset_note(d, "%s is not there", FILES[f].file) || vt_fail(error, 1, "out of memory");
    }
    cifar_free(files);
    return raw_finish(d, "cifar", 32, 3, good, error);
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static bool begins_like_pickle(const char *path) {
    uint8_t start[2] = {0};
    FILE *file = fopen(path, "rb");
    bool good = file && fread(start, 1, 2, file) == 2 && start[0] == 0x80 && start[1] >= 2 && start[1] <= 5;
    if (file) fclose(file);
    return good;
}

static bool read_file(CifarFiles *files, int f, const char *path, VtError *error) {
    int problem;
    files->file[f].bytes = raw_read(path, &files->file[f].size, &problem);
    files->found++;
    if (problem) return raw_cannot_read(path, problem, error);
    return files->file[f].bytes || vt_fail(error, 1, "%s: damaged", path);
}

int dataset_open_cifar_pickles(VtDataset *d, const char *path, const char *split, VtError *error) {
    CifarFiles files = {0};
    struct stat status;
    char file[4096];
    bool good = true;
    (void)split;
    if (stat(path, &status) != 0 || strlen(path) > 3900) return 0;
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    for (int f = 0; f < N_FILES && good; f++) {
        if (!FILES[f].pickled) continue;
        if (S_ISREG(status.st_mode)) {
            if (strcmp(base, FILES[f].file) == 0 && begins_like_pickle(path))
                good = read_file(&files, f, path, error);
            continue;
        }
        char inside[4000];
        snprintf(inside, sizeof inside, "%s/%s", path, FILES[f].folder);
        if ((raw_exists(path, FILES[f].file, file, sizeof file) ||
             raw_exists(inside, FILES[f].file, file, sizeof file)) &&
            begins_like_pickle(file))
            good = read_file(&files, f, file, error);
    }
    if (good && files.found) return cifar_finish(d, &files, error);
    cifar_free(&files);
    return good ? 0 : -1;
}
