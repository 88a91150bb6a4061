/* Diagnostics: see diag.h. */
#include "ir/base/diag.h"
#include "ir/base/stream.h"
#include "runtime/base/nearest.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DIAGS = 100, MAX_LINE = 160 };

typedef struct {
    DiagKind kind;
    Loc loc;
    char *message;
} Diag;

typedef struct {
    const char *name, *text;
    size_t size;
} Source;

struct Diags {
    Arena *arena;
    Diag *list;
    size_t count, capacity;
    Source *sources;
    size_t n_sources, sources_capacity;
    int told[DIAG_NOTE], kept[DIAG_NOTE]; /* by kind; kept: in the list, with their notes */
    int dropped;                          /* of both kinds: there was no room */
    DiagKind last;                        /* kind of the diagnostic that notes now follow */
    bool note_dropped;                    /* it was not kept */
    bool ignore_warnings;
};

Diags *diags_new(Arena *arena) {
    Diags *diags = ARENA_NEW(arena, Diags);
    diags->arena = arena;
    return diags;
}

uint32_t diags_add_source(Diags *diags, const char *name, const char *text, size_t size) {
    Source source = {arena_strdup(diags->arena, name), text, size};
    ARENA_PUSH(diags->arena, diags->sources, diags->n_sources, diags->sources_capacity, source);
    return (uint32_t)diags->n_sources;
}

const char *diags_source_name(const Diags *diags, uint32_t file) {
    return file >= 1 && file <= diags->n_sources ? diags->sources[file - 1].name : NULL;
}

uint32_t diags_sources(const Diags *diags) {
    return (uint32_t)diags->n_sources;
}

const char *diags_source_text(const Diags *diags, uint32_t file, size_t *size) {
    const Source *source = file >= 1 && file <= diags->n_sources ? &diags->sources[file - 1] : NULL;
    if (size) *size = source ? source->size : 0;
    return source ? source->text : NULL;
}

/* The same message at the same place is told once: loops unrolled at compile time would repeat it. */
static bool told(const Diags *diags, Loc loc, const char *message) {
    for (size_t i = 0; i < diags->count; i++) {
        const Diag *d = &diags->list[i];
        bool same = d->loc.file == loc.file && d->loc.line == loc.line && d->loc.col == loc.col;
        if (same && d->kind != DIAG_NOTE && strcmp(d->message, message) == 0) return true;
    }
    return false;
}

static void add(Diags *diags, DiagKind kind, Loc loc, const char *format, va_list args) {
    char *message = arena_vprintf(diags->arena, format, args);
    if (kind == DIAG_NOTE) {
        if (diags->note_dropped) return;
    } else {
        diags->last = kind;
        bool drop = (kind == DIAG_WARNING && diags->ignore_warnings) || told(diags, loc, message);
        if (!drop && diags->kept[kind] >= MAX_DIAGS) {
            diags->dropped++;
            drop = true;
        }
        if (kind == DIAG_ERROR || !drop) diags->told[kind]++;
        diags->note_dropped = drop;
        if (drop) return;
    }
    diags->kept[diags->last]++;
    Diag diag = {kind, loc, message};
    ARENA_PUSH(diags->arena, diags->list, diags->count, diags->capacity, diag);
}

#define DEFINE_DIAG(name, kind)                                                                              \
    void name(Diags *diags, Loc loc, const char *format, ...) {                                              \
        va_list args;                                                                                        \
        va_start(args, format);                                                                              \
        add(diags, kind, loc, format, args);                                                                 \
        va_end(args);                                                                                        \
    }
DEFINE_DIAG(diag_error, DIAG_ERROR)
DEFINE_DIAG(diag_warning, DIAG_WARNING)
DEFINE_DIAG(diag_note, DIAG_NOTE)

void diags_drop_notes(Diags *diags) {
    diags->note_dropped = true;
}

int diags_errors(const Diags *diags) {
    return diags->told[DIAG_ERROR];
}
int diags_warnings(const Diags *diags) {
    return diags->told[DIAG_WARNING];
}
int diags_count(const Diags *diags) {
    return (int)diags->count;
}

void diags_make_warnings_errors(Diags *diags) {
    for (size_t i = 0; i < diags->count; i++)
        if (diags->list[i].kind == DIAG_WARNING) diags->list[i].kind = DIAG_ERROR;
    diags->told[DIAG_ERROR] += diags->told[DIAG_WARNING];
    diags->kept[DIAG_ERROR] += diags->kept[DIAG_WARNING];
    diags->told[DIAG_WARNING] = diags->kept[DIAG_WARNING] = 0;
}

