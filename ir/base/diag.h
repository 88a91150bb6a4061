/* Diagnostics with source positions, shown like clang's: file:line:col, the line, a caret, notes.
 * Collects all errors and warnings of a compilation (each up to a limit); the driver prints them once. */
#ifndef VITC_IR_BASE_DIAG_H
#define VITC_IR_BASE_DIAG_H

#include "ir/base/arena.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A place in a source text. `file` counts the diags' sources from 1; 0: no place. Lines and columns from 1.
 */
typedef struct {
    uint32_t file, line, col;
} Loc;

typedef enum { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE } DiagKind;

typedef struct Diags Diags;

Diags *diags_new(Arena *arena);
/* Registers a source so that its lines can be shown; text must live as long as the diags. Returns its `file`.
 */
uint32_t diags_add_source(Diags *diags, const char *name, const char *text, size_t size);
const char *diags_source_name(const Diags *diags, uint32_t file); /* NULL for 0 */
uint32_t diags_sources(const Diags *diags);                       /* how many: the last `file` */
/* Its text, "" where only its name is known (IR text names files); NULL for 0. size may be NULL. */
const char *diags_source_text(const Diags *diags, uint32_t file, size_t *size);

void diag_error(Diags *diags, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Of what is well-formed, yet hardly meant: it stops nothing. */
void diag_warning(Diags *diags, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A note belongs to the diagnostic before it. */
void diag_note(Diags *diags, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Notes that follow belong to a diagnostic that is not told: they are not either. */
void diags_drop_notes(Diags *diags);

int diags_errors(const Diags *diags);   /* warnings are none */
int diags_warnings(const Diags *diags); /* 0 once they are errors */
int diags_count(const Diags *diags);
void diags_make_warnings_errors(Diags *diags); /* those told so far */
void diags_ignore_warnings(Diags *diags);      /* those that follow, with their notes */
const char *diags_message(const Diags *diags, int i, DiagKind *kind, Loc *loc); /* for tests */
void diags_print(const Diags *diags, FILE *out, bool color);
/* From the diagnostic of that number on, counting from 0: what was printed before is left out. */
void diags_print_from(const Diags *diags, int first, FILE *out, bool color);
/* Text that someone else wrote, such as a name, for a terminal: control characters, which could move its cursor or
 * more, as \x1b; lines end as they do. */
void diag_put_text(const char *text, FILE *out);
/* The same as text, in the diags' arena. */
char *diags_text(const Diags *diags);

/* vt_nearest (runtime/base/nearest.h) for who has no other need of runtime/. */
const char *diag_nearest(const char *word, const char *const *candidates, size_t n);

#endif
