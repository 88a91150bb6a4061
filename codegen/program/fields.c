/* The table of fields as data, and checks of it when it is compiled: see fields.h. */
#include "codegen/program/fields.h"

#define MOST_BYTES (INT64_C(1) << 48)

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define STRUCT(type)                                                                                         \
    static const Record *record_##type(void) {                                                               \
        typedef type Struct;                                                                                 \
        static const Field fields[] = {
#define END(type)                                                                                            \
    }                                                                                                        \
    ;                                                                                                        \
    static const Record record = {#type, sizeof(Struct), fields, sizeof fields / sizeof *fields};            \
    return &record;                                                                                          \
    }
#define PLAIN(of_kind, f, ...) {.name = #f, .kind = of_kind, .offset = offsetof(Struct, f), __VA_ARGS__},
#define BOUNDS(low, high) .least = low, .most = high
#define NAME(f) PLAIN(FIELD_NAME, f)
#define TEXT(f) PLAIN(FIELD_TEXT, f)
#define INT(f, ...) PLAIN(FIELD_INT, f, BOUNDS(__VA_ARGS__))
#define WIDE(f, ...) PLAIN(FIELD_WIDE, f, BOUNDS(__VA_ARGS__))
#define REAL(f) PLAIN(FIELD_REAL, f)
#define REALS(f, length) PLAIN(FIELD_REALS, f, .n = length)
#define WIDES(f, length, ...) PLAIN(FIELD_WIDES, f, .n = length, BOUNDS(__VA_ARGS__))
#define PART(f, type) PLAIN(FIELD_PART, f, .of = record_##type)
#define ARRAY(f, type, counted) PLAIN(FIELD_ARRAY, f, .of = record_##type, .count = offsetof(Struct, counted))
#define ONE(f, type) PLAIN(FIELD_ONE, f, .of = record_##type)
#define INTS(f, counted, ...) PLAIN(FIELD_INTS, f, .count = offsetof(Struct, counted), BOUNDS(__VA_ARGS__))
#define NAMES(f, counted) PLAIN(FIELD_NAMES, f, .count = offsetof(Struct, counted))
#define DATA(f, counted) PLAIN(FIELD_DATA, f, .count = offsetof(Struct, counted))
#define CODE(f) PLAIN(FIELD_CODE, f)
#include "codegen/program/fields.def"

const Record *record_of_program(void) {
    return record_VtProgram();
}
const Record *record_of_micro(void) {
    return record_VtMicro();
}
const Record *record_of_built(void) {
    return record_VtBuilt();
}

/* ---- every field is there ---------------------------------------------------------------------------------------- */

/* A value of every struct from one value a field of the table: -Wmissing-field-initializers, an error in our builds,
 * tells of a field that it lacks; a field that is there twice, or is no field, is one too many. */
#define STRUCT(type) static const type all_fields_of_##type = {
#define END(type)                                                                                            \
    }                                                                                                        \
    ;
#define NAME(f) NULL,
#define TEXT(f) NULL,
#define INT(f, ...) 0,
#define WIDE(f, ...) 0,
#define REAL(f) 0,
#define REALS(f, length) {0},
#define WIDES(f, length, ...) {0},
#define PART(f, type) {0},
#define ARRAY(f, type, counted) NULL,
#define ONE(f, type) NULL,
#define INTS(f, counted, ...) NULL,
#define NAMES(f, counted) NULL,
#define DATA(f, counted) NULL,
#define CODE(f) NULL,
#include "codegen/program/fields.def"

/* The same struct made of the table alone. */
#define STRUCT(type) typedef struct {
#define END(type)                                                                                            \
    }                                                                                                        \
    Same##type;
#define NAME(f) const char *f;
#define TEXT(f) const char *f;
#define INT(f, ...) int32_t f;
#define WIDE(f, ...) int64_t f;
#define REAL(f) double f;
#define REALS(f, length) double f[length];
#define WIDES(f, length, ...) int64_t f[length];
#define PART(f, type) Same##type f;
#define ARRAY(f, type, counted) const Same##type *f;
#define ONE(f, type) const Same##type *f;
#define INTS(f, counted, ...) const int32_t *f;
#define NAMES(f, counted) const char *const *f;
#define DATA(f, counted) const void *const *f;
#define CODE(f) void (*f)(void);
#include "codegen/program/fields.def"

/* It is laid out as the struct is: order and sizes agree. */
#define STRUCT(type)                                                                                         \
    static inline void check_##type(void) {                                                                  \
        typedef type Struct;                                                                                 \
        typedef Same##type Same;                                                                             \
        (void)all_fields_of_##type;                                                                          \
        _Static_assert(sizeof(Struct) == sizeof(Same), "size of " #type);
#define END(type) }
#define SAME(f)                                                                                              \
    _Static_assert(offsetof(Struct, f) == offsetof(Same, f) &&                                               \
                       sizeof(((Struct *)NULL)->f) == sizeof(((Same *)NULL)->f),                             \
                   #f " lies or is otherwise");
#define NAME(f) SAME(f)
#define TEXT(f) SAME(f)
#define INT(f, ...) SAME(f)
#define WIDE(f, ...) SAME(f)
#define REAL(f) SAME(f)
#define REALS(f, length) SAME(f)
#define WIDES(f, length, ...) SAME(f)
#define PART(f, type) SAME(f)
#define ARRAY(f, type, counted) SAME(f)
#define ONE(f, type) SAME(f)
#define INTS(f, counted, ...) SAME(f)
#define NAMES(f, counted) SAME(f)
#define DATA(f, counted) SAME(f)
#define CODE(f) SAME(f)
#include "codegen/program/fields.def"
