/* For tests: tensors of a golden safetensors file of this repository, as float64. */
#ifndef VITC_TESTS_PASSES_GOLDEN_H
#define VITC_TESTS_PASSES_GOLDEN_H

#include "tests/passes/graph.h"
#include <jansson.h>

typedef struct {
    json_t *header;
    char *bytes; /* of the whole file */
    const char *data;
} Golden;

static inline Golden golden_open(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("cannot open %s", path);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    Golden golden = {.bytes = malloc(size)};
    if (fread(golden.bytes, 1, size, file) != size) fail_msg("cannot read %s", path);
    fclose(file);
    uint64_t length;
    memcpy(&length, golden.bytes, sizeof length);
    golden.header = json_loadb(golden.bytes + 8, length, 0, NULL);
    golden.data = golden.bytes + 8 + length;
    assert_non_null(golden.header);
    return golden;
}

static inline void golden_close(Golden *golden) {
    json_decref(golden->header);
    free(golden->bytes);
}

static inline bool golden_has(const Golden *golden, const char *name) {
    return json_object_get(golden->header, name) != NULL;
}

/* F32 tensors have type f64 (so that what is built of them is computed in float64), I64 ones i64. */
static inline Tensor golden_read(const Golden *golden, const char *name, Arena *arena) {
    json_t *entry = json_object_get(golden->header, name), *shape = json_object_get(entry, "shape");
    if (!entry) fail_msg("no golden tensor %s", name);
    bool reals = strcmp(json_string_value(json_object_get(entry, "dtype")), "F32") == 0;
    Type type = {.dtype = reals ? DT_F64 : DT_I64, .rank = (uint8_t)json_array_size(shape)};
    for (int k = 0; k < type.rank; k++) type.dim[k] = json_integer_value(json_array_get(shape, (size_t)k));
    Tensor tensor = tensor_new(arena, &type);
    const char *from =
        golden->data + json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 0));
    for (int64_t i = 0; i < type_elements(&type); i++) {
        float real;
        int64_t whole;
        memcpy(&real, from + i * 4, 4);
        if (!reals) memcpy(&whole, from + i * 8, 8);
        tensor.data[i] = reals ? (double)real : (double)whole;
    }
    return tensor;
}

#endif
