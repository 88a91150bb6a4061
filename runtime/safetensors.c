/* safetensors files: an 8-byte little-endian header length, a JSON header, the data. Nothing in the header is believed before it
 * has been checked against the file's size and the other tensors. */
#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_HEADER = 100 << 20 };

static const struct {
    const char *name;
    size_t size;
    int dtype; /* VtDType, or -1 */
} DTYPES[] = {{"F32", 4, VT_F32}, {"F64", 8, VT_F64},   {"BF16", 2, VT_BF16}, {"I32", 4, VT_I32},
              {"I64", 8, VT_I64}, {"BOOL", 1, VT_BOOL}, {"U8", 1, -1},        {"I8", 1, -1},
              {"F16", 2, -1},     {"I16", 2, -1},       {"U16", 2, -1},       {"U32", 4, -1},
              {"U64", 8, -1}};
enum { N_DTYPES = sizeof DTYPES / sizeof *DTYPES };

typedef struct {
    const char *name;
    int dtype; /* row of DTYPES */
    VtTensor shape;
    uint64_t begin, end;
} Entry;

struct VtTensorFile {
    char *path;
    const uint8_t *bytes;
    size_t size;
    bool mapped;
    const uint8_t *data;
    json_t *header;
    Entry *entries;
    int count;
};

static bool read_shape(json_t *shape, VtTensor *out, uint64_t *elements) {
    *elements = 1;
    if (!json_is_array(shape) || json_array_size(shape) > VT_MAX_RANK) return false;
    for (size_t k = 0; k < json_array_size(shape); k++) {
        json_t *size = json_array_get(shape, k);
        json_int_t n = json_integer_value(size);
        if (!json_is_integer(size) || n < 0 || __builtin_mul_overflow(*elements, (uint64_t)n, elements))
            return false;
        out->dim[out->rank++] = n;
    }
    return true;
}

static bool read_entry(VtTensorFile *file, const char *name, json_t *value, uint64_t data_size,
                       VtError *error) {
    Entry *entry = &file->entries[file->count];
    json_t *dtype = json_object_get(value, "dtype"), *offsets = json_object_get(value, "data_offsets");
    uint64_t elements;
    *entry = (Entry){.name = name, .dtype = -1};
    for (int i = 0; json_is_string(dtype) && i < N_DTYPES; i++)
        if (strcmp(DTYPES[i].name, json_string_value(dtype)) == 0) entry->dtype = i;
    if (entry->dtype < 0)
        return vt_fail(error, 2, "%s: tensor '%s' has unknown dtype %s", file->path, name,
                       json_is_string(dtype) ? json_string_value(dtype) : "(none)");
    if (!read_shape(json_object_get(value, "shape"), &entry->shape, &elements))
        return vt_fail(error, 2, "%s: tensor '%s' has a malformed shape", file->path, name);
    json_int_t begin = json_integer_value(json_array_get(offsets, 0)),
               end = json_integer_value(json_array_get(offsets, 1));
    if (json_array_size(offsets) != 2 || begin < 0 || end < begin || (uint64_t)end > data_size)
        return vt_fail(error, 2, "%s: tensor '%s' lies outside the file (bytes %lld..%lld of %llu)",
                       file->path, name, (long long)begin, (long long)end, (unsigned long long)data_size);
    uint64_t bytes;
    if (__builtin_mul_overflow(elements, DTYPES[entry->dtype].size, &bytes) ||
        bytes != (uint64_t)(end - begin))
        return vt_fail(error, 2, "%s: tensor '%s' holds %lld bytes, its shape and dtype want another number",
                       file->path, name, (long long)(end - begin));
    entry->shape.name = name;
    entry->shape.dtype = DTYPES[entry->dtype].dtype;
    entry->begin = (uint64_t)begin;
    entry->end = (uint64_t)end;
    file->count++;
    return true;
}

static int by_begin(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin)
                                : (x->end > y->end) - (x->end < y->end);
}

static bool check_overlaps(VtTensorFile *file, VtError *error) {
    Entry *sorted = malloc(sizeof *sorted * ((size_t)file->count + 1));
    bool good = sorted != NULL;
    if (!good) return vt_fail(error, 1, "out of memory");
    memcpy(sorted, file->entries, sizeof *sorted * (size_t)file->count);
    qsort(sorted, (size_t)file->count, sizeof *sorted, by_begin);
    for (int i = 1; i < file->count && good; i++)
        if (sorted[i].begin < sorted[i - 1].end)
            good = vt_fail(error, 2, "%s: tensors '%s' and '%s' overlap", file->path, sorted[i - 1].name,
                           sorted[i].name);
    free(sorted);
    return good;
}

