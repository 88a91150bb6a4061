/* safetensors files: an 8-byte little-endian header length, a JSON header, the data. Nothing in the header is believed
 * before it has been checked against the file's size and the other tensors, and the data is held against its checksum
 * as it is read. */
#include "runtime/files/safetensors.h"
#include "runtime/base/error.h"
#include "runtime/files/json.h"
#include "runtime/files/read_at.h"
#include "runtime/files/safetensors_sum.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_HEADER = 100 << 20, CHUNK = 1 << 20 };

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
    uint64_t begin, end; /* in the data */
} Entry;

struct VtTensorFile {
    char *path;
    int descriptor;       /* -1: the file is in memory */
    const uint8_t *bytes; /* then here */
    size_t size;
    uint64_t data; /* where it begins */
    json_t *header;
    Entry *entries, **by_name;
    int count;
    bool has_sums;
};

/* `size` bytes at `offset` of the file. */
static bool fetch(const VtTensorFile *file, uint64_t offset, void *out, size_t size, VtError *error) {
    if (file->descriptor < 0) {
        memcpy(out, file->bytes + offset, size);
        return true;
    }
    int64_t n = read_at(file->descriptor, out, (int64_t)size, (int64_t)offset);
    if (n == (int64_t)size) return true;
    return errno ? vt_fail(error, 1, "cannot read '%s': %s", file->path, strerror(errno))
                 : vt_fail(error, 2, "%s: cut short while it was read", file->path);
}

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

static int by_name(const void *a, const void *b) {
    return strcmp((*(Entry *const *)a)->name, (*(Entry *const *)b)->name);
}

/* What vitc wrote says of itself what it was (safetensors.h). */
static bool check_header_sum(VtTensorFile *file, const char *text, size_t length, VtError *error) {
    json_t *about = json_object_get(file->header, "__metadata__"), *value;
    const char *key, *sum = json_string_value(json_object_get(about, SUM_KEY));
    char wanted[SUM_DIGITS + 1], pattern[64];
    json_object_foreach(about, key, value) file->has_sums |=
        strncmp(key, SUM_PREFIX, strlen(SUM_PREFIX)) == 0;
    if (!sum && !file->has_sums) return true; /* another program's file, or an old one */
    file->has_sums = true;
    bool whole = sum && strlen(sum) == SUM_DIGITS; /* a shorter one may end where the text does */
    snprintf(pattern, sizeof pattern, "\"" SUM_KEY "\":\"%.*s\"", SUM_DIGITS, whole ? sum : "");
    char *at = whole ? memmem(text, length, pattern, strlen(pattern)) : NULL,
         *copy = at ? malloc(length) : NULL;
    if (at && !copy) return vt_fail(error, 1, "out of memory");
    if (at) {
        memcpy(copy, text, length);
        memset(copy + (at - text) + strlen("\"" SUM_KEY "\":\""), '0', SUM_DIGITS);
        vt_sum_text(XXH3_64bits(copy, length), wanted);
        free(copy);
    }
    if (at && strcmp(wanted, sum) == 0) return true;
    return vt_fail(error, 2, "%s: damaged: its header does not have the checksum it was written with%s",
                   file->path, SUM_ADVICE);
}

static bool check_overlaps(VtTensorFile *file, uint64_t data_size, VtError *error) {
    Entry *sorted = malloc(sizeof *sorted * ((size_t)file->count + 1));
    bool good = sorted != NULL;
    if (!good) return vt_fail(error, 1, "out of memory");
    memcpy(sorted, file->entries, sizeof *sorted * (size_t)file->count);
    qsort(sorted, (size_t)file->count, sizeof *sorted, by_begin);
    for (int i = 1; i < file->count && good; i++)
        if (sorted[i].begin < sorted[i - 1].end)
            good = vt_fail(error, 2, "%s: tensors '%s' and '%s' overlap", file->path, sorted[i - 1].name,
                           sorted[i].name);
    uint64_t end = file->count ? sorted[file->count - 1].end : 0;
    if (good && file->has_sums && end != data_size)
        good = vt_fail(error, 2, "%s: damaged: %llu bytes follow the last tensor", file->path,
                       (unsigned long long)(data_size - end));
    free(sorted);
    return good;
}

