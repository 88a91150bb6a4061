/* The words that the printer and the parser of the text form share. docs/ir.md defines the form. */
#ifndef VITC_IR_TEXT_TEXT_H
#define VITC_IR_TEXT_TEXT_H

#include "ir/plan/plan.h"

/* By StateRole; by InitKind with the keys of State.a and State.b (NULL: unused). */
extern const char *const ROLE_NAMES[ROLE_COUNT];
extern const char *const OUTPUT_ROLE_NAMES[OUTPUT_ROLE_COUNT];
typedef struct {
    const char *name, *a, *b;
} InitText;
extern const InitText INIT_TEXTS[6];

/* Letters, digits, '_', '.', '-', '/': what a name may hold without quotes. */
bool text_is_name_char(char c);

/* " {ta = true}": the attributes of a node that are not their defaults; nothing if there are none. */
void text_put_attrs(FILE *out, const Module *module, const Node *node);

/* ---- print.c ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *const
        *files; /* by Loc.file, n_files of them: what sources are called; NULL: as the diags name them */
    uint32_t n_files;
    const Func *only; /* this function, those that make states, and bodies of their loops; NULL: all */
} TextStyle;
/* As module_print, which has a style of zeros; it reads back all the same. */
char *module_print_as(const Module *module, const TextStyle *style, size_t *size);

/* The statements of the text by themselves: without indentation, braces, comment, line end and index maps. */
void text_module(FILE *out, const Module *module); /* "module @name target(…)" */
void text_state(FILE *out, const Module *module, const State *state);
void text_signature(FILE *out, const Func *func);                 /* "func @step(%x : f32[8]) arena = 128" */
void text_value(FILE *out, const Func *func, ValueId id);         /* "%12", "%net.weight" */
void text_node(FILE *out, const Func *func, ValueId id);          /* "%12 = exp %x : f32[8] at arena(64)" */
void text_place(FILE *out, const Func *func, const Place *place); /* "arena(64)" */
void text_kernel(FILE *out, const Func *func, uint32_t k); /* "kernel 3 loops [8] reads %x stores %12" */
void text_chain(FILE *out, const Chain *chain);            /* "chain {units = 8, size = 2}" */
void text_copy(FILE *out, const Func *func, const PlaceCopy *copy); /* "copy %3 to output(z)" */
void text_output(FILE *out, const Func *func, size_t i);            /* "output z = %12" */
void text_update(FILE *out, const Func *func, size_t i);            /* "update net.weight = %12" */

#endif
