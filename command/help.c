/* The layout of help: see help.h. */
#include "command/help.h"

#include <string.h>

enum { INDENT = 2, GAP = 2, READABLE = 100 }; /* lines that are longer are hard to read */

Help help_begin(FILE *out, const VtTerminal *terminal) {
    return (Help){.out = out,
                  .colour = terminal->colour,
                  .width = terminal->width < READABLE ? terminal->width : READABLE};
}

static void print_bold(const Help *help, const char *text) {
    fprintf(help->out, help->colour ? "\033[1m%s\033[0m" : "%s", text);
}

void help_heading(const Help *help, const char *text) {
    fputc('\n', help->out);
    print_bold(help, text);
    fputc('\n', help->out);
}

/* Paragraphs, the first of which begins at `column`. */
static void print_text(const Help *help, int column, int indent, const char *text) {
    char paragraph[4096];
    while (*text) {
        size_t n = strcspn(text, "\n"), size = n < sizeof paragraph ? n : sizeof paragraph - 1;
        memcpy(paragraph, text, size);
        paragraph[size] = '\0';
        if (column < indent) fprintf(help->out, "%*s", indent - column, "");
        vt_wrap(help->out, paragraph, indent, indent, help->width);
        fputc('\n', help->out);
        text += n + (text[n] == '\n');
        column = 0;
    }
}

void help_text(const Help *help, int indent, const char *text) {
    print_text(help, 0, indent, text);
}

void help_columns(Help *help, const char *const *labels, size_t n) {
    enum { NARROW = 50, WIDEST = 30 };
    int most = help->width * 2 / 5 < WIDEST ? help->width * 2 / 5 : WIDEST;
    help->left = 0;
    for (size_t i = 0; help->width >= NARROW && i < n; i++) {
        int columns = vt_columns(labels[i]);
        if (columns <= most && columns > help->left) help->left = columns;
    }
}

void help_row(const Help *help, const char *label, const char *doc) {
    int columns = vt_columns(label), right = help->left ? INDENT + help->left + GAP : 3 * INDENT;
    fprintf(help->out, "%*s", INDENT, "");
    print_bold(help, label);
    bool below = columns > help->left;
    if (below || !*doc) fputc('\n', help->out);
    print_text(help, below ? 0 : INDENT + columns, right, doc);
}