static bool read_header(VtTensorFile *file, const char *text, size_t length, VtError *error) {
    char why[256];
    file->header = vt_json_load(text, length, JSON_REJECT_DUPLICATES, why, sizeof why);
    if (!file->header && errno == ENOMEM) return vt_fail(error, 1, "%s: out of memory", file->path);
    if (!json_is_object(file->header))
        return vt_fail(error, 2, "%s: malformed header: %s", file->path,
                       file->header ? "not an object" : why);
    file->entries = calloc(json_object_size(file->header) + 1, sizeof(Entry));
    file->by_name = calloc(json_object_size(file->header) + 1, sizeof(Entry *));
    if (!file->entries || !file->by_name) return vt_fail(error, 1, "out of memory");
    if (!check_header_sum(file, text, length, error)) return false;
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value) {
        if (strcmp(name, "__metadata__") == 0) continue;
        if (!read_entry(file, name, value, file->size - file->data, error)) return false;
    }
    for (int i = 0; i < file->count; i++) file->by_name[i] = &file->entries[i];
    qsort(file->by_name, (size_t)file->count, sizeof *file->by_name, by_name);
    return check_overlaps(file, file->size - file->data, error);
}

static bool parse_file(VtTensorFile *file, VtError *error) {
    uint64_t length = 0;
    uint8_t prefix[8];
    if (file->size < 8)
        return vt_fail(error, 2, "%s: too short for a safetensors file (%zu bytes)", file->path, file->size);
    if (!fetch(file, 0, prefix, sizeof prefix, error)) return false;
    for (int i = 7; i >= 0; i--) length = length << 8 | prefix[i];
    if (length > file->size - 8 || length > MAX_HEADER)
        return vt_fail(error, 2, "%s: its header claims %llu bytes, the file has %zu", file->path,
                       (unsigned long long)length, file->size - 8);
    char *text = malloc((size_t)length + 1);
    if (!text) return vt_fail(error, 1, "out of memory");
    file->data = 8 + length;
    bool good = fetch(file, 8, text, (size_t)length, error) && read_header(file, text, (size_t)length, error);
    free(text);
    return good;
}

/* Takes the descriptor. */
static VtTensorFile *open_file(const char *name, int descriptor, const void *bytes, size_t size,
                               VtError *error) {
    VtTensorFile *file = calloc(1, sizeof *file);
    char *path = strdup(name);
    if (!file || !path) {
        if (descriptor >= 0) close(descriptor);
        free(file);
        free(path);
        vt_fail(error, 1, "out of memory");
        return NULL;
    }
    *file = (VtTensorFile){.path = path, .descriptor = descriptor, .bytes = bytes, .size = size};
    if (parse_file(file, error)) return file;
    vt_tensors_close(file);
    return NULL;
}

VtTensorFile *vt_tensors_open_memory(const char *name, const void *bytes, size_t size, VtError *error) {
    return open_file(name, -1, bytes, size, error);
}

VtTensorFile *vt_tensors_open(const char *path, VtError *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for its writer */
    struct stat status;
    bool known = descriptor >= 0 && fstat(descriptor, &status) == 0;
    if (known && S_ISREG(status.st_mode))
        return open_file(path, descriptor, NULL, (size_t)status.st_size, error);
    vt_fail(error, 2, "cannot read '%s': %s", path, known ? "no regular file" : strerror(errno));
    if (descriptor >= 0) close(descriptor);
    return NULL;
}

