/* Help as it is laid out for whoever reads it: headings, two columns, lines as wide as the terminal. */
#ifndef VITC_COMMAND_HELP_H
#define VITC_COMMAND_HELP_H

#include <stdbool.h>
#include <stdio.h>

typedef struct {
    FILE *out;
    bool colour;
    int width;
    int left; /* of the left column; 0: what belongs into the right one stands below */
} Help;

Help help_begin(FILE *out);
void help_heading(const Help *help, const char *text);
void help_text(const Help *help, int indent, const char *text); /* paragraphs that end in \n */
/* The left column of the rows to come: as wide as the longest label, if that leaves enough for the right one. */
void help_columns(Help *help, const char *const *labels, size_t n);
/* doc: paragraphs too, "": there is none. */
void help_row(const Help *help, const char *label, const char *doc);

#endif