static bool parse_file(VtTensorFile *file, VtError *error) {
    uint64_t length = 0;
    json_error_t problem;
    if (file->size < 8)
        return vt_fail(error, 2, "%s: too short for a safetensors file (%zu bytes)", file->path, file->size);
    for (int i = 7; i >= 0; i--) length = length << 8 | file->bytes[i];
    if (length > file->size - 8 || length > MAX_HEADER)
        return vt_fail(error, 2, "%s: its header claims %llu bytes, the file has %zu", file->path,
                       (unsigned long long)length, file->size - 8);
    file->header =
        json_loadb((const char *)file->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(file->header))
        return vt_fail(error, 2, "%s: malformed header: %s", file->path,
                       file->header ? "not an object" : problem.text);
    file->data = file->bytes + 8 + length;
    file->entries = calloc(json_object_size(file->header) + 1, sizeof(Entry));
    if (!file->entries) return vt_fail(error, 1, "out of memory");
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value) {
        if (strcmp(name, "__metadata__") == 0) continue;
        if (!read_entry(file, name, value, file->size - 8 - length, error)) return false;
    }
    return check_overlaps(file, error);
}

VtTensorFile *vt_tensors_open_memory(const char *name, const void *bytes, size_t size, VtError *error) {
    VtTensorFile *file = calloc(1, sizeof *file);
    if (!file) return NULL;
    file->path = strdup(name);
    file->bytes = bytes;
    file->size = size;
    if (parse_file(file, error)) return file;
    vt_tensors_close(file);
    return NULL;
}

VtTensorFile *vt_tensors_open(const char *path, VtError *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        vt_fail(error, 2, "cannot read '%s': %s", path, descriptor < 0 ? strerror(errno) : "not a file");
        if (descriptor >= 0) close(descriptor);
        return NULL;
    }
    size_t size = (size_t)status.st_size;
    void *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : NULL;
    close(descriptor);
    if (bytes == MAP_FAILED) {
        vt_fail(error, 1, "cannot map '%s': %s", path, strerror(errno));
        return NULL;
    }
    VtTensorFile *file = vt_tensors_open_memory(path, bytes, size, error);
    if (file)
        file->mapped = size > 0;
    else if (size)
        munmap(bytes, size);
    return file;
}

void vt_tensors_close(VtTensorFile *file) {
    if (!file) return;
    if (file->mapped) munmap((void *)file->bytes, file->size);
    json_decref(file->header);
    free(file->entries);
    free(file->path);
    free(file);
}

int vt_tensors_count(const VtTensorFile *file) {
    return file->count;
}
const char *vt_tensors_name(const VtTensorFile *file, int i) {
    return file->entries[i].name;
}

const char *vt_tensors_type(const VtTensorFile *file, int i, VtTensor *shape) {
    if (shape) *shape = file->entries[i].shape;
    return DTYPES[file->entries[i].dtype].name;
}

int vt_tensors_find(const VtTensorFile *file, const char *name) {
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, name) == 0) return i;
    return -1;
}

