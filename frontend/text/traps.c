/* Traps of YAML: see traps.h. */
#include "frontend/text/traps.h"

#include <ctype.h>
#include <string.h>

/* ---- texts ------------------------------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    Diags *diags;
    uint32_t file;
    const char *text, *end;
    Mends *mends;
    const char *value, *value_end; /* that should be quoted; NULL: none */
} Source;

Loc trap_loc(const Mends *mends, uint32_t file, yaml_mark_t mark) {
    size_t column = mark.column;
    for (int i = 0; i < mends->n; i++)
        if (mends->quotes[i].line == mark.line && mends->quotes[i].column < mark.column) column--;
    return (Loc){file, (uint32_t)mark.line + 1, (uint32_t)column + 1};
}

bool trap_is_mend(const Mends *mends, yaml_mark_t mark) {
    for (int i = 0; i < mends->n; i++)
        if (mends->quotes[i].line == mark.line && mends->quotes[i].column == mark.column) return true;
    return false;
}

/* The character at a mark, whose columns count characters of UTF-8; *line: the beginning of its line. */
static const char *place(const Source *s, yaml_mark_t mark, const char **line) {
    const char *at = s->text;
    for (size_t i = 0; i < mark.line && at < s->end; i++) {
        const char *stop = memchr(at, '\n', (size_t)(s->end - at));
        at = stop ? stop + 1 : s->end;
    }
    *line = at;
    for (size_t i = 0; i < mark.column && at < s->end && *at != '\n'; i++) do
            at++;
        while (at < s->end && ((unsigned char)*at & 0xc0) == 0x80);
    return at;
}

static Loc loc_of(const Source *s, yaml_mark_t mark) {
    return trap_loc(s->mends, s->file, mark);
}

static size_t line_length(const Source *s, const char *at) {
    const char *stop = memchr(at, '\n', (size_t)(s->end - at));
    return (size_t)((stop ? stop : s->end) - at);
}

/* Brackets ( that a text opens and does not close. */
static int trap_open_brackets(const char *text) {
    int open = 0;
    for (; *text; text++) open += (*text == '(') - (*text == ')');
    return open;
}

/* ---- values that a flow collection cuts -------------------------------------------------------------------------- */

bool trap_join(Arena *arena, Diags *diags, Tree *value, const Tree *piece, const char *key) {
    bool plain = value->kind == TREE_SCALAR && !value->quoted && piece->kind == TREE_SCALAR && !piece->quoted;
    if (!plain || trap_open_brackets(value->text) <= 0) return false;
    value->text = arena_printf(arena, "%s, %s", value->text, piece->text);
    value->size = strlen(value->text);
    if (trap_open_brackets(value->text) > 0) return true;
    diag_error(diags, value->loc, "inside %s a `,` ends a value: put the whole in quotes, %s%s\"%s\"",
               key ? "{ }" : "[ ]", key ? key : "", key ? ": " : "", value->text);
    return true;
}

/* ---- errors of libyaml ------------------------------------------------------------------------------------------- */

static bool is(const char *text, const char *wanted) {
    return text && strcmp(text, wanted) == 0;
}

/* A quote or bracket that the scalar before left open, so that what follows makes no sense. */
static bool tell_left_open(const Source *s, const LastScalar *last) {
    if (!last->tree) return false;
    Loc loc = loc_of(s, last->start);
    if (last->tree->quoted && !last->tree->block && last->end.line > last->start.line) {
        const char *line, *at = place(s, last->start, &line);
        if (*at != '"' && *at != '\'') return false;
        diag_error(s->diags, loc, "this quote is not closed on its line");
        diag_note(s->diags, loc_of(s, last->end), "the next one stands here");
        return true;
    }
    if (!last->tree->quoted && trap_open_brackets(last->tree->text) > 0) {
        diag_error(s->diags, loc,
                   "a '(' is not closed in this value: one of several lines, or with a `,` inside { }, "
                   "stands in quotes "
                   "or after `|`; a `#` behind a space begins a comment");
        return true;
    }
    return false;
}

