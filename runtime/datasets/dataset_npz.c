/* Data sets in a NumPy archive, as MedMNIST has them: SPLIT_images.npy of uint8[N, H, W] or [N, H, W, C] and
 * SPLIT_labels.npy of N integers, for the splits train, val and test. Labels of several columns, as of diseases that
 * occur together, are no classes. The form of a .npy file:
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#include "runtime/archives/archive.h"
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_raw.h"
#include "runtime/images/image.h"
#include "runtime/images/npy.h"
#include "runtime/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_SPLITS = 3, MAX_EDGE = 4096, MAX_CLASSES = 1 << 16 };
#define MAX_MEMBER ((int64_t)8 << 30)

static const char *const SPLITS[N_SPLITS] = {"train", "val", "test"};

typedef struct {    /* an array */
    uint8_t *bytes; /* malloc'ed */
    NpyHeader h;
} Npy;

typedef struct {
    char name[64];
    int64_t place, size;
} NpzMember;

typedef struct {
    VtArchive *archive;
    NpzMember images[N_SPLITS], labels[N_SPLITS]; /* name "": there is none */
} Npz;

static bool read_npy(const Npz *npz, const NpzMember *member, Npy *npy, VtError *error) {
    *npy = (Npy){.bytes = malloc((size_t)member->size + 1)};
    if (!npy->bytes) return vt_fail(error, 1, "out of memory");
    if (!vt_archive_read(npz->archive, member->place, member->size, member->size, npy->bytes, member->name,
                         error)) {
        error->bad_image = false; /* no single image is bad: the set is */
        return false;
    }
    bool good = npy_read_header(npy->bytes, member->size, &npy->h);
    return good || vt_fail(error, 1, "%s in '%s' is no array of numbers in row-major order", member->name,
                           npz->archive->path);
}

/* Little-endian or single-byte integers; -1: no integer that counts classes. */
static int64_t label_at(const Npy *npy, int64_t index, int64_t element) {
    const uint8_t *from = npy->bytes + npy->h.at + index * element;
    uint64_t value = 0;
    for (int64_t i = 0; i < element; i++) value |= (uint64_t)from[i] << (8 * i);
    return value < MAX_CLASSES ? (int64_t)value : -1;
}

/* Bytes of an integer type; 0: it is none. */
static int64_t integer_bytes(const char *type) {
    bool small = strcmp(type, "|u1") == 0 || strcmp(type, "|i1") == 0;
    if (small) return 1;
    if (type[0] != '<' || (type[1] != 'i' && type[1] != 'u')) return 0;
    int64_t n = type[2] - '0';
    return type[3] == '\0' && (n == 2 || n == 4 || n == 8) ? n : 0;
}

/* The class of each image in `labels` (malloc'ed; NULL: they are no classes). *classes: the highest label yet, + 1. */
static bool read_labels(const Npz *npz, const NpzMember *member, int64_t count, int32_t **labels,
                        int *classes, VtError *error) {
    Npy npy;
    *labels = NULL;
    if (!read_npy(npz, member, &npy, error)) return free(npy.bytes), false;
    int64_t element = integer_bytes(npy.h.type);
    bool several = npy.h.rank > 2 || (npy.h.rank == 2 && npy.h.dim[1] > 1), good = element && npy.h.rank >= 1;
    good = good && npy_is_whole(&npy.h, element) && (count < 0 || npy.h.dim[0] == count);
    if (!good)
        vt_fail(error, 1, "%s in '%s' is no array of whole numbers, one for each image", member->name,
                npz->archive->path);
    if (good && !several && !(*labels = malloc(sizeof **labels * (size_t)(npy.h.dim[0] + 1))))
        good = vt_fail(error, 1, "out of memory");
    for (int64_t i = 0; good && !several && i < npy.h.dim[0]; i++) {
        int64_t label = label_at(&npy, i, element);
        if (label < 0)
            good = vt_fail(error, 1, "%s in '%s': the label of image %lld is not in 0..%d", member->name,
                           npz->archive->path, (long long)i, MAX_CLASSES - 1);
        (*labels)[i] = (int32_t)label;
        if (label >= *classes) *classes = (int)label + 1;
    }
    free(npy.bytes);
    return good;
}

