/* Features that were computed before: see cache.h. */
#include "command/eval/cache.h"
#include "runtime/files/bounded.h"
#include "runtime/files/walk.h"
#include "runtime/machine/features.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENDING ".safetensors"
#define USUAL_LIMIT (INT64_C(8) << 30)

/* ---- the key ----------------------------------------------------------------------------------------------------- */

static void add(struct sha256_ctx *sha, const void *bytes, size_t size) {
    uint64_t n = size;
    sha256_update(sha, sizeof n, (const uint8_t *)&n);
    sha256_update(sha, size, bytes);
}

static void add_text(struct sha256_ctx *sha, const char *text) {
    add(sha, text ? text : "", text ? strlen(text) : 0);
}

static void add_number(struct sha256_ctx *sha, int64_t number) {
    add(sha, &number, sizeof number);
}

static bool add_file(struct sha256_ctx *sha, const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) return false;
    add_number(sha, status.st_size);
    add_number(sha, status.st_mtim.tv_sec);
    add_number(sha, status.st_mtim.tv_nsec);
    return true;
}

static WalkStep visit(void *user, const WalkEntry *entry, VtError *error) {
    (void)error;
    add_text(user, entry->path);
    if (entry->kind == WALK_FILE && !add_file(user, entry->path)) return WALK_STOP;
    return WALK_ON;
}

/* The images: names and labels of those of the split, and sizes and times of the files that they are in. False: these
 * are not known, as of a list that names files elsewhere. */
static bool add_data(struct sha256_ctx *sha, const char *path, const VtDataset *data) {
    struct stat status;
    int64_t n = vt_dataset_size(data);
    const char *format = vt_dataset_format(data);
    add_text(sha, format);
    add_number(sha, n);
    for (int64_t i = 0; vt_dataset_is_named(data) && i < n; i++) add_text(sha, vt_dataset_name(data, i));
    for (int64_t i = 0; i < n; i++) add_number(sha, vt_dataset_label(data, i));
    add_text(sha, path);
    if (strncmp(path, "synthetic", strlen("synthetic")) == 0) return true;
    if (stat(path, &status) != 0) return false;
    if (S_ISDIR(status.st_mode)) return walk_folder(path, visit, sha, NULL);
    bool elsewhere = strcmp(format, "list") == 0 || strcmp(format, "folder") == 0;
    return S_ISREG(status.st_mode) && !elsewhere && add_file(sha, path);
}

static void add_weights(struct sha256_ctx *sha, const EvalRequest *r, Encoder encoder) {
    const Frozen *f = &r->frozen;
    add_number(sha, encoder);
    if (encoder == ENCODER_UNTRAINED) return; /* the recipe has the seed */
    add_text(sha, f->hash);
    for (int i = 0; i < f->weights.count; i++) {
        const VtWeights *w = &f->weights.items[i];
        add_text(sha, w->target);
        add_text(sha, w->hash);
        for (int k = 0; k < w->n_only; k++) add_text(sha, w->only[k]);
        for (int k = 0; k < w->n_rules; k++) add_text(sha, w->rules[k].from), add_text(sha, w->rules[k].to);
    }
}

/* `native` is another target on another processor. */
static void add_target(struct sha256_ctx *sha, const EvalRequest *r) {
    const char *target = r->frozen.made->target;
    int n;
    add_text(sha, target);
    const char *const *names = vt_feature_names(&n);
    for (int i = 0; !target && i < n; i++)
        if (vt_feature_here(names[i])) add_text(sha, names[i]);
}

static bool key_of(const EvalRequest *r, Encoder encoder, const VtDataset *data, const char *split,
                   uint8_t key[VT_BOUNDED_KEY]) {
    const Frozen *f = &r->frozen;
    struct sha256_ctx sha;
    sha256_init(&sha);
    add_text(&sha, VITC_VERSION);
    if (!add_file(&sha, "/proc/self/exe")) return false;
    add_weights(&sha, r, encoder);
    add_text(&sha, f->made->resolved);
    add_target(&sha, r);
    add_text(&sha, split);
    add_number(&sha, request_limit(r, split));
    add_number(&sha, f->crops);
    if (!add_data(&sha, f->data, data)) return false;
    sha256_digest(&sha, VT_BOUNDED_KEY, key);
    return true;
}

