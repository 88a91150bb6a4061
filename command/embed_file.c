/* A file of features: see embed_file.h. */
#include "command/embed_file.h"
#include "runtime/base/utf8.h"
#include "runtime/files/json.h"
#include "runtime/images/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FEATURES, PATHS, LABELS, N_TENSORS };

struct EmbedFile {
    int64_t rows, most, dim;
    VtReplacement *npy; /* NULL: a file of tensors: */
    VtTensorStream *tensors;
    VtTensor shapes[N_TENSORS];
    int n_tensors;
    int32_t *labels; /* of all rows, which follow the features */
    char *paths;     /* the same, `longest` bytes each */
    size_t longest;
    char step[32];
    char *classes; /* a JSON list of their names */
    char crops[16];
    const char *metadata[24];
};

static bool ends_in(const char *path, const char *ending) {
    size_t n = strlen(path), k = strlen(ending);
    return n > k && strcasecmp(path + n - k, ending) == 0;
}

bool embed_file_kind(const char *path) {
    return ends_in(path, ".npy") || ends_in(path, ".safetensors");
}

static void put_header(EmbedFile *f, bool again) {
    char header[NPY_HEADER];
    npy_write_header(header, "<f4", (const int64_t[]){f->rows, f->dim}, 2);
    if (again)
        vt_replace_write_at(f->npy, header, sizeof header, 0);
    else
        vt_replace_write(f->npy, header, sizeof header);
}

static bool is_text(const char *text) {
    return vt_is_utf8(text, strlen(text));
}

/* A JSON list, malloc'ed; NULL: there are none, one is no UTF-8, or *good is now false: memory ran out. */
static char *class_names(const VtDataset *data, bool *good) {
    int n = vt_dataset_classes(data);
    bool texts = n > 0;
    for (int i = 0; i < n; i++) texts = texts && is_text(vt_dataset_class_name(data, i));
    if (!texts) return NULL;
    json_t *names = json_array();
    for (int i = 0; i < n && *good; i++)
        *good = json_array_append_new(names, json_string(vt_dataset_class_name(data, i))) == 0;
    char *text = *good ? vt_json_text(names, JSON_COMPACT) : NULL;
    json_decref(names);
    *good = text != NULL;
    return text;
}

/* A text that is no UTF-8 is left out. */
static void note(EmbedFile *f, int *n, const char *key, const char *value) {
    if (!value || !is_text(value)) return;
    f->metadata[(*n)++] = key;
    f->metadata[(*n)++] = value;
}

static bool describe(EmbedFile *f, const EmbedAbout *about, VtError *error) {
    int n = 0;
    bool labelled = vt_dataset_labelled(about->data) > 0, good = true;
    if (about->step >= 0) snprintf(f->step, sizeof f->step, "%.0f", about->step);
    if (labelled) f->classes = class_names(about->data, &good);
    note(f, &n, "recipe", about->program->name);
    note(f, &n, "vitc", about->program->version);
    note(f, &n, "data", about->path);
    note(f, &n, "split", about->split);
    note(f, &n, "step", f->step[0] ? f->step : NULL);
    note(f, &n, "features", about->expression);
    note(f, &n, "layers", about->read[0] ? about->read : NULL);
    snprintf(f->crops, sizeof f->crops, "%d", about->crops);
    note(f, &n, "crops", about->crops > 1 ? f->crops : NULL);
    note(f, &n, "normalized", about->normalized ? "true" : "false");
    note(f, &n, "classes", f->classes);
    f->n_tensors = labelled ? N_TENSORS : LABELS;
    return good || vt_fail(error, 1, "out of memory for the names of classes");
}

static void set_shapes(EmbedFile *f) {
    f->shapes[FEATURES] =
        (VtTensor){.name = "features", .dtype = VT_F32, .rank = 2, .dim = {f->rows, f->dim}};
    f->shapes[PATHS] =
        (VtTensor){.name = "paths", .dtype = VT_U8, .rank = 2, .dim = {f->rows, (int64_t)f->longest}};
    f->shapes[LABELS] = (VtTensor){.name = "labels", .dtype = VT_I32, .rank = 1, .dim = {f->rows}};
}

static size_t longest_name(const VtDataset *data) {
    size_t longest = 1;
    for (int64_t i = 0; i < vt_dataset_size(data); i++) {
        size_t n = strlen(vt_dataset_name(data, i));
        longest = n > longest ? n : longest;
    }
    return longest;
}

EmbedFile *embed_file_begin(const char *path, int64_t n, int64_t dim, const EmbedAbout *about,
                            VtError *error) {
    EmbedFile *f = calloc(1, sizeof *f);
    bool npy = ends_in(path, ".npy");
    if (f && !npy) f->longest = longest_name(about->data);
    if (!f || !(f->labels = malloc(sizeof *f->labels * (size_t)n + 64)) ||
        (!npy && !(f->paths = calloc((size_t)n + 1, f->longest)))) {
        embed_file_drop(f);
        vt_fail(error, 1, "out of memory for the labels and names of %lld images", (long long)n);
        return NULL;
    }
    f->most = f->rows = n;
    f->dim = dim;
    if (npy) {
        f->npy = vt_replace_begin(path, 0666, error);
        if (f->npy) put_header(f, false);
    } else if (describe(f, about, error)) {
        set_shapes(f);
        f->tensors = vt_tensors_begin(path, f->shapes, f->n_tensors, f->metadata, error);
    }
    f->rows = 0;
    if (f->npy || f->tensors) return f;
    embed_file_drop(f);
    return NULL;
}

void embed_file_put(EmbedFile *f, const float *row, int label, const char *name) {
    size_t size = sizeof *row * (size_t)f->dim;
    if (f->paths) memcpy(f->paths + (size_t)f->rows * f->longest, name, strlen(name));
    f->labels[f->rows++] = label;
    if (f->npy)
        vt_replace_write(f->npy, row, size);
    else
        vt_tensors_put(f->tensors, FEATURES, row, size);
}

bool embed_file_end(EmbedFile *f, int64_t *rows, VtError *error) {
    bool good;
    *rows = f->rows;
    if (f->npy) {
        if (f->rows < f->most) put_header(f, true);
        good = vt_replace_end(f->npy, error);
    } else {
        set_shapes(f);
        vt_tensors_put(f->tensors, PATHS, f->paths, (size_t)f->rows * f->longest);
        if (f->n_tensors > LABELS)
            vt_tensors_put(f->tensors, LABELS, f->labels, sizeof *f->labels * (size_t)f->rows);
        good = vt_tensors_end(f->tensors, f->shapes, error);
    }
    f->npy = NULL;
    f->tensors = NULL;
    embed_file_drop(f);
    return good;
}

void embed_file_drop(EmbedFile *f) {
    if (!f) return;
    vt_replace_drop(f->npy);
    vt_tensors_drop(f->tensors);
    free(f->labels);
    free(f->paths);
    free(f->classes);
    free(f);
}
