/* Writing safetensors files: see safetensors_sum.h for the checksums they hold. */
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/files/json.h"
#include "runtime/files/output.h"
#include "runtime/files/safetensors.h"
#include "runtime/files/safetensors_sum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const DTYPES[] = {"F32", "F64",  "BF16", "I32",
                                     "I64", "BOOL", "U8"}; /* by VtDType, and VT_U8 */

void vt_sum_text(uint64_t sum, char out[SUM_DIGITS + 1]) {
    snprintf(out, SUM_DIGITS + 1, "%016llx", (unsigned long long)sum);
}

/* Takes `value`. False: no memory, or a name that is no UTF-8. */
static bool set(json_t *object, const char *key, json_t *value) {
    return value && json_object_set_new(object, key, value) == 0;
}

static bool add_sum(json_t *about, const VtTensor *tensor, uint64_t of_bytes) {
    char *key = NULL, sum[SUM_DIGITS + 1];
    if (asprintf(&key, SUM_PREFIX "%s", tensor->name) < 0) return false;
    vt_sum_text(of_bytes, sum);
    bool good = set(about, key, json_string(sum));
    free(key);
    return good;
}

static bool add_tensor(json_t *header, json_t *about, const VtTensor *t, uint64_t sum, uint64_t *at,
                       VtError *error) {
    size_t bytes = vt_bytes(t);
    if (strcmp(t->name, "__metadata__") == 0 || json_object_get(header, t->name))
        return vt_fail(error, 2, "a file of tensors cannot hold '%s': %s", t->name,
                       t->name[0] == '_' ? "the name is the format's own" : "two have that name");
    json_t *shape = json_array(), *entry = json_object(), *offsets = json_array();
    bool good = shape && entry && offsets;
    for (int k = 0; good && k < t->rank; k++)
        good = json_array_append_new(shape, json_integer(t->dim[k])) == 0;
    good = good && json_array_append_new(offsets, json_integer((json_int_t)*at)) == 0 &&
           json_array_append_new(offsets, json_integer((json_int_t)(*at + bytes))) == 0;
    good = good && set(entry, "dtype", json_string(DTYPES[t->dtype])) &&
           json_object_set(entry, "shape", shape) == 0 &&
           json_object_set(entry, "data_offsets", offsets) == 0 &&
           json_object_set(header, t->name, entry) == 0 && add_sum(about, t, sum);
    json_decref(shape);
    json_decref(entry);
    json_decref(offsets);
    *at += bytes;
    return good ||
           vt_fail(error, 1, "out of memory for the header of tensor '%s', or its name is no UTF-8", t->name);
}

/* A header, and what comes before it in the file: its length. */
typedef struct {
    uint8_t prefix[8];
    char *text; /* malloc'ed, with its padding */
    size_t length;
} Header;

static void sum_header(char *text, size_t length) {
    static const char before[] = "\"" SUM_KEY "\":\"";
    char sum[SUM_DIGITS + 1], *at = memmem(text, length, before, strlen(before));
    vt_sum_text(XXH3_64bits(text, length), sum);
    memcpy(at + strlen(before), sum, SUM_DIGITS);
}

/* sums: of each tensor's bytes. At least so many bytes long. */
static bool make_header(const VtTensor *tensors, const uint64_t *sums, int n, const char *const *metadata,
                        size_t least, Header *out, VtError *error) {
    json_t *header = json_object(), *about = json_object();
    uint64_t at = 0;
    bool good = header && about && set(about, SUM_KEY, json_string("0000000000000000")) &&
                json_object_set(header, "__metadata__", about) == 0;
    for (; good && metadata && metadata[0]; metadata += 2)
        good = set(about, metadata[0], json_string(metadata[1]));
    if (!good) vt_fail(error, 1, "out of memory for the header of a file of tensors");
    for (int i = 0; good && i < n; i++) good = add_tensor(header, about, &tensors[i], sums[i], &at, error);
    char *written = good ? vt_json_text(header, JSON_COMPACT) : NULL;
    size_t size = written ? strlen(written) : 0;
    out->length = (size + 7) / 8 * 8;
    if (out->length < least) out->length = least;
    out->text = written ? realloc(written, out->length + 1) : NULL;
    if (good && !out->text) vt_fail(error, 1, "out of memory for the header of a file of tensors");
    if (!out->text) free(written);
    json_decref(header);
    json_decref(about);
    if (!out->text) return false;
    memset(out->text + size, ' ', out->length - size);
    sum_header(out->text, out->length);
    for (int i = 0; i < 8; i++) out->prefix[i] = (uint8_t)((uint64_t)out->length >> (8 * i));
    return true;
}

