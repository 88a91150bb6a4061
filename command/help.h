/* Help as it is laid out for whoever reads it: headings, two columns, lines as wide as the terminal; and what tables of
 * verbs tell of themselves. */
#ifndef VITC_COMMAND_HELP_H
#define VITC_COMMAND_HELP_H

#include "command/command.h"
#include "runtime/base/terminal.h"

typedef struct {
    FILE *out;
    bool colour;
    int width;
    int left; /* of the left column; 0: what belongs into the right one stands below */
} Help;

/* terminal: what `out` is seen on, maybe through a pager. */
Help help_begin(FILE *out, const VtTerminal *terminal);
void help_heading(const Help *help, const char *text);
void help_text(const Help *help, int indent, const char *text); /* paragraphs that end in \n */
/* The left column of the rows to come: as wide as the longest label, if that leaves enough for the right one. */
void help_columns(Help *help, const char *const *labels, size_t n);
/* doc: paragraphs too, "": there is none. */
void help_row(const Help *help, const char *label, const char *doc);

/* ---- usage.c ----------------------------------------------------------------------------------------------------- */
const Verb *find_verb(const char *name);      /* NULL: there is none, or help does not show it */
void tell_verb(Help *help, const Verb *verb); /* usage, flags and examples */
void tell_verbs(Help *help);                  /* a list of all */
void tell_notes(const Help *help, const char *const *notes); /* paragraphs up to NULL */
/* "train RECIPE [key=value …] --data PATH [flag …]", without the name of the program. Blanks at which no line ends are
 * U+00A0. */
void verb_usage(const Verb *verb, char *out, size_t size);
bool flag_is_needed(const Verb *verb, const FlagRow *row); /* one of Verb.needs */
void flag_usage(const FlagRow *row, char *out,
                size_t size); /* "--name VALUE", "-o FILE", "--memory[=FILE]" */

#endif
