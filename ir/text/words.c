/* Words, numbers, types and lines of the text form: see parser.h. */
#include "ir/text/parser.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Loc parser_loc(const Parser *p, const char *at) {
    return (Loc){p->file, p->line, (uint32_t)(at - p->line_start) + 1};
}

Cursor parser_cursor(const Parser *p) {
    return (Cursor){p->at, p->line_start, p->line};
}

void parser_go_to(Parser *p, Cursor cursor) {
    p->at = cursor.at;
    p->line_start = cursor.line_start;
    p->line = cursor.line;
}

/* ---- characters and words ---------------------------------------------------------------------------------------- */

bool parser_fail(Parser *p, const char *at, const char *format, ...) {
    char message[600];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return parser_fail_at(p, parser_loc(p, at), "%s", message);
}

bool parser_fail_at(Parser *p, Loc loc, const char *format, ...) {
    char message[600];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    diag_error(p->diags, loc, "%s", message);
    p->errors++;
    return false;
}

void parser_skip_spaces(Parser *p) {
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r') p->at++;
}

bool parser_accept(Parser *p, char c) {
    parser_skip_spaces(p);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

bool parser_expect(Parser *p, char c) {
    if (parser_accept(p, c)) return true;
    if (*p->at == '\n' || !*p->at)
        return parser_fail(p, p->at, "expected '%c' before the end of the line", c);
    return parser_fail(p, p->at, "expected '%c'", c);
}

/* The word at the cursor, if it is `word`. */
bool parser_accept_word(Parser *p, const char *word) {
    parser_skip_spaces(p);
    size_t n = strlen(word);
    if (strncmp(p->at, word, n) != 0 || text_is_name_char(p->at[n])) return false;
    p->at += n;
    return true;
}

/* A run of name characters; NULL if there is none. */
char *parser_take_word(Parser *p) {
    parser_skip_spaces(p);
    const char *start = p->at;
    while (text_is_name_char(*p->at)) p->at++;
    return p->at > start ? arena_strndup(p->arena, start, (size_t)(p->at - start)) : NULL;
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* "…" with \", \\ and \xNN; NULL and no message if it is not closed on this line. */
static char *take_quoted(Parser *p) {
    const char *end = p->at + 1;
    while (*end && *end != '\n' && *end != '"') end += *end == '\\' && end[1] && end[1] != '\n' ? 2 : 1;
    if (*end != '"') return NULL;
    char *name = arena_alloc(p->arena, (size_t)(end - p->at) + 1), *to = name;
    for (const char *c = p->at + 1; c < end; c++) {
        if (*c == '\\' && c[1] == 'x') {
            int high = hex_digit(c[2]), low = high < 0 ? -1 : hex_digit(c[3]);
            if (low < 0 || high > 7 || high + low == 0 || c + 3 >= end) return NULL;
            *to++ = (char)(high * 16 + low);
            c += 3;
        } else {
            if (*c == '\\') c++;
            *to++ = *c;
        }
    }
    p->at = end + 1;
    return name;
}

char *parser_take_name(Parser *p, const char *what) {
    parser_skip_spaces(p);
    const char *start = p->at;
    char *name = *p->at == '"' ? take_quoted(p) : parser_take_word(p);
    if (!name)
        parser_fail(p, start, *start == '"' ? "unfinished name of a %s" : "expected the name of a %s", what);
    return name;
}

bool parser_take_int(Parser *p, int64_t *out) {
    parser_skip_spaces(p);
    char *end;
    errno = 0;
    long long value = strtoll(p->at, &end, 10);
    if (end == p->at || isspace((unsigned char)*p->at))
        return parser_fail(p, p->at, "expected a whole number");
    if (errno || text_is_name_char(*end)) return parser_fail(p, p->at, "not a whole number of 64 bits");
    p->at = end;
    *out = value;
    return true;
}

bool parser_take_real(Parser *p, double *out) {
    parser_skip_spaces(p);
    char *end;
    double value = strtod(p->at, &end);
    if (end == p->at || isspace((unsigned char)*p->at)) return parser_fail(p, p->at, "expected a number");
    if (text_is_name_char(*end)) return parser_fail(p, p->at, "not a number");
    p->at = end;
    *out = value;
    return true;
}

bool parser_take_dtype(Parser *p, DType *out) {
    parser_skip_spaces(p);
    const char *start = p->at;
    while (isalnum((unsigned char)*p->at)) p->at++;
    for (int d = 0; d < DT_COUNT; d++) {
        size_t n = strlen(dtype_name((DType)d));
        if ((size_t)(p->at - start) == n && strncmp(start, dtype_name((DType)d), n) == 0) {
            *out = (DType)d;
            return true;
        }
    }
    return parser_fail(p, start, "expected an element type: f32, f64, bf16, i32, i64 or bool");
}

bool parser_take_precision(Parser *p, Precision *precision) {
    parser_skip_spaces(p);
    const char *start = p->at, *word = parser_take_word(p);
    return (word && precision_find(word, precision)) ||
           parser_fail(p, start, "expected a precision: fp32, bf16 or bf16x3");
}

/* f32, f32[2x3] */
bool parser_take_type(Parser *p, Type *out) {
    DType dtype;
    if (!parser_take_dtype(p, &dtype)) return false;
    *out = type_scalar(dtype);
    if (*p->at != '[') return true;
    do {
        const char *start = ++p->at;
        char *end;
        errno = 0;
        long long size = isdigit((unsigned char)*start) ? strtoll(start, &end, 10) : 0;
        if (size < 1 || errno) return parser_fail(p, start, "expected a size of 1 or more");
        if (out->rank == IR_MAX_RANK) return parser_fail(p, start, "more than %d axes", IR_MAX_RANK);
        out->dim[out->rank++] = size;
        if (!type_fits(out))
            return parser_fail(p, start, "too large a type: at most 2^%d elements", IR_MAX_ELEMENTS_LOG2);
        p->at = end;
    } while (*p->at == 'x');
    return parser_expect(p, ']');
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static uint32_t file_number(Parser *p, const char *name) {
    for (size_t i = 0; i < p->n_files; i++)
        if (strcmp(p->files[i].name, name) == 0) return p->files[i].file;
    uint32_t file = diags_add_source(p->diags, name, "", 0);
    size_t room = sizeof p->files / sizeof *p->files;
    size_t slot = p->n_files < room ? p->n_files++ : file % room;
    p->files[slot].name = arena_strdup(p->arena, name);
    p->files[slot].file = file;
    return file;
}

/* "(file:line:col)", "(file:line)"; a comment of another form says nothing. */
static bool take_place(Parser *p, Loc *loc) {
    p->at++;
    char *file = *p->at == '"' ? take_quoted(p) : parser_take_word(p), *end;
    if (!file || *p->at != ':') return false;
    unsigned long line = strtoul(p->at + 1, &end, 10);
    unsigned long col = *end == ':' ? strtoul(end + 1, &end, 10) : 0;
    if (*end != ')' || line > UINT32_MAX || col > UINT32_MAX) return false;
    p->at = end + 1;
    *loc = (Loc){file_number(p, file), (uint32_t)line, (uint32_t)col};
    return true;
}

/* After "//": "scope (file:line:col)", either part alone too. */
static void take_origin(Parser *p, const char **scope, Loc *loc) {
    char *name = NULL;
    Loc place = {0, 0, 0};
    parser_skip_spaces(p);
    bool good = true;
    if (*p->at != '(' && *p->at != '\n' && *p->at) {
        name = *p->at == '"' ? take_quoted(p) : parser_take_word(p);
        good = name != NULL;
    }
    parser_skip_spaces(p);
    if (good && *p->at == '(') good = take_place(p, &place);
    parser_skip_spaces(p);
    if (good && (*p->at == '\n' || !*p->at)) {
        *scope = name;
        *loc = place;
    }
    while (*p->at && *p->at != '\n') p->at++;
}

void parser_next_line(Parser *p) {
    while (*p->at && *p->at != '\n') p->at++;
    if (!*p->at) return;
    p->line_start = ++p->at;
    p->line++;
}

/* Nothing more may stand on the line but where the statement comes from. */
bool parser_end_line(Parser *p, const char **scope, Loc *loc) {
    parser_skip_spaces(p);
    if (p->at[0] == '/' && p->at[1] == '/') {
        p->at += 2;
        take_origin(p, scope, loc);
    }
    if (*p->at && *p->at != '\n') return parser_fail(p, p->at, "unexpected text at the end of a statement");
    parser_next_line(p);
    return true;
}

/* To the next line that holds more than a comment; false at the end of the text. */
bool parser_find_statement(Parser *p) {
    for (;; parser_next_line(p)) {
        parser_skip_spaces(p);
        if (!*p->at) return false;
        if (*p->at != '\n' && !(p->at[0] == '/' && p->at[1] == '/')) return true;
    }
}