bool vt_tensors_write(const char *path, const VtNamedTensor *tensors, int n, const char *const *metadata,
                      VtError *error) {
    Header header = {.text = NULL};
    VtTensor *shapes = malloc(sizeof *shapes * ((size_t)n + 1));
    uint64_t *sums = malloc(sizeof *sums * ((size_t)n + 1));
    bool good = shapes && sums;
    if (!good) vt_fail(error, 1, "out of memory for the header of a file of tensors");
    for (int i = 0; good && i < n; i++) {
        shapes[i] = tensors[i].tensor;
        sums[i] = XXH3_64bits(tensors[i].data, vt_bytes(&shapes[i]));
    }
    good = good && make_header(shapes, sums, n, metadata, 0, &header, error);
    free(shapes);
    free(sums);
    VtReplacement *file = good ? vt_replace_begin(path, 0666, error) : NULL;
    good = file && vt_replace_write(file, header.prefix, 8) &&
           vt_replace_write(file, header.text, header.length);
    for (int i = 0; i < n && good; i++)
        good = vt_replace_write(file, tensors[i].data, vt_bytes(&tensors[i].tensor));
    free(header.text);
    return file && vt_replace_end(file, error);
}

/* ---- a piece at a time ------------------------------------------------------------------------------------------- */

struct VtTensorStream {
    VtReplacement *file;
    const char *const *metadata;
    size_t reserved; /* bytes of the header */
    int n;
    uint64_t *sums;
    XXH3_state_t *sum; /* of tensor `at` */
    int at;
};

static void stream_free(VtTensorStream *s) {
    XXH3_freeState(s->sum);
    free(s->sums);
    free(s);
}

VtTensorStream *vt_tensors_begin(const char *path, const VtTensor *tensors, int n,
                                 const char *const *metadata, VtError *error) {
    Header header = {.text = NULL};
    VtTensorStream *s = calloc(1, sizeof *s);
    bool good = s && (s->sums = calloc((size_t)n + 1, sizeof *s->sums)) && (s->sum = XXH3_createState()) &&
                XXH3_64bits_reset(s->sum) == XXH_OK;
    if (!good) vt_fail(error, 1, "out of memory for the header of a file of tensors");
    good = good && make_header(tensors, s->sums, n, metadata, 0, &header, error) &&
           (s->file = vt_replace_begin(path, 0666, error));
    if (!good) {
        free(header.text);
        if (s) stream_free(s);
        return NULL;
    }
    s->metadata = metadata;
    s->reserved = header.length;
    s->n = n;
    if (vt_replace_write(s->file, header.prefix, 8)) vt_replace_write(s->file, header.text, header.length);
    free(header.text);
    return s;
}

/* The sum of tensor s->at is known; those before tensor i are empty. */
static void go_to(VtTensorStream *s, int i) {
    for (; s->at < i; s->at++) {
        s->sums[s->at] = XXH3_64bits_digest(s->sum);
        XXH3_64bits_reset(s->sum);
    }
}

void vt_tensors_put(VtTensorStream *s, int i, const void *bytes, size_t size) {
    go_to(s, i);
    XXH3_64bits_update(s->sum, bytes, size);
    vt_replace_write(s->file, bytes, size);
}

bool vt_tensors_end(VtTensorStream *s, const VtTensor *tensors, VtError *error) {
    Header header;
    go_to(s, s->n);
    bool good = make_header(tensors, s->sums, s->n, s->metadata, s->reserved, &header, error);
    if (!good) {
        vt_tensors_drop(s);
        return false;
    }
    vt_replace_write_at(s->file, header.text, header.length, 8);
    free(header.text);
    good = vt_replace_end(s->file, error);
    stream_free(s);
    return good;
}

void vt_tensors_drop(VtTensorStream *s) {
    if (!s) return;
    vt_replace_drop(s->file);
    stream_free(s);
}
