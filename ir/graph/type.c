/* Element types and shapes. */
#include "ir/ir.h"

#include <string.h>

static const struct {
    const char *name;
    uint8_t size;
    bool is_float, is_int;
} DTYPES[DT_COUNT] = {
    [DT_F32] = {"f32", 4, true, false},   [DT_F64] = {"f64", 8, true, false},
    [DT_BF16] = {"bf16", 2, true, false}, [DT_I32] = {"i32", 4, false, true},
    [DT_I64] = {"i64", 8, false, true},   [DT_BOOL] = {"bool", 1, false, false},
};

size_t dtype_size(DType dtype) {
    return DTYPES[dtype].size;
}
const char *dtype_name(DType dtype) {
    return DTYPES[dtype].name;
}
bool dtype_is_float(DType dtype) {
    return DTYPES[dtype].is_float;
}
bool dtype_is_int(DType dtype) {
    return DTYPES[dtype].is_int;
}

static const struct {
    const char *name;
    int terms;
} PRECISIONS[PRECISION_COUNT] = {{"fp32", 0}, {"bf16", 1}, {"bf16x3", 3}};

const char *precision_name(Precision precision) {
    return PRECISIONS[precision].name;
}

bool precision_find(const char *name, Precision *precision) {
    for (int i = 0; i < PRECISION_COUNT; i++)
        if (strcmp(PRECISIONS[i].name, name) == 0) {
            *precision = (Precision)i;
            return true;
        }
    return false;
}

int precision_terms(Precision precision) {
    return PRECISIONS[precision].terms;
}

Type type_make(DType dtype, int rank, const int64_t *dims) {
    Type type = {.dtype = (uint8_t)dtype, .rank = (uint8_t)rank};
    for (int k = 0; k < rank; k++) type.dim[k] = dims[k];
    return type;
}

Type type_scalar(DType dtype) {
    return type_make(dtype, 0, NULL);
}

bool type_equal(const Type *a, const Type *b) {
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dim, b->dim, sizeof *a->dim * a->rank) == 0;
}

bool type_fits(const Type *type) {
    if (type->dtype >= DT_COUNT || type->rank > IR_MAX_RANK) return false;
    for (int k = 0; k < type->rank; k++)
        if (type->dim[k] < 1) return false;
    return type_elements(type) <= IR_MAX_ELEMENTS;
}

int64_t type_elements(const Type *type) {
    int64_t n = 1;
    for (int k = 0; k < type->rank; k++) n = size_mul(n, type->dim[k]);
    return n;
}

int64_t type_bytes(const Type *type) {
    return size_mul(type_elements(type), (int64_t)dtype_size(type->dtype));
}

const char *type_text(Arena *arena, const Type *type) {
    if (type->rank == 0) return dtype_name(type->dtype);
    char text[IR_MAX_RANK * 22 + 16];
    int n = snprintf(text, sizeof text, "%s[", dtype_name(type->dtype));
    for (int k = 0; k < type->rank; k++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", k ? "x" : "", (long long)type->dim[k]);
    snprintf(text + n, sizeof text - (size_t)n, "]");
    return arena_strdup(arena, text);
}
