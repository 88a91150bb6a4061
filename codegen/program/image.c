/* A compiled program as bytes: what the object cache keeps (driver/cache.c).
 *
 * The same walk over the table of fields (fields.def) writes and reads, so that both agree. Reading trusts only the
 * machine code: counts are checked against the bytes that are left, numbers against the table's bounds, and then
 * indices and offsets against what they point into (image_check.c). Numbers have the byte order and sizes of this
 * machine and build; the cache's key makes sure that no other reads them. */
#include "codegen/program/compiled.h"
#include "codegen/program/fields.h"
#include "codegen/program/image_check.h"
#include "codegen/program/irregular.h"

#include <stdlib.h>
#include <string.h>

enum { OBJECT_ALIGN = 64 };
#define MOST_BYTES (INT64_C(1) << 48)

typedef struct {
    Arena *arena;
    bool reading, bad;
    char *bytes;
    size_t at, size; /* size: what there is to read, or room to write */
    /* Of what the compiled program keeps beside the descriptor, so far. */
    Compiled *compiled;
    size_t n_kernels, kernels_capacity, n_constants, constants_capacity;
} Coder;

static void require(Coder *k, bool holds) {
    k->bad = k->bad || !holds;
}

/* ---- plain data -------------------------------------------------------------------------------------------------- */

static bool make_room(Coder *k, size_t n) {
    if (k->reading) return n <= k->size - k->at;
    if (n <= k->size - k->at) return true;
    size_t size = 2 * k->size + n + 4096;
    char *more = realloc(k->bytes, size);
    if (!more) return false;
    k->bytes = more;
    k->size = size;
    return true;
}

static void code_bytes(Coder *k, void *data, size_t n) {
    require(k, !k->bad && make_room(k, n));
    if (k->bad) {
        if (k->reading) memset(data, 0, n);
        return;
    }
    if (k->reading)
        memcpy(data, k->bytes + k->at, n);
    else
        memcpy(k->bytes + k->at, data, n);
    k->at += n;
}

static void code_i32(Coder *k, int32_t *x, int64_t low, int64_t high) {
    code_bytes(k, x, sizeof *x);
    require(k, *x >= low && *x <= high);
}

static void code_i64(Coder *k, int64_t *x, int64_t low, int64_t high) {
    code_bytes(k, x, sizeof *x);
    require(k, *x >= low && *x <= high);
}

/* NULL stays NULL. */
static void code_text(Coder *k, const char **text) {
    int64_t n = *text ? (int64_t)strlen(*text) : -1;
    code_i64(k, &n, -1, MOST_BYTES);
    if (n < 0 || k->bad) return;
    require(k, !k->reading || (size_t)n <= k->size - k->at);
    if (k->bad) return;
    if (k->reading) *text = arena_alloc(k->arena, (size_t)n + 1);
    code_bytes(k, (char *)*text, (size_t)n);
}

/* A name: never NULL. */
static void code_name(Coder *k, const char **text) {
    code_text(k, text);
    require(k, *text != NULL);
}

/* Begins an array, whose elements are then coded one by one; when writing these are a copy, since what is written is
 * const. `least`: the fewest bytes of an element. */
static void *begin_array(Coder *k, const void *array, int32_t n, size_t element, size_t least) {
    require(k, n >= 0 && (!k->reading || (size_t)n <= (k->size - k->at) / least));
    if (k->bad) n = 0;
    void *copy = arena_alloc(k->arena, ((size_t)n + 1) * element);
    if (!k->reading && n) memcpy(copy, array, (size_t)n * element);
    return copy;
}

/* ---- what is not in the descriptor ------------------------------------------------------------------------------- */

/* The number of a call's kernel, from the one list of all functions' calls. */
static void code_kernel(Coder *k) {
    Compiled *c = k->compiled;
    int32_t number = k->reading ? 0 : c->call_kernels[k->n_kernels++];
    code_i32(k, &number, INT32_MIN + 1, c->n_kernels - 1);
    require(k, k->bad || number >= 0 || irregular_kernel(-1 - number));
    if (k->reading && !k->bad)
        ARENA_PUSH(k->arena, c->call_kernels, k->n_kernels, k->kernels_capacity, number);
}

static void code_constant(Coder *k, const void **constant) {
    Compiled *c = k->compiled;
    int64_t n = k->reading ? 0 : c->constant_bytes[k->n_constants++];
    code_i64(k, &n, 0, k->reading ? (int64_t)(k->size - k->at) : MOST_BYTES);
    if (k->bad) return;
    if (k->reading) {
        *constant = arena_alloc(k->arena, (size_t)n);
        ARENA_PUSH(k->arena, c->constant_bytes, k->n_constants, k->constants_capacity, n);
    }
    code_bytes(k, (void *)*constant, (size_t)n);
}

/* ---- by the table ------------------------------------------------------------------------------------------------ */

/* The fewest bytes that a struct takes in an image. */
static size_t least_bytes(const Record *record) {
    size_t n = 0;
    for (int i = 0; i < record->n_fields; i++) {
        const Field *f = &record->fields[i];
        switch (f->kind) {
        case FIELD_NAME:
        case FIELD_TEXT:
        case FIELD_WIDE:
        case FIELD_REAL: n += 8; break;
        case FIELD_INT:
        case FIELD_CODE: n += 4; break;
        case FIELD_REALS:
        case FIELD_WIDES: n += 8 * (size_t)f->n; break;
        case FIELD_PART: n += least_bytes(f->of()); break;
        default: break;
        }
    }
    return n;
}