void diags_ignore_warnings(Diags *diags) {
    diags->ignore_warnings = true;
}

const char *diags_message(const Diags *diags, int i, DiagKind *kind, Loc *loc) {
    if (kind) *kind = diags->list[i].kind;
    if (loc) *loc = diags->list[i].loc;
    return diags->list[i].message;
}

/* ---- printing -------------------------------------------------------------------------------------------- */

/* The text of a line, or NULL. */
static const char *find_line(const Source *source, uint32_t line, size_t *length) {
    const char *at = source->text, *end = at + source->size;
    for (uint32_t i = 1; at && i < line; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at) at++;
    }
    if (!at || at >= end) return NULL;
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    *length = (size_t)((stop ? stop : end) - at);
    return at;
}

/* Bytes of the control character there, 0 if it is none: C0, DEL, or C1 (U+0080 to U+009F) in UTF-8. */
static size_t control_at(const char *text, const char *end) {
    unsigned char c = (unsigned char)*text, next = text + 1 < end ? (unsigned char)text[1] : 0;
    if (c < ' ' || c == 0x7f) return 1;
    return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

void diag_put_text(const char *text, FILE *out) {
    for (const char *end = text + strlen(text); text < end;) {
        size_t n = *text == '\n' ? 0 : control_at(text, end);
        if (n == 0) fputc(*text++, out);
        for (; n > 0; n--) fprintf(out, "\\x%02x", (unsigned)(unsigned char)*text++);
    }
}

/* The source line with a caret below the column; tabs and control characters become spaces, long lines are cut. */
static void print_line(const Source *source, Loc loc, FILE *out, bool color) {
    size_t length, start = 0;
    const char *line = find_line(source, loc.line, &length);
    if (!line || loc.col == 0) return;
    size_t caret = loc.col - 1;
    if (caret > length) caret = length;
    if (length > MAX_LINE && caret > MAX_LINE / 2) start = caret - MAX_LINE / 2;
    size_t end = length - start > MAX_LINE ? start + MAX_LINE : length;
    fputs("  ", out);
    for (size_t i = start; i < end; i++) {
        size_t n = control_at(line + i, line + end);
        fputc(n ? ' ' : line[i], out);
        if (n > 1) i += n - 1;
    }
    fputs("\n  ", out);
    for (size_t i = start; i < caret; i++)
        if (((unsigned char)line[i] & 0xc0) != 0x80) fputc(' ', out);
    fputs(color ? "\033[1;32m^\033[0m\n" : "^\n", out);
}

static void print_one(const Diags *diags, const Diag *diag, FILE *out, bool color) {
    static const char *const names[] = {"error", "warning", "note"};
    static const char *const colors[] = {"\033[1;31m", "\033[1;33m", "\033[1;36m"};
    const char *file = diags_source_name(diags, diag->loc.file);
    if (color) fputs("\033[1m", out);
    if (file) diag_put_text(file, out);
    if (file && diag->loc.line)
        fprintf(out, ":%u:%u: ", diag->loc.line, diag->loc.col);
    else if (file)
        fputs(": ", out);
    fprintf(out, color ? "%s%s:\033[0m " : "%s%s: ", color ? colors[diag->kind] : "", names[diag->kind]);
    diag_put_text(diag->message, out);
    fputc('\n', out);
    if (file && diag->loc.line) print_line(&diags->sources[diag->loc.file - 1], diag->loc, out, color);
}

void diags_print(const Diags *diags, FILE *out, bool color) {
    diags_print_from(diags, 0, out, color);
}

void diags_print_from(const Diags *diags, int first, FILE *out, bool color) {
    for (size_t i = (size_t)first; i < diags->count; i++) print_one(diags, &diags->list[i], out, color);
    if (diags->dropped) fprintf(out, "… and %d more\n", diags->dropped);
}

char *diags_text(const Diags *diags) {
    TextStream stream;
    diags_print(diags, stream_begin(&stream), false);
    char *text = stream_end(&stream, NULL);
    char *copy = arena_strdup(diags->arena, text);
    free(text);
    return copy;
}

const char *diag_nearest(const char *word, const char *const *candidates, size_t n) {
    return vt_nearest(word, candidates, n);
}
