/* A data set as training would read it: see data_report.h. */
#include "driver/report/data_report.h"
#include "ir/base/clock.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[DATA_SPLITS] = {"train", "test", "unused"};
static const char *const TITLES[DATA_SPLITS] = {"training", "held out", "not used"};

/* ---- splits and classes ------------------------------------------------------------------------------------------ */

static void count_classes(Arena *arena, DataSplit *split) {
    const VtDataset *d = split->set;
    split->labelled = vt_dataset_labelled(d);
    split->n_classes = vt_dataset_classes(d);
    split->per_class = ARENA_ARRAY(arena, int64_t, (size_t)split->n_classes + 1);
    for (int64_t i = 0; i < vt_dataset_size(d); i++)
        if (vt_dataset_label(d, i) >= 0) split->per_class[vt_dataset_label(d, i)]++;
    for (int c = 0; c < split->n_classes; c++) {
        int64_t n = split->per_class[c];
        split->n_empty += n == 0;
        if (n > split->most) split->most = n;
        if (n && (!split->fewest || n < split->fewest)) split->fewest = n;
    }
}

bool data_report_open(DataReport *r, Arena *arena, const char *path, VtError *error) {
    *r = (DataReport){.arena = arena, .path = path};
    for (int s = 0; s < DATA_SPLITS; s++) {
        DataSplit *split = &r->splits[s];
        split->title = TITLES[s];
        if (s == 0 ? !(split->set = vt_dataset_open(path, NAMES[s], error))
                   : !vt_dataset_open_if_there(path, NAMES[s], &split->set, error))
            return false;
        if (!split->set) continue;
        int channels = vt_dataset_channels(split->set);
        if (channels > 1 && !vt_dataset_set_channels(split->set, channels, error)) return false;
        r->n_images += vt_dataset_size(split->set);
        count_classes(arena, split);
    }
    return true;
}

