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

static const char *const DTYPES[] = {"F32", "F64", "BF16", "I32", "I64", "BOOL"}; /* by VtDType */

void vt_sum_text(uint64_t sum, char out[SUM_DIGITS + 1]) {
    snprintf(out, SUM_DIGITS + 1, "%016llx", (unsigned long long)sum);
}

/* Takes `value`. False: no memory, or a name that is no UTF-8. */
static bool set(json_t *object, const char *key, json_t *value) {
    return value && json_object_set_new(object, key, value) == 0;
}

static bool add_sum(json_t *about, const VtNamedTensor *tensor) {
    char *key = NULL, sum[SUM_DIGITS + 1];
    if (asprintf(&key, SUM_PREFIX "%s", tensor->tensor.name) < 0) return false;
    vt_sum_text(XXH3_64bits(tensor->data, vt_bytes(&tensor->tensor)), sum);
    bool good = set(about, key, json_string(sum));
    free(key);
    return good;
}

static bool add_tensor(json_t *header, json_t *about, const VtNamedTensor *tensor, uint64_t *at,
                       VtError *error) {
    const VtTensor *t = &tensor->tensor;
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
           json_object_set(header, t->name, entry) == 0 && add_sum(about, tensor);
    json_decref(shape);
    json_decref(entry);
    json_decref(offsets);
    *at += bytes;
    return good ||
           vt_fail(error, 1, "out of memory for the header of tensor '%s', or its name is no UTF-8", t->name);
}

/* The header's text, malloc'ed, with room for its padding after it. */
static char *make_header(const VtNamedTensor *tensors, int n, const char *const *metadata, size_t *length,
                         VtError *error) {
    json_t *header = json_object(), *about = json_object();
    uint64_t at = 0;
    bool good = header && about && set(about, SUM_KEY, json_string("0000000000000000")) &&
                json_object_set(header, "__metadata__", about) == 0;
    for (; good && metadata && metadata[0]; metadata += 2)
        good = set(about, metadata[0], json_string(metadata[1]));
    if (!good) vt_fail(error, 1, "out of memory for the header of a file of tensors");
    for (int i = 0; good && i < n; i++) good = add_tensor(header, about, &tensors[i], &at, error);
    char *written = good ? vt_json_text(header, JSON_COMPACT) : NULL;
    size_t size = written ? strlen(written) : 0;
    *length = (size + 7) / 8 * 8;
    char *text = written ? realloc(written, *length + 1) : NULL;
    if (good && !text) vt_fail(error, 1, "out of memory for the header of a file of tensors");
    if (!text) free(written);
    if (text) memset(text + size, ' ', *length - size);
    json_decref(header);
    json_decref(about);
    return text;
}

static void sum_header(char *text, size_t length) {
    static const char before[] = "\"" SUM_KEY "\":\"";
    char sum[SUM_DIGITS + 1], *at = memmem(text, length, before, strlen(before));
    vt_sum_text(XXH3_64bits(text, length), sum);
    memcpy(at + strlen(before), sum, SUM_DIGITS);
}

bool vt_tensors_write(const char *path, const VtNamedTensor *tensors, int n, const char *const *metadata,
                      VtError *error) {
    size_t length;
    uint8_t prefix[8];
    char *text = make_header(tensors, n, metadata, &length, error);
    if (!text) return false;
    sum_header(text, length);
    for (int i = 0; i < 8; i++) prefix[i] = (uint8_t)((uint64_t)length >> (8 * i));
    VtReplacement *file = vt_replace_begin(path, 0666, error);
    bool good = file && vt_replace_write(file, prefix, 8) && vt_replace_write(file, text, length);
    for (int i = 0; i < n && good; i++)
        good = vt_replace_write(file, tensors[i].data, vt_bytes(&tensors[i].tensor));
    free(text);
    return file && vt_replace_end(file, error);
}
