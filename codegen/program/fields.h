/* The descriptor's structs as data: a reading of fields.def, which what is generic over them walks. */
#ifndef VITC_CODEGEN_FIELDS_H
#define VITC_CODEGEN_FIELDS_H

#include "runtime/built.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    FIELD_NAME,
    FIELD_TEXT,
    FIELD_INT,
    FIELD_WIDE,
    FIELD_REAL,
    FIELD_REALS,
    FIELD_WIDES,
    FIELD_PART,
    FIELD_ARRAY,
    FIELD_ONE,
    FIELD_INTS,
    FIELD_NAMES,
    FIELD_DATA,
    FIELD_CODE
} FieldKind;

typedef struct Record Record;

/* What does not belong to the kind is zero. */
typedef struct {
    const char *name;
    FieldKind kind;
    size_t offset;
    size_t count; /* of a pointer to several: the offset of the field that says how many, an int32_t */
    int n;        /* of an array in the struct: its length */
    int64_t least, most;
    const Record *(*of)(void); /* of a part, or of what is pointed to */
} Field;

struct Record {
    const char *name; /* "VtTensor" */
    size_t size;
    const Field *fields; /* in the order of their offsets */
    int n_fields;
};

/* What the rest is in or is pointed to by. */
const Record *record_of_program(void); /* VtProgram */
const Record *record_of_micro(void);   /* VtMicro */
const Record *record_of_built(void);   /* VtBuilt */

/* How many elements the pointer field of the struct at `data` has. */
static inline int32_t field_count(const Field *field, const void *data) {
    return field->kind == FIELD_ONE ? 1 : *(const int32_t *)((const char *)data + field->count);
}

#endif