/* The value around `at`, inside { } or [ ]: from behind `: `, `,` or the bracket, to where it would end. */
static void find_value(Source *s, const char *line, const char *at) {
    const char *begin = at, *stop;
    while (begin > line && !strchr("{[,", begin[-1]) &&
           !(begin[-1] == ' ' && begin - 1 > line && begin[-2] == ':'))
        begin--;
    while (begin < at && *begin == ' ') begin++;
    int depth = 0;
    for (stop = begin; stop < s->end && *stop != '\n'; stop++) {
        depth += (strchr("([{", *stop) != NULL) - (strchr(")]}", *stop) != NULL);
        if (depth < 0 || (depth == 0 && *stop == ',')) break;
    }
    s->value = begin;
    s->value_end = stop;
}

/* Inside { } or [ ], of which `context` is the beginning. */
static void tell_flow(Source *s, yaml_mark_t mark, yaml_mark_t context, const LastScalar *last) {
    const char *line, *opened, *at = place(s, mark, &line), *open = place(s, context, &opened);
    if (last->tree && last->tree->quoted && tell_left_open(s, last)) return;
    size_t indent = strspn(line, " "), outer = strspn(opened, " ");
    if (at >= s->end || (mark.line > context.line && indent <= outer)) {
        diag_error(s->diags, loc_of(s, context), "this '%c' is not closed", *open);
        if (at < s->end) diag_note(s->diags, loc_of(s, mark), "here something else begins");
        return;
    }
    const char *brackets = *open == '{' ? "{ }" : "[ ]";
    if (*at == ':' || strchr("[{", *at)) {
        find_value(s, line, at);
        const char *value = s->value, *space = *at == ':' ? memchr(value, ' ', (size_t)(at - value)) : NULL;
        if (space && !memchr(value, '(', (size_t)(space - value))) {
            diag_error(s->diags, loc_of(s, mark), "a `,` is missing before '%.*s'", (int)(at - space - 1),
                       space + 1);
            s->value = NULL;
        } else
            diag_error(s->diags, loc_of(s, mark),
                       "inside %s a value with `[`, `{`, `,` or `: ` stands in quotes: \"%.*s\"", brackets,
                       (int)(s->value_end - value), value);
        return;
    }
    diag_error(s->diags, loc_of(s, mark), "a `,` is missing before this, or quotes around the whole value");
}

/* A line of a map that is none of its keys. */
static void tell_no_key(const Source *s, yaml_mark_t mark, const LastScalar *last) {
    const char *line, *at = place(s, mark, &line);
    Loc loc = loc_of(s, mark);
    if (tell_left_open(s, last)) return;
    if (at[0] == '-' && at + 1 < s->end && at[1] == ' ')
        diag_error(s->diags, loc,
                   "`- ` begins a value of a list, and this is a map: leave it out, `key: value`");
    else if (strspn(line, " ") < (size_t)(at - line))
        diag_error(
            s->diags, loc,
            "a quoted text ends before this: quotes go around the whole value, and one inside it is doubled");
    else if (memchr(at, ':', line_length(s, at)))
        diag_error(s->diags, loc, "the indentation of this line is that of no key above it");
    else
        diag_error(
            s->diags, loc,
            "a line is `key: value`; lines of one value stand after `|`, indented deeper than its key");
}

/* Where a key should end with `:`. */
static void tell_no_colon(const Source *s, yaml_mark_t context) {
    const char *line, *at = place(s, context, &line), *colon = memchr(at, ':', line_length(s, at));
    Loc loc = loc_of(s, context);
    if (colon && colon + 1 < s->end && !isspace((unsigned char)colon[1]) && colon > at && colon[-1] != ')')
        diag_error(s->diags, loc, "a space is missing after the `:` of '%.*s:'", (int)(colon - at), at);
    else
        diag_error(s->diags, loc,
                   "no `: ` follows: a line is `key: value`, and the lines of a block (`|`) are indented "
                   "deeper than its "
                   "key");
}