void data_report_close(DataReport *r) {
    for (int s = 0; s < DATA_SPLITS; s++) vt_dataset_close(r->splits[s].set);
    *r = (DataReport){0};
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

typedef struct {
    DataReport *report;
    void (*tell)(int64_t done, int64_t all);
    DataImage *images; /* of all images, those of the first split first */
    char **broken;     /* by the same order: what is wrong, malloc'ed, or NULL */
    int64_t next, done;
    VtError failed; /* the first that is no fault of an image; code 0: none */
    int taken;      /* whether `failed` is */
    double last_told;
} Decoding;

static void hash_image(const VtImage *image, uint8_t key[DATA_KEY]) {
    struct sha256_ctx hash;
    int32_t size[2] = {image->width, image->height};
    sha256_init(&hash);
    sha256_update(&hash, sizeof size, (const uint8_t *)size);
    sha256_update(&hash, (size_t)image->channels * (size_t)image->width * (size_t)image->height,
                  image->pixels);
    sha256_digest(&hash, DATA_KEY, key);
}

static void fail_decoding(Decoding *d, const VtError *error) {
    if (__atomic_exchange_n(&d->taken, 1, __ATOMIC_SEQ_CST)) return;
    memcpy(d->failed.message, error->message, sizeof d->failed.message);
    __atomic_store_n(&d->failed.code, 1, __ATOMIC_RELEASE);
}

/* False: no fault of the image. */
static bool decode_image(Decoding *d, int64_t i, DataImage *out) {
    const DataReport *r = d->report;
    VtImage image;
    VtError error = {0};
    int64_t index = i;
    int split = 0;
    while (!r->splits[split].set || index >= vt_dataset_size(r->splits[split].set)) {
        if (r->splits[split].set) index -= vt_dataset_size(r->splits[split].set);
        split++;
    }
    out->split = split;
    out->index = index;
    if (vt_dataset_image(r->splits[split].set, index, &image, &error)) {
        out->width = image.width;
        out->height = image.height;
        hash_image(&image, out->key);
        vt_image_free(&image);
        return true;
    }
    if (error.bad_image && (d->broken[i] = strdup(error.message))) return true;
    if (error.bad_image) vt_fail(&error, 1, "out of memory");
    fail_decoding(d, &error);
    return false;
}

/* Each thread takes the next image until there are none. */
static void decode(void *user, int thread, int threads) {
    Decoding *d = user;
    (void)threads;
    for (;;) {
        int64_t i = __atomic_fetch_add(&d->next, 1, __ATOMIC_RELAXED), all = d->report->n_images;
        bool failed = __atomic_load_n(&d->failed.code, __ATOMIC_ACQUIRE) != 0;
        if (i >= all || failed || vt_stop_signal() || !decode_image(d, i, &d->images[i])) return;
        __atomic_fetch_add(&d->done, 1, __ATOMIC_RELAXED);
        if (thread != 0 || !d->tell || seconds_now() - d->last_told < 10) continue;
        d->last_told = seconds_now();
        d->tell(__atomic_load_n(&d->done, __ATOMIC_RELAXED), all);
    }
}

/* ---- what is found ----------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b) {
    const DataImage *x = a, *y = b;
    int order = memcmp(x->key, y->key, DATA_KEY);
    if (order) return order;
    if (x->split != y->split) return x->split - y->split;
    return (x->index > y->index) - (x->index < y->index);
}

static void measure(DataReport *r) {
    for (int64_t i = 0; i < r->n_whole; i++) {
        const DataImage *image = &r->images[i];
        int shorter = image->width < image->height ? image->width : image->height;
        if (i == 0 || shorter < r->shorter_low) r->shorter_low = shorter;
        if (shorter > r->shorter_high) r->shorter_high = shorter;
        if (image->width > r->widest) r->widest = image->width;
        if (image->height > r->highest) r->highest = image->height;
    }
}

static DataPair pair_of(const DataReport *r, const DataImage *x, const DataImage *y) {
    int first = vt_dataset_label(r->splits[x->split].set, x->index),
        second = vt_dataset_label(r->splits[y->split].set, y->index);
    return (DataPair){x, y, x->split != y->split, first >= 0 && second >= 0 && first != second};
}

/* Each image that has the pixels of one before it, with the first of those. */
static void find_pairs(DataReport *r) {
    size_t capacity = 0;
    for (int pass = 0; pass < 2; pass++) { /* those across splits first: they falsify what is measured */
        for (int64_t first = 0, i = 1; i < r->n_whole; i++) {
            if (memcmp(r->images[i].key, r->images[first].key, DATA_KEY) != 0) {
                first = i;
                continue;
            }
            DataPair pair = pair_of(r, &r->images[first], &r->images[i]);
            if (pair.across == (pass == 1)) continue;
            ARENA_PUSH(r->arena, r->pairs, r->n_pairs, capacity, pair);
            r->n_across += pair.across;
            r->n_conflicts += pair.conflict;
        }
    }
}

/* Broken images out of the others, and what the others have in common. */
static void collect(DataReport *r, char **broken) {
    r->broken = ARENA_ARRAY(r->arena, const char *, (size_t)r->n_images + 1);
    for (int64_t i = 0; i < r->n_images; i++) {
        if (broken[i])
            r->broken[r->n_broken++] = arena_strdup(r->arena, broken[i]);
        else
            r->images[r->n_whole++] = r->images[i];
    }
    measure(r);
    if (r->n_whole) qsort(r->images, (size_t)r->n_whole, sizeof *r->images, by_key);
    find_pairs(r);
}

bool data_report_decode(DataReport *r, void (*tell)(int64_t done, int64_t all), VtError *error) {
    r->images = ARENA_ARRAY(r->arena, DataImage, (size_t)r->n_images + 1);
    Decoding d = {.report = r,
                  .tell = tell,
                  .images = r->images,
                  .broken = calloc((size_t)r->n_images + 1, sizeof(char *)),
                  .last_told = seconds_now()};
    if (!d.broken) return vt_fail(error, 1, "out of memory");
    vt_parallel(decode, &d);
    bool good = !vt_stop_signal() && !d.failed.code;
    if (vt_stop_signal())
        vt_fail(error, 1, "stopped by signal %d after %lld of %lld images", vt_stop_signal(),
                (long long)d.done, (long long)r->n_images);
    else if (d.failed.code)
        vt_fail(error, 1, "%s", d.failed.message);
    else
        collect(r, d.broken);
    for (int64_t i = 0; i < r->n_images; i++) free(d.broken[i]);
    free(d.broken);
    return good;
}

DataPair *data_report_across(const DataReport *first, int split, const DataReport *second, int64_t *n) {
    DataPair *pairs = NULL;
    size_t count = 0, capacity = 0;
    int64_t j = 0;
    for (int64_t i = 0; i < first->n_whole; i++) {
        const DataImage *image = &first->images[i];
        if (image->split != split) continue;
        while (j < second->n_whole && memcmp(second->images[j].key, image->key, DATA_KEY) < 0) j++;
        /* Of equal images those to train on come first. */
        if (j == second->n_whole || memcmp(second->images[j].key, image->key, DATA_KEY) != 0 ||
            second->images[j].split != 0)
            continue;
        DataPair pair = {image, &second->images[j], split != 0, false};
        ARENA_PUSH(first->arena, pairs, count, capacity, pair);
    }
    *n = (int64_t)count;
    return pairs;
}
