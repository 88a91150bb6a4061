/* What a terminal shows: names without what it would obey, lines as wide as it is, colours where it has any. */
#ifndef VITC_RUNTIME_BASE_TERMINAL_H
#define VITC_RUNTIME_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Control characters become \n, \x1b. What is not UTF-8 stays. Cut if there is no room. Returns out. */
const char *vt_show_name(const char *name, char *out, size_t size);
const char *vt_show_text(const char *text, char *out, size_t size); /* the same, but for line ends and tabs */

typedef struct {
    bool terminal; /* somebody reads it as it is written, and it can go back in a line */
    bool colour;   /* a terminal, unless NO_COLOR says no, or TERM that it has none */
    int width;     /* columns: COLUMNS, else what the terminal tells, else 80; at least 20 */
} VtTerminal;
VtTerminal vt_terminal(FILE *stream);

int vt_columns(const char *text); /* that a UTF-8 text takes, of characters of one column */
/* Prints words, of which `column` columns are taken already; a line that would become wider than `width` ends, and the
 * next begins with `indent` blanks; at a no-break space, U+00A0, which is printed as a blank, none does. No line end
 * follows. Returns the column after the last word. */
int vt_wrap(FILE *stream, const char *text, int column, int indent, int width);

#endif