/* A second `: `, or a key below a value. */
static void tell_second_colon(const Source *s, yaml_mark_t mark) {
    const char *line, *at = place(s, mark, &line);
    bool second = false;
    for (const char *c = line; c + 1 < at; c++) second = second || (c[0] == ':' && c[1] == ' ');
    diag_error(s->diags, loc_of(s, mark), "%s",
               second
                   ? "a second `: ` in one line: put the value in quotes, or in a line of its own after `|`"
                   : "the key above has a value already: this line is indented too deep, or that value is "
                     "one too many");
}

static void tell_character(const Source *s, yaml_mark_t mark) {
    const char *line, *at = place(s, mark, &line);
    if (at < s->end && *at == '\t')
        diag_error(s->diags, loc_of(s, mark), "a tab: indent with spaces");
    else
        diag_error(s->diags, loc_of(s, mark), "a value cannot begin with '%c': put it in quotes",
                   at < s->end ? *at : ' ');
}

/* The text with quotes around the value; NULL if they cannot be put. */
static char *mend(Source *s) {
    size_t before = (size_t)(s->value - s->text), n = (size_t)(s->value_end - s->value);
    char quote = memchr(s->value, '"', n) ? '\'' : '"';
    if (memchr(s->value, quote, n) || memchr(s->value, '\\', n) || s->mends->n + 2 > MAX_MENDS) return NULL;
    yaml_mark_t mark = {0};
    for (const char *at = s->text; at < s->value; at++) {
        if (*at == '\n')
            mark.line++, mark.column = 0;
        else
            mark.column += ((unsigned char)*at & 0xc0) != 0x80;
    }
    s->mends->quotes[s->mends->n++] = mark;
    mark.column++;
    for (const char *at = s->value; at < s->value_end; at++)
        mark.column += ((unsigned char)*at & 0xc0) != 0x80;
    s->mends->quotes[s->mends->n++] = mark;
    return arena_printf(s->arena, "%.*s%c%.*s%c%s", (int)before, s->text, quote, (int)n, s->value, quote,
                        arena_strndup(s->arena, s->value_end, (size_t)(s->end - s->value_end)));
}

char *trap_tell(Arena *arena, Diags *diags, uint32_t file, const char *text, size_t size,
                const yaml_parser_t *yaml, const LastScalar *last, Mends *mends) {
    Source s = {
        .arena = arena, .diags = diags, .file = file, .text = text, .end = text + size, .mends = mends};
    yaml_mark_t mark = yaml->problem_mark, context = yaml->context_mark;
    const char *problem = yaml->problem, *where = yaml->context;
    bool flow = is(where, "while parsing a flow mapping") || is(where, "while parsing a flow sequence");
    if (flow)
        tell_flow(&s, mark, context, last);
    else if (is(problem, "did not find expected key"))
        tell_no_key(&s, mark, last);
    else if (is(problem, "did not find expected '-' indicator"))
        diag_error(diags, loc_of(&s, mark),
                   "`- ` begins the values of a list above, and this is the key of a map: one or the other");
    else if (is(problem, "could not find expected ':'"))
        tell_no_colon(&s, context);
    else if (is(problem, "mapping values are not allowed in this context"))
        tell_second_colon(&s, mark);
    else if (is(problem, "found character that cannot start any token"))
        tell_character(&s, mark);
    else if (is(problem, "found unexpected end of stream") && is(where, "while scanning a quoted scalar"))
        diag_error(diags, loc_of(&s, context), "this quote is not closed");
    else if (is(problem, "did not find expected alphabetic or numeric character"))
        diag_error(diags, loc_of(&s, mark),
                   "`*` and `&` mean something else in YAML here: put the whole value in quotes");
    else if (is(problem, "block sequence entries are not allowed in this context"))
        diag_error(diags, loc_of(&s, mark),
                   "`- ` begins a value of a list, in a line of its own: `-x` has no space");
    else if (is(problem, "mapping keys are not allowed in this context"))
        diag_error(diags, loc_of(&s, mark), "a value cannot begin with `? `: put it in quotes");
    else
        diag_error(diags, loc_of(&s, mark), "YAML: %s%s%s", problem ? problem : "malformed", where ? " " : "",
                   where ? where : "");
    return s.value ? mend(&s) : NULL;
}
