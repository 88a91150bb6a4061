/* Inside the data sets: Python's pickles as far as the files of CIFAR need them. Nothing is ever run: of all that a
 * pickle may ask for, numpy's arrays of bytes alone are known, and anything else is refused with its place. */
#ifndef VITC_RUNTIME_DATASETS_PICKLE_H
#define VITC_RUNTIME_DATASETS_PICKLE_H

#include "runtime/base/error.h"

#include <stdint.h>

typedef enum {
    PICKLE_NONE,
    PICKLE_NUMBER, /* integers and booleans */
    PICKLE_TEXT,   /* bytes and strings */
    PICKLE_LIST,   /* tuples too */
    PICKLE_DICT,   /* key, value, key, value, … */
    PICKLE_GLOBAL, /* `text` is its name without the module */
    PICKLE_OBJECT  /* what was to be called, its arguments, its state (or none) */
} PickleKind;

typedef struct {
    PickleKind kind;
    int64_t number;
    const uint8_t *text; /* in the pickle's bytes */
    int64_t size;        /* of it */
    uint8_t *owned;      /* `text` where it is not in there */
    int32_t *items;      /* numbers of values */
    int32_t count, capacity;
} PickleValue;

typedef struct {
    PickleValue *values;
    int32_t count, capacity, root;
} Pickle;

/* Reads a pickle of protocol 2 or above; its bytes stay the caller's and must outlive it. */
bool pickle_read(Pickle *pickle, const uint8_t *bytes, int64_t size, const char *name, VtError *error);
void pickle_free(Pickle *pickle);
/* What a dictionary holds under a key; NULL: nothing, or it is none. */
const PickleValue *pickle_get(const Pickle *pickle, const PickleValue *dict, const char *key);
const PickleValue *pickle_item(const Pickle *pickle, const PickleValue *value, int32_t i); /* NULL: none */
/* numpy's array u8[rows, columns], rows after each other: its rows * columns bytes. NULL: it is none. */
const uint8_t *pickle_array(const Pickle *pickle, const PickleValue *value, int64_t *rows, int64_t *columns);

#endif