void feature_cache_find(const EvalRequest *r, Encoder encoder, const VtDataset *data, const char *split,
                        FeatureCache *out) {
    uint8_t key[VT_BOUNDED_KEY];
    char place[4000];
    out->path[0] = '\0';
    bool on = vt_bounded_place(place, sizeof place) || !getenv("VITC_CACHE");
    if (r->no_cache || encoder == ENCODER_PIXELS || !on || (!r->frozen.run && !place[0])) return;
    snprintf(out->folder, sizeof out->folder, "%s/features", r->frozen.run ? r->frozen.run : place);
    if (key_of(r, encoder, data, split, key))
        vt_bounded_path(out->folder, key, ENDING, out->path, sizeof out->path);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

enum { FEATURES, LABELS, N_TENSORS };
static const char *const NAMES[N_TENSORS] = {"features", "labels"};

/* Room for the tensors of a file; false: they are no features. */
static bool make_room(const VtTensorFile *file, VtFeatures *out) {
    VtTensor features, labels;
    int at[N_TENSORS];
    for (int i = 0; i < N_TENSORS; i++)
        if ((at[i] = vt_tensors_find(file, NAMES[i])) < 0) return false;
    vt_tensors_type(file, at[FEATURES], &features);
    vt_tensors_type(file, at[LABELS], &labels);
    if (features.rank != 2 || labels.rank != 1 || features.dim[0] != labels.dim[0] || features.dim[0] < 1)
        return false;
    out->n = features.dim[0];
    out->dim = features.dim[1];
    out->values = malloc(sizeof *out->values * (size_t)(out->n * out->dim) + 64);
    out->labels = malloc(sizeof *out->labels * (size_t)out->n + 64);
    return out->values && out->labels;
}

bool feature_cache_read(const FeatureCache *cache, int64_t max_broken, VtFeatures *out) {
    VtError error;
    VtTensorFile *file = cache->path[0] ? vt_tensors_open(cache->path, &error) : NULL;
    *out = (VtFeatures){0};
    if (!file) return false;
    const char *broken = vt_tensors_metadata(file, "broken"),
               *first = vt_tensors_metadata(file, "first_broken");
    bool good = broken && make_room(file, out) &&
                vt_tensors_read(file, vt_tensors_find(file, NAMES[FEATURES]), VT_F32, out->values, &error) &&
                vt_tensors_read(file, vt_tensors_find(file, NAMES[LABELS]), VT_I32, out->labels, &error);
    if (good) {
        out->broken = strtoll(broken, NULL, 10);
        snprintf(out->first_broken.message, sizeof out->first_broken.message, "%s", first ? first : "");
        good = out->broken <= max_broken;
    }
    vt_tensors_close(file);
    if (good)
        utimensat(AT_FDCWD, cache->path, NULL, 0); /* used now: the last to be dropped */
    else
        vt_features_free(out);
    return good;
}

void feature_cache_write(const FeatureCache *cache, const VtFeatures *features) {
    char broken[32];
    int64_t most;
    VtNamedTensor tensors[N_TENSORS] = {
        {{.name = NAMES[FEATURES], .dtype = VT_F32, .rank = 2, .dim = {features->n, features->dim}},
         features->values},
        {{.name = NAMES[LABELS], .dtype = VT_I32, .rank = 1, .dim = {features->n}}, features->labels}};
    if (!cache->path[0]) return;
    vt_bounded_limit(USUAL_LIMIT, &most);
    if (features->n * (features->dim + 1) * 4 > most || !vt_make_folders(cache->folder, 0777, NULL)) return;
    snprintf(broken, sizeof broken, "%lld", (long long)features->broken);
    const char *metadata[] = {"broken", broken, features->broken ? "first_broken" : NULL,
                              features->first_broken.message, NULL};
    vt_tensors_write(cache->path, tensors, N_TENSORS, metadata, NULL);
    vt_bounded_trim(cache->folder, ENDING, most);
}