static bool add_images(VtDataset *d, const NpzMember *member, const Npy *npy, const int32_t *labels,
                       int64_t *held, VtError *error) {
    int64_t h = npy->h.rank >= 3 ? npy->h.dim[1] : 0, w = npy->h.rank >= 3 ? npy->h.dim[2] : 0;
    int64_t channels = npy->h.rank == 4 ? npy->h.dim[3] : 1;
    bool first = d->count == 0;
    if (strcmp(npy->h.type, "|u1") != 0 || h < 1 || h > MAX_EDGE || w < 1 || w > MAX_EDGE || channels < 1 ||
        channels > VT_MAX_CHANNELS || !npy_is_whole(&npy->h, 1))
        return vt_fail(error, 1,
                       "%s in '%s' is no array of images: uint8[N, H, W] or uint8[N, H, W, C], C up to 16",
                       member->name, d->path);
    if (!first && (h != d->height || w != d->width || channels != d->channels))
        return vt_fail(error, 1, "%s in '%s': its images are not of the size of the other splits'",
                       member->name, d->path);
    int64_t image = h * w * channels, base = *held;
    if (!raw_append(d, held, npy->bytes + npy->h.at, npy->h.size)) return vt_fail(error, 1, "out of memory");
    for (int64_t i = 0; i < npy->h.dim[0]; i++)
        if (!dataset_add(d, NULL, labels ? labels[i] : -1, base + i * image, image))
            return vt_fail(error, 1, "out of memory");
    d->height = (int)h;
    d->width = (int)w;
    d->channels = (int)channels;
    return true;
}

/* Labels of every split are read, so that the classes are the same in all. */
static bool add_split(VtDataset *d, const Npz *npz, int split, bool wanted, int *classes, int64_t *held,
                      VtError *error) {
    int32_t *labels = NULL;
    Npy npy = {0};
    const NpzMember *images = &npz->images[split];
    bool good = !wanted || read_npy(npz, images, &npy, error);
    if (good && npz->labels[split].name[0])
        good = read_labels(npz, &npz->labels[split], wanted && npy.h.rank ? npy.h.dim[0] : -1, &labels,
                           classes, error);
    if (good && wanted) good = add_images(d, images, &npy, labels, held, error);
    free(labels);
    free(npy.bytes);
    return good;
}

static bool load_interleaved(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const uint8_t *from = d->bytes + d->items[index].offset;
    size_t pixels = (size_t)d->width * (size_t)d->height, channels = (size_t)d->wanted;
    *out = (VtImage){d->width, d->height, d->wanted, malloc(channels * pixels)};
    if (!out->pixels) return vt_fail(error, 1, "out of memory");
    if (d->channels == d->wanted)
        memcpy(out->pixels, from, channels * pixels);
    else if (d->channels == 1)
        for (size_t i = 0; i < pixels; i++) memset(out->pixels + channels * i, from[i], channels);
    else {
        vt_image_free(out);
        return image_wrong_channels(d->path, d->channels, d->wanted, error);
    }
    return true;
}

/* Finds the members by name; 0: no images among them, -1: an error. */
static int list_members(Npz *npz, VtError *error) {
    ArchiveMember member;
    int found = 0, more;
    while ((more = vt_archive_next(npz->archive, &member, error)) == 1) {
        for (int s = 0; s < N_SPLITS; s++)
            for (int labels = 0; labels < 2; labels++) {
                NpzMember *to = labels ? &npz->labels[s] : &npz->images[s];
                char name[sizeof to->name];
                snprintf(name, sizeof name, "%s_%s.npy", SPLITS[s], labels ? "labels" : "images");
                if (!member.file || member.name == NULL || strcmp(member.name, name) != 0) continue;
                if (member.size > MAX_MEMBER) {
                    vt_fail(error, 2,
                            "%s in '%s' has %lld bytes; more than %lld are not read: unpack it into a "
                            "folder of images",
                            name, npz->archive->path, (long long)member.size, (long long)MAX_MEMBER);
                    return -1;
                }
                memcpy(to->name, name, sizeof name);
                to->place = member.place;
                to->size = member.size;
                found += !labels;
            }
    }
    return more < 0 ? -1 : found;
}

static bool open_splits(VtDataset *d, const Npz *npz, const char *split, VtError *error) {
    bool has_test = npz->images[2].name[0] != '\0', good = true;
    int64_t held = 0;
    int classes = 0;
    for (int s = 0; good && s < N_SPLITS; s++) {
        /* The validation split is held out; it stands for the test split where there is none. */
        bool wanted =
            dataset_wants(split, SPLITS[s]) || (s == 1 && !has_test && dataset_wants(split, "test"));
        if (npz->images[s].name[0]) good = add_split(d, npz, s, wanted, &classes, &held, error);
    }
    return good && raw_name_classes(d, classes, "", NULL, error);
}

int dataset_open_npz(VtDataset *d, const char *path, const char *split, VtError *error) {
    const char *dot = strrchr(path, '.');
    Npz npz = {0};
    if (!dot || strcmp(dot, ".npz") != 0) return 0;
    int opened = vt_archive_open(&npz.archive, path, error);
    if (opened != 1) return opened;
    int found = list_members(&npz, error);
    bool good = found > 0 && open_splits(d, &npz, split, error);
    if (found == 0)
        vt_fail(error, 2, "'%s' has no train_images.npy, val_images.npy or test_images.npy in it", path);
    vt_archive_close(npz.archive);
    d->format = "npz";
    d->load = load_interleaved;
    return good && dataset_not_empty(d, "", error) ? 1 : -1;
}