const char *vt_tensors_metadata(const VtTensorFile *file, const char *key) {
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

/* Element i as a double (exact for all but large 64-bit integers). */
static double load_number(const uint8_t *data, int64_t i, const char *dtype) {
    union {
        float f;
        double d;
        int32_t i32;
        int64_t i64;
        uint32_t u32;
        uint64_t u64;
        int16_t i16;
        uint16_t u16;
    } v;
    v.u64 = 0;
    if (!strcmp(dtype, "F32")) return memcpy(&v.f, data + 4 * i, 4), v.f;
    if (!strcmp(dtype, "F64")) return memcpy(&v.d, data + 8 * i, 8), v.d;
    if (!strcmp(dtype, "I64")) return memcpy(&v.i64, data + 8 * i, 8), (double)v.i64;
    if (!strcmp(dtype, "U64")) return memcpy(&v.u64, data + 8 * i, 8), (double)v.u64;
    if (!strcmp(dtype, "I32")) return memcpy(&v.i32, data + 4 * i, 4), v.i32;
    if (!strcmp(dtype, "U32")) return memcpy(&v.u32, data + 4 * i, 4), v.u32;
    if (!strcmp(dtype, "I16")) return memcpy(&v.i16, data + 2 * i, 2), v.i16;
    if (!strcmp(dtype, "U16")) return memcpy(&v.u16, data + 2 * i, 2), v.u16;
    if (!strcmp(dtype, "I8")) return (int8_t)data[i];
    if (!strcmp(dtype, "BF16")) {
        memcpy(&v.u16, data + 2 * i, 2);
        v.u32 = (uint32_t)v.u16 << 16;
        return v.f;
    }
    if (!strcmp(dtype, "F16")) {
        memcpy(&v.u16, data + 2 * i, 2);
        int e = v.u16 >> 10 & 31, m = v.u16 & 1023, s = v.u16 >> 15;
        double x = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
        return s ? -x : x;
    }
    return data[i];
}

static bool store_number(void *out, int64_t i, int dtype, double x) {
    switch (dtype) {
    case VT_F32: ((float *)out)[i] = (float)x; return true;
    case VT_F64: ((double *)out)[i] = x; return true;
    case VT_I32: ((int32_t *)out)[i] = (int32_t)x; return x == floor(x) && fabs(x) <= 2147483647.0;
    case VT_I64: ((int64_t *)out)[i] = (int64_t)x; return x == floor(x) && fabs(x) <= 9e15;
    case VT_BOOL: ((uint8_t *)out)[i] = x != 0; return x == 0 || x == 1;
    default: return false;
    }
}

bool vt_tensors_read(const VtTensorFile *file, int i, int dtype, void *out, VtError *error) {
    const Entry *entry = &file->entries[i];
    const uint8_t *data = file->data + entry->begin;
    if (DTYPES[entry->dtype].dtype == dtype) {
        memcpy(out, data, (size_t)(entry->end - entry->begin));
        return true;
    }
    for (int64_t k = 0, n = vt_elements(&entry->shape); k < n; k++) {
        double x = load_number(data, k, DTYPES[entry->dtype].name);
        bool small = x == floor(x) && fabs(x) <= 2147483647.0;
        if ((dtype == VT_I32 && !small) ||
            !store_number(out, k, dtype, (dtype == VT_I32 || dtype == VT_I64) && !(fabs(x) < 9e15) ? 0 : x))
            return vt_fail(
                error, 2,
                "%s: tensor '%s': element %lld = %g does not fit the integer or bool it is read into",
                file->path, entry->name, (long long)k, x);
    }
    return true;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static json_t *make_header(const VtNamedTensor *tensors, int n, const char *const *metadata) {
    json_t *header = json_object(), *about = json_object();
    for (; metadata && metadata[0]; metadata += 2)
        json_object_set_new(about, metadata[0], json_string(metadata[1]));
    if (json_object_size(about)) json_object_set(header, "__metadata__", about);
    json_decref(about);
    json_int_t at = 0;
    for (int i = 0; i < n; i++) {
        const VtTensor *tensor = &tensors[i].tensor;
        json_t *shape = json_array();
        for (int k = 0; k < tensor->rank; k++) json_array_append_new(shape, json_integer(tensor->dim[k]));
        json_int_t end = at + (json_int_t)vt_bytes(tensor);
        json_object_set_new(header, tensor->name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", DTYPES[tensor->dtype].name, "shape",
                                      shape, "data_offsets", at, end));
        at = end;
    }
    return header;
}

bool vt_tensors_write(const char *path, const VtNamedTensor *tensors, int n, const char *const *metadata,
                      VtError *error) {
    json_t *header = make_header(tensors, n, metadata);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!text) return vt_fail(error, 1, "out of memory");
    size_t length = strlen(text), padded = (length + 7) / 8 * 8;
    uint8_t prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (uint8_t)((uint64_t)padded >> (8 * i));
    VtReplacement *file = vt_replace_begin(path, 0666, error);
    bool good = file && vt_replace_write(file, prefix, 8) && vt_replace_write(file, text, length) &&
                vt_replace_write(file, "        ", padded - length);
    for (int i = 0; i < n && good; i++)
        good = vt_replace_write(file, tensors[i].data, vt_bytes(&tensors[i].tensor));
    free(text);
    return file && vt_replace_end(file, error);
}
