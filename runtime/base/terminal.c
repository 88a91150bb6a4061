/* What is shown on a terminal: names come from files and recipes, and control characters in them would be obeyed. */
#include "runtime/base/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Bytes that a control character at `p` takes; 0: there is none. C1 codes lie in UTF-8 as C2 80 to C2 9F. */
static int control_size(const char *p) {
    unsigned char c = (unsigned char)p[0], next = c ? (unsigned char)p[1] : 0;
    if ((c && c < 0x20) || c == 0x7f) return 1;
    return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

static const char *show(const char *text, const char *kept, char *out, size_t size) {
    static const char letters[] = "n\nt\tr\r";
    size_t n = 0;
    while (*text && n + 5 < size) {
        int control = control_size(text);
        if (control == 0 || strchr(kept, *text)) {
            out[n++] = *text++;
            continue;
        }
        const char *letter = strchr(letters, *text);
        if (letter)
            n += (size_t)snprintf(out + n, size - n, "\\%c", letter[-1]);
        else
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", (unsigned char)text[control - 1]);
        text += control;
    }
    out[n] = '\0';
    return out;
}

const char *vt_show_name(const char *name, char *out, size_t size) {
    return show(name, "", out, size);
}

const char *vt_show_text(const char *text, char *out, size_t size) {
    return show(text, "\n\t", out, size);
}

/* ---- width and colour -------------------------------------------------------------------------------------------- */

VtTerminal vt_terminal(FILE *stream) {
    enum { LEAST = 20, MOST = 10000, USUAL = 80 };
    const char *columns = getenv("COLUMNS"), *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    int fd = fileno(stream);
    bool dumb = !term || !*term || strcmp(term, "dumb") == 0;
    VtTerminal t = {.terminal = fd >= 0 && isatty(fd) && !dumb, .width = columns ? atoi(columns) : 0};
    t.colour = t.terminal && !(no_colour && *no_colour);
    struct winsize size = {0};
    if (t.width <= 0 && fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0) t.width = size.ws_col;
    if (t.width <= 0 || t.width > MOST) t.width = USUAL;
    if (t.width < LEAST) t.width = LEAST;
    return t;
}

static int columns_of(const char *text, size_t size) {
    int n = 0;
    for (size_t i = 0; i < size; i++) n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

int vt_columns(const char *text) {
    return columns_of(text, strlen(text));
}

int vt_wrap(FILE *stream, const char *text, int column, int indent, int width) {
    for (bool first = true; *(text += strspn(text, " ")); first = false) {
        size_t size = strcspn(text, " ");
        int needed = columns_of(text, size);
        if (!first && column + 1 + needed > width) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', stream);
            column++;
        }
        for (size_t i = 0; i < size; i++) {
            bool blank = strncmp(text + i, "\u00a0", 2) == 0;
            fputc(blank ? ' ' : text[i], stream);
            i += blank;
        }
        column += needed;
        text += size;
    }
    return column;
}
