/* The values of the expression language: numbers, lists and the like, known while a recipe is elaborated, and
 * tensors, of which only the type is known. */
#ifndef VITC_FRONTEND_EVALUATE_VALUE_H
#define VITC_FRONTEND_EVALUATE_VALUE_H

#include "frontend/recipe/recipe.h"

typedef enum {
    V_POISON, /* an error was told already: what is made of it is poison too, without a word */
    V_NONE,
    V_INT,
    V_REAL,
    V_BOOL,
    V_STRING,
    V_LIST,
    V_TUPLE,
    V_RECORD,
    V_TENSOR,
    V_STATE,
    V_INIT, /* how a state begins: normal(0.02) */
    V_MODULE,
    V_NETWORK,
    V_BUILTIN,
    V_SLICE,
    V_ELLIPSIS
} ValueKind;

typedef struct Value Value;
struct Value { /* small: a recipe may unroll to millions */
    ValueKind kind;
    union {
        uint32_t
            scalar; /* INT, REAL, BOOL: that may be another when the program runs (recipe/scalars.h); 0: none */
        ValueId id;     /* TENSOR */
        uint32_t state; /* STATE */
        InitKind init;  /* INIT: its kind, with numbers a and b, or with a shape (items) as well */
    };
    union {
        double number; /* INT, REAL, BOOL */
        double a;
        const Func *func; /* TENSOR: the function that `id` belongs to */
    };
    union {
        double b;
        const char **names; /* RECORD */
    };
    union {
        const char *text;
        Value *items; /* LIST, TUPLE, RECORD; SLICE: start, stop, step */
        const Definition *definition;
        const struct Builtin *builtin;
    };
    size_t count;
    uint32_t weight;      /* LIST, TUPLE, RECORD: values in it, with those of its parts … */
    uint16_t height;      /* … and how deep they nest */
    uint16_t application; /* of the network that returned it, from 1; 0: it was computed otherwise */
};

Value value_number(double x, bool is_int); /* whole numbers beyond 2^53 are reals */
Value value_bool(bool x);
Value value_none(void);
bool is_number(const Value *v); /* INT, REAL or BOOL */
bool is_tensor(const Value *v); /* TENSOR or STATE */
bool is_list(const Value *v);   /* LIST or TUPLE */

#endif
