/* Lines of a view, as wide as who sees them can take: statements of the text form, and comments. */
#ifndef VITC_INSPECT_TEXT_VIEW_H
#define VITC_INSPECT_TEXT_VIEW_H

#include <stdbool.h>
#include <stdio.h>

typedef struct {
    FILE *out;
    int width; /* lines that are longer go on in the next; 0: none does */
    bool colour;
    FILE *line; /* what is made of the next line: view_begin … */
    char *text;
    size_t size;
} View;

/* How a line looks on a terminal with colours. */
typedef enum { LOOK_PLAIN, LOOK_COMMENT, LOOK_HEADING, LOOK_GONE, LOOK_NEW, LOOK_CHANGED, N_LOOKS } Look;

void view_open(View *view, FILE *out, int width, bool colour);
void view_close(View *view);

/* A line is what was written to view->line since the last one; view_end(view, indent, look) prints it behind `indent`
 * blanks. view_mark: what was written before is the statement, what follows its comment. */
void view_mark(View *view);
void view_end(View *view, int indent, Look look);
/* One line at once. */
void view_line(View *view, int indent, Look look, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
