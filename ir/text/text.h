/* The words that the printer and the parser of the text form share. docs/ir.md defines the form. */
#ifndef VITC_IR_TEXT_TEXT_H
#define VITC_IR_TEXT_TEXT_H

#include "ir/ir.h"

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

#endif