void vt_tensors_close(VtTensorFile *file) {
    if (!file) return;
    if (file->descriptor >= 0) close(file->descriptor);
    json_decref(file->header);
    free(file->entries);
    free(file->by_name);
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
    Entry wanted = {.name = name}, *key = &wanted;
    Entry **found = bsearch(&key, file->by_name, (size_t)file->count, sizeof key, by_name);
    return found ? (int)(*found - file->entries) : -1;
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

/* Elements of the file's type to `dtype`; `first`: which of the tensor's the first is. */
static bool convert(const VtTensorFile *file, const Entry *entry, const uint8_t *from, int64_t first,
                    int64_t n, int dtype, void *out, VtError *error) {
    for (int64_t k = 0; k < n; k++) {
        double x = load_number(from, k, DTYPES[entry->dtype].name);
        bool small = x == floor(x) && fabs(x) <= 2147483647.0;
        if ((dtype == VT_I32 && !small) ||
            !store_number(out, first + k, dtype,
                          (dtype == VT_I32 || dtype == VT_I64) && !(fabs(x) < 9e15) ? 0 : x))
            return vt_fail(
                error, 2,
                "%s: tensor '%s': element %lld = %g does not fit the integer or bool it is read into",
                file->path, entry->name, (long long)(first + k), x);
    }
    return true;
}

/* Reads all of a tensor, a chunk at a time; without `out` only to hold it against its checksum. */
static bool read_chunks(const VtTensorFile *file, const Entry *entry, int dtype, void *out, uint8_t *chunk,
                        uint64_t *sum, VtError *error) {
    uint64_t size = entry->end - entry->begin, width = DTYPES[entry->dtype].size;
    bool direct = out && DTYPES[entry->dtype].dtype == dtype && dtype != VT_BOOL;
    XXH3_state_t *state = XXH3_createState();
    if (!state || XXH3_64bits_reset(state) != XXH_OK) {
        XXH3_freeState(state);
        return vt_fail(error, 1, "out of memory");
    }
    bool good = true;
    for (uint64_t at = 0, n; good && at < size; at += n) {
        n = size - at < CHUNK ? size - at : CHUNK;
        uint8_t *to = direct ? (uint8_t *)out + at : chunk;
        good = fetch(file, file->data + entry->begin + at, to, (size_t)n, error);
        if (good) XXH3_64bits_update(state, to, (size_t)n);
        if (good && out && !direct)
            good =
                convert(file, entry, chunk, (int64_t)(at / width), (int64_t)(n / width), dtype, out, error);
    }
    *sum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return good;
}

static bool check_sum(const VtTensorFile *file, const Entry *entry, uint64_t sum, VtError *error) {
    char *key = NULL, text[SUM_DIGITS + 1];
    if (asprintf(&key, SUM_PREFIX "%s", entry->name) < 0) return vt_fail(error, 1, "out of memory");
    const char *wanted = vt_tensors_metadata(file, key);
    vt_sum_text(sum, text);
    free(key);
    if (wanted && strcmp(wanted, text) == 0) return true;
    return vt_fail(error, 2, "%s: damaged: tensor '%s' does not have the checksum it was written with%s",
                   file->path, entry->name, SUM_ADVICE);
}

static bool pass_over(const VtTensorFile *file, int i, int dtype, void *out, VtError *error) {
    const Entry *entry = &file->entries[i];
    uint8_t *chunk = malloc(CHUNK);
    uint64_t sum = 0;
    if (!chunk) return vt_fail(error, 1, "out of memory");
    bool good = read_chunks(file, entry, dtype, out, chunk, &sum, error);
    free(chunk);
    return good && (!file->has_sums || check_sum(file, entry, sum, error));
}

bool vt_tensors_read(const VtTensorFile *file, int i, int dtype, void *out, VtError *error) {
    return pass_over(file, i, dtype, out, error);
}

bool vt_tensors_verify(const VtTensorFile *file, VtError *error) {
    for (int i = 0; i < file->count; i++)
        if (!pass_over(file, i, -1, NULL, error)) return false;
    return true;
}
