/* Names of source files, and what they name (positions.h). */
#include "inspect/positions.h"
#include "ir/base/names.h"

#include <stdlib.h>
#include <string.h>

/* ---- short names ------------------------------------------------------------------------------------------------- */

/* The last n parts of a path. */
static const char *last_parts(const char *path, int n) {
    const char *at = path + strlen(path);
    while (at > path && !(at[-1] == '/' && --n == 0)) at--;
    return at;
}

/* Whether both lie in one folder. */
static bool beside(const char *a, const char *b) {
    size_t n = (size_t)(last_parts(a, 1) - a), m = (size_t)(last_parts(b, 1) - b);
    return n == m && memcmp(a, b, n) == 0;
}

/* Different files that would be called alike get longer names, part by part, all of them. */
static void tell_apart(Arena *arena, const char **paths, const char **names, uint32_t count) {
    bool changed = true;
    for (int parts = 2; changed && parts < 64; parts++) {
        Names taken = {0}; /* the first file of a name */
        bool *longer = ARENA_ARRAY(arena, bool, count + 1);
        changed = false;
        for (uint32_t f = 1; f <= count; f++) {
            uint32_t other = names_find(&taken, names[f]);
            if (other == NAMES_NONE)
                names_set(arena, &taken, names[f], f);
            else if (strcmp(paths[other], paths[f]) != 0)
                longer[other] = longer[f] = true;
        }
        /* Those that are called as one which gets a longer name are the same file, and get it too. */
        for (uint32_t f = 1; f <= count; f++) {
            if (!longer[names_find(&taken, names[f])] && !longer[f]) continue;
            const char *name = last_parts(paths[f], parts);
            changed |= name > paths[f];
            if (strlen(name) > strlen(names[f])) names[f] = name;
        }
    }
}

Positions positions_make(Arena *arena, const Diags *diags) {
    Positions positions = {.diags = diags, .count = diags ? diags_sources(diags) : 0};
    positions.names = ARENA_ARRAY(arena, const char *, positions.count + 1);
    const char **paths = ARENA_ARRAY(arena, const char *, positions.count + 1);
    paths[0] = positions.names[0] = "";
    for (uint32_t f = 1; f <= positions.count; f++) {
        paths[f] = diags_source_name(diags, f);
        bool own = f == 1 || beside(paths[1], paths[f]);
        positions.names[f] = last_parts(paths[f], own ? 1 : 2);
    }
    tell_apart(arena, paths, positions.names, positions.count);
    return positions;
}

const char *positions_file(const Positions *positions, uint32_t file) {
    return file <= positions->count ? positions->names[file] : "";
}

const char *positions_text(Arena *arena, const Positions *positions, Loc loc) {
    const char *file = positions_file(positions, loc.file);
    return *file ? arena_printf(arena, "%s:%u", file, loc.line) : "";
}

/* ---- what they name ---------------------------------------------------------------------------------------------- */

const char *positions_line(const Positions *positions, Loc loc, size_t *length) {
    size_t size;
    const char *text = positions->diags ? diags_source_text(positions->diags, loc.file, &size) : NULL, *end;
    if (!text || loc.line == 0) return NULL;
    end = text + size;
    for (uint32_t line = 1; line < loc.line; line++) {
        text = memchr(text, '\n', (size_t)(end - text));
        if (!text) return NULL;
        text++;
    }
    if (text == end) return NULL;
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    *length = (size_t)((stop ? stop : end) - text);
    return text;
}

/* A number and nothing but it, or `:` and what follows. */
static bool take_number(const char **at, uint32_t *out) {
    char *end;
    unsigned long value = **at >= '0' && **at <= '9' ? strtoul(*at, &end, 10) : 0;
    if (value == 0 || value > UINT32_MAX || (*end && *end != ':')) return false;
    *at = end;
    *out = (uint32_t)value;
    return true;
}

/* Whether the path ends in these n letters, which are whole parts of it. */
static bool ends_in(const char *path, const char *text, size_t n) {
    size_t m = strlen(path);
    return n && m >= n && memcmp(path + m - n, text, n) == 0 && (m == n || path[m - n - 1] == '/');
}

Loc positions_find(const Positions *positions, const char *text) {
    Loc loc = {0, 0, 0}, none = loc;
    const char *at = text;
    size_t n = 0;
    if (!take_number(&at, &loc.line)) {
        n = strcspn(text, ":");
        at = text + n + (text[n] == ':');
        if (n == 0 || !take_number(&at, &loc.line)) return none;
    }
    if (*at == ':' && at++ && !take_number(&at, &loc.col)) return none;
    if (*at) return none;
    if (n == 0 && positions->count) loc.file = 1;
    for (uint32_t f = 1; n && f <= positions->count && !loc.file; f++)
        if (ends_in(diags_source_name(positions->diags, f), text, n)) loc.file = f;
    return loc.file ? loc : none;
}
