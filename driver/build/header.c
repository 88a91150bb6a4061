/* The header of a library: see library.h. It is library/model.h, which the library itself is compiled with, under
 * another name. */
#include "driver/build/library.h"
#include "ir/base/stream.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The text of library/model.h (CMakeLists.txt). */
extern const char model_header[];

static const char PREFIX[] = "vt_model", LARGE_PREFIX[] = "VT_MODEL", FACTS[] = "/* [facts] */\n";

static bool is_letter(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* The letters of the name at `at`; 0: none begins there. */
static size_t name_at(const char *at) {
    size_t n = 0;
    if (at > model_header && is_letter(at[-1])) return 0;
    while (is_letter(at[n])) n++;
    return n;
}

/* Whether a name of the interface begins there. */
static bool is_ours(const char *at) {
    size_t n = sizeof PREFIX - 1;
    return name_at(at) > n && at[n] == '_' &&
           (strncmp(at, PREFIX, n) == 0 || strncmp(at, LARGE_PREFIX, n) == 0);
}

/* The number that the header defines. */
static int defined(const char *line) {
    return atoi(strstr(model_header, line) + strlen(line));
}

int library_abi(void) {
    return defined("#define VT_MODEL_ABI ");
}

int library_abi_minor(void) {
    return defined("#define VT_MODEL_ABI_MINOR ");
}

char *library_header(Build *b) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    fprintf(out, "/* vitc build %s --emit=lib: made by vitc %s, not to be edited. */\n", b->about.name,
            b->about.version);
    for (const char *at = model_header; *at;) {
        if (strncmp(at, FACTS, sizeof FACTS - 1) == 0) {
            library_facts(b, out);
            at += sizeof FACTS - 1;
        } else if (is_ours(at)) {
            fputs(b->symbol, out);
            at += sizeof PREFIX - 1;
        } else
            fputc(*at++, out);
    }
    char *text = stream_end(&stream, NULL), *kept = arena_strdup(b->arena, text);
    free(text);
    return kept;
}

static bool is_in(const Words *words, const char *word) {
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->items[i], word) == 0) return true;
    return false;
}

/* What a ( follows. */
Words library_functions(Arena *arena) {
    Words functions = {0};
    for (const char *at = model_header; *at; at++) {
        size_t n = name_at(at);
        if (!n || at[n] != '(' || !is_ours(at)) continue;
        const char *name = arena_strndup(arena, at, n);
        if (!is_in(&functions, name)) words_add(arena, &functions, name);
    }
    return functions;
}
