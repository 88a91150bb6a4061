/* Words and signs that other languages have (Python, NumPy, PyTorch, C) and this one has not, with what vitc writes
 * instead. Each function returns a whole message, or NULL where it knows nothing of a word,
 * unless it says otherwise. */
#ifndef VITC_FRONTEND_TEXT_FOREIGN_H
#define VITC_FRONTEND_TEXT_FOREIGN_H

#include "ir/base/arena.h"
#include <stdbool.h>

/* A word that begins a statement: while, def, import, print … */
const char *foreign_statement(const char *word);
/* Whether such a word is one even where a call could be meant, as `while (x)`. */
bool foreign_keyword(const char *word);
/* A name that stands for a value: True, None, self; or, where it is called, for a function: isinstance, cat … */
const char *foreign_name(const char *word, bool called);
/* What vitc calls an argument: axis for dim; NULL: nothing is known of the word. */
const char *foreign_argument(const char *word);
/* The sign that `at` begins with: &&, !, →, a quotation mark of a word processor … */
const char *foreign_sign(const char *at, const char *end);
/* Whether a name is that of a package of functions: torch, np, F … */
bool foreign_package(const char *word);
/* `package.name`. native: whether vitc has a function `name` too. */
const char *foreign_member(Arena *arena, const char *package, const char *name, bool native);
/* `value.name` or `value.name(…)`; value: its text. native: as above. */
const char *foreign_attribute(Arena *arena, const char *value, const char *name, bool native);

#endif
