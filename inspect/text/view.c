/* Lines of a view: see view.h. */
#include "inspect/text/view.h"
#include "ir/base/arena.h"
#include "runtime/base/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const LOOKS[N_LOOKS] = {
    [LOOK_PLAIN] = "",        [LOOK_COMMENT] = "\033[2m", [LOOK_HEADING] = "\033[1m",
    [LOOK_GONE] = "\033[31m", [LOOK_NEW] = "\033[32m",    [LOOK_CHANGED] = "\033[33m"};
static const char RESET[] = "\033[0m";
enum { MARK = '\1' }; /* between a statement and its comment: names are printed without control characters */

void view_open(View *view, FILE *out, int width, bool colour) {
    *view = (View){.out = out, .width = width, .colour = colour};
    view->line = arena_must(open_memstream(&view->text, &view->size));
}

void view_close(View *view) {
    fclose(view->line);
    free(view->text);
}

void view_mark(View *view) {
    fputc(MARK, view->line);
}

static void put(const View *view, const char *text, int *column, int indent) {
    if (view->width)
        *column = vt_wrap(view->out, text, *column, indent, view->width);
    else
        fputs(text, view->out);
}

static void look_like(const View *view, Look look) {
    if (view->colour) fputs(LOOKS[look], view->out);
}

static void look_plain(const View *view, Look look) {
    if (view->colour && *LOOKS[look]) fputs(RESET, view->out);
}

void view_end(View *view, int indent, Look look) {
    enum { MORE = 4 }; /* blanks before what goes on in the next line */
    long size = ftell(view->line);
    bool whole = fputc('\0', view->line) == 0 && fflush(view->line) == 0 && !ferror(view->line);
    if (!whole) arena_must(NULL); /* memory ran out */
    char *text = view->text, *comment = memchr(text, MARK, (size_t)size);
    int column = indent, inner = indent + MORE < view->width / 2 ? indent + MORE : indent;
    if (comment) *comment++ = '\0';
    if (*text) fprintf(view->out, "%*s", indent, "");
    look_like(view, look);
    put(view, text, &column, inner);
    look_plain(view, look);
    if (comment && *comment) {
        bool fits = !view->width || column + 2 + vt_columns(comment) <= view->width;
        if (!fits) {
            fprintf(view->out, "\n%*s", inner, "");
            column = inner;
        } else {
            fputs("  ", view->out);
            column += 2;
        }
        look_like(view, LOOK_COMMENT);
        put(view, comment, &column, inner);
        look_plain(view, LOOK_COMMENT);
    }
    fputc('\n', view->out);
    rewind(view->line);
}

void view_line(View *view, int indent, Look look, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(view->line, format, args);
    va_end(args);
    view_end(view, indent, look);
}
