/* What is shown on a terminal: names come from files and recipes, and control characters in them would be obeyed. */
#include "runtime/base/terminal.h"

#include <stdio.h>
#include <string.h>

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