static void code_record(Coder *k, const Record *record, void *data);

static void *code_records(Coder *k, const Record *record, const void *array, int32_t n) {
    char *copy = begin_array(k, array, n, record->size, least_bytes(record));
    for (int32_t i = 0; !k->bad && i < n; i++) code_record(k, record, copy + (size_t)i * record->size);
    return copy;
}

static int32_t *code_ints(Coder *k, const Field *field, const int32_t *array, int32_t n) {
    int32_t *copy = begin_array(k, array, n, sizeof *copy, sizeof *copy);
    for (int32_t i = 0; !k->bad && i < n; i++) code_i32(k, &copy[i], field->least, field->most);
    return copy;
}

static const char **code_names(Coder *k, const char *const *array, int32_t n) {
    const char **copy = begin_array(k, array, n, sizeof *copy, 8);
    for (int32_t i = 0; !k->bad && i < n; i++) code_name(k, &copy[i]);
    return copy;
}

static const void **code_constants(Coder *k, const void *const *array, int32_t n) {
    const void **copy = begin_array(k, array, n, sizeof *copy, 8);
    for (int32_t i = 0; !k->bad && i < n; i++) code_constant(k, &copy[i]);
    return copy;
}

/* A field that points to several; `at`: the pointer. */
static void code_pointed(Coder *k, const Field *field, int32_t n, void *at) {
    const void *array;
    memcpy(&array, at, sizeof array);
    switch (field->kind) {
    case FIELD_INTS: array = code_ints(k, field, array, n); break;
    case FIELD_NAMES: array = code_names(k, array, n); break;
    case FIELD_DATA: array = code_constants(k, array, n); break;
    default: array = code_records(k, field->of(), array, n);
    }
    memcpy(at, &array, sizeof array);
}

static void code_field(Coder *k, const Field *field, char *data) {
    void *at = data + field->offset;
    switch (field->kind) {
    case FIELD_NAME: code_name(k, at); break;
    case FIELD_TEXT: code_text(k, at); break;
    case FIELD_INT: code_i32(k, at, field->least, field->most); break;
    case FIELD_WIDE: code_i64(k, at, field->least, field->most); break;
    case FIELD_REAL: code_bytes(k, at, sizeof(double)); break;
    case FIELD_REALS: code_bytes(k, at, sizeof(double) * (size_t)field->n); break;
    case FIELD_WIDES:
        for (int i = 0; i < field->n; i++) code_i64(k, (int64_t *)at + i, field->least, field->most);
        break;
    case FIELD_PART: code_record(k, field->of(), at); break;
    case FIELD_CODE: code_kernel(k); break;
    default: code_pointed(k, field, field_count(field, data), at);
    }
}

static void code_record(Coder *k, const Record *record, void *data) {
    for (int i = 0; !k->bad && i < record->n_fields; i++) code_field(k, &record->fields[i], data);
}

/* ---- machine code, and all --------------------------------------------------------------------------------------- */

/* Objects stay where they are in the image: they are not copied when read. */
static void code_objects(Coder *k, Compiled *c) {
    JitObject *objects = begin_array(k, c->objects, c->n_objects, sizeof *objects, 8);
    for (int i = 0; !k->bad && i < c->n_objects; i++) {
        static char zeros[OBJECT_ALIGN];
        int64_t n = (int64_t)objects[i].size;
        code_i64(k, &n, 1, MOST_BYTES);
        size_t gap = (OBJECT_ALIGN - k->at % OBJECT_ALIGN) % OBJECT_ALIGN;
        char skipped[OBJECT_ALIGN];
        code_bytes(k, k->reading ? skipped : zeros, gap);
        require(k, !k->bad && make_room(k, (size_t)n));
        if (k->bad) return;
        if (k->reading) {
            objects[i] = (JitObject){k->bytes + k->at, (size_t)n};
            k->at += (size_t)n;
        } else
            code_bytes(k, (char *)objects[i].bytes, (size_t)n);
    }
    c->objects = objects;
}

static void code_compiled(Coder *k, Compiled *c) {
    k->compiled = c;
    code_name(k, &c->target);
    code_i32(k, &c->n_kernels, 0, 1 << 24);
    code_record(k, record_of_program(), &c->program);
    require(k, k->bad || !k->reading || image_check(&c->program));
    c->symbols = code_names(k, c->symbols, c->n_kernels);
    code_i32(k, &c->n_objects, 0, 1 << 16);
    code_objects(k, c);
    require(k, !k->reading || k->at == k->size);
}

void *compiled_image(const Compiled *compiled, size_t *size) {
    Compiled copy = *compiled;
    Coder k = {.arena = arena_new()};
    code_compiled(&k, &copy);
    arena_free(k.arena);
    *size = k.at;
    if (!k.bad) return k.bytes;
    free(k.bytes);
    return NULL;
}

Compiled *codegen_load(const void *image, size_t image_size, int tell, char *error, size_t size) {
    Arena *arena = arena_new();
    Compiled *c = ARENA_NEW(arena, Compiled);
    c->arena = arena;
    Coder k = {.arena = arena, .reading = true, .bytes = (char *)image, .size = image_size};
    code_compiled(&k, c);
    if (k.bad) snprintf(error, size, "not an image of a program, or a damaged one");
    if (!k.bad && compiled_link(c, tell, error, size)) return c;
    compiled_free(c);
    return NULL;
}
