/* The tokens of the expression language, read by need: indentation, numbers, strings, words, symbols. */
#include "frontend/text/tokens.h"
#include "frontend/text/foreign.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    int token;
} KEYWORDS[] = {{"and", T_AND},   {"or", T_OR},         {"not", T_NOT},      {"if", T_IF},
                {"else", T_ELSE}, {"elif", T_ELIF},     {"for", T_FOR},      {"in", T_IN},
                {"is", T_IS},     {"return", T_RETURN}, {"assert", T_ASSERT}};

static Loc here(const Lexer *in, const char *at) {
    uint32_t column = (uint32_t)(at - in->line) + 1;
    if (in->line_number == 0 && !in->block)
        column += in->start.col - 1;
    else
        column += in->indent;
    return (Loc){in->start.file, in->start.line + in->line_number, column};
}

void *lexer_fail(Lexer *in, Loc loc, const char *message) {
    if (!in->failed && !in->quiet) diag_error(in->diags, loc, "%s", message);
    in->failed = true;
    in->token = T_END;
    in->at = in->end;
    return NULL;
}

static void new_line(Lexer *in) {
    in->line = in->at;
    in->line_number++;
}

/* At the start of a logical line: blank lines are skipped, the indentation compared. True if a token came of it. */
static bool read_indentation(Lexer *in) {
    for (;;) {
        const char *at = in->at;
        while (at < in->end && *at == ' ') at++;
        if (at < in->end && *at == '\t') {
            lexer_fail(in, here(in, at), "a tab: indent with spaces");
            return true;
        }
        if (at < in->end && *at == '#')
            while (at < in->end && *at != '\n') at++;
        if (at < in->end && *at == '\n') {
            in->at = at + 1;
            new_line(in);
            continue;
        }
        int width = at == in->end ? 0 : (int)(at - in->line);
        in->at = at;
        in->line_begin = false;
        in->loc = here(in, at);
        int current = in->indents[in->n_indents - 1];
        if (width > current) {
            if (in->n_indents == MAX_INDENTS)
                lexer_fail(in, in->loc, "indented too deep");
            else
                in->indents[in->n_indents++] = width;
            in->token = T_INDENT;
            return true;
        }
        while (in->n_indents > 1 && width < in->indents[in->n_indents - 1])
            in->n_indents--, in->pending_dedents++;
        if (width != in->indents[in->n_indents - 1])
            lexer_fail(in, in->loc, "this indentation matches no line before");
        return false;
    }
}

static void read_number(Lexer *in) {
    char *stop;
    const char *begin = in->at;
    in->number = strtod(begin, &stop); /* the text is NUL-terminated */
    in->is_int = in->number <= 0x1p53;
    for (const char *c = begin; c < stop; c++)
        if (!isdigit((unsigned char)*c)) in->is_int = false;
    in->at = stop;
    in->token = T_NUMBER;
    bool hexadecimal = begin[0] == '0' && (begin[1] == 'x' || begin[1] == 'X');
    if (in->number > 1e300)
        lexer_fail(in, in->loc, "a number beyond 1e300");
    else if (hexadecimal)
        lexer_fail(in, in->loc, "a hexadecimal number: vitc writes it in decimal digits");
    else if (*stop == '_')
        lexer_fail(in, in->loc, "an `_` inside a number: vitc writes 1000000, or 1e6");
    else if (isalpha((unsigned char)*stop))
        lexer_fail(in, in->loc, "a letter inside a number (a product is written `2 * x`)");
}

static void read_string(Lexer *in) {
    char quote = *in->at++;
    const char *begin = in->at;
    if (in->end - begin >= 2 && begin[0] == quote && begin[1] == quote) {
        lexer_fail(in, in->loc, "a string of vitc has one quote on each side and ends on its line");
        return;
    }
    while (in->at < in->end && *in->at != quote && *in->at != '\n') in->at++;
    if (in->at >= in->end || *in->at != quote) {
        lexer_fail(in, in->loc, "this string does not end on its line");
        return;
    }
    in->word = arena_strndup(in->arena, begin, (size_t)(in->at++ - begin));
    in->token = T_STRING;
}

/* Its token; T_NAME: it is none. */
static int keyword(const char *word) {
    for (size_t i = 0; i < sizeof KEYWORDS / sizeof *KEYWORDS; i++)
        if (strcmp(word, KEYWORDS[i].word) == 0) return KEYWORDS[i].token;
    return T_NAME;
}

bool is_keyword(const char *word) {
    return keyword(word) != T_NAME;
}

static void read_word(Lexer *in) {
    const char *begin = in->at;
    while (in->at < in->end && (isalnum((unsigned char)*in->at) || *in->at == '_')) in->at++;
    in->word = arena_strndup(in->arena, begin, (size_t)(in->at - begin));
    in->token = keyword(in->word);
    bool quoted = in->at < in->end && (*in->at == '\'' || *in->at == '"');
    if (quoted && in->at - begin <= 2 && strspn(in->word, "fFrRbBuU") == strlen(in->word))
        lexer_fail(in, in->loc,
                   "strings of vitc have no letter before them; in the message of an `assert`, "
                   "`{expression}` stands "
                   "for its value in every string");
}

/* Opening and closing brackets, by their kind. */
static void read_bracket(Lexer *in) {
    static const char open[] = "([", close[] = ")]";
    if (strchr(open, in->token)) {
        if (in->brackets < MAX_OPEN) {
            in->open[in->brackets].sign = (char)in->token;
            in->open[in->brackets].loc = in->loc;
        }
        in->brackets++;
        return;
    }
    if (in->brackets == 0) {
        lexer_fail(in, in->loc, arena_printf(in->arena, "this '%c' closes nothing", in->token));
        return;
    }
    in->brackets--;
    if (in->brackets >= MAX_OPEN) return;
    const char *kind = strchr(open, in->open[in->brackets].sign);
    if (close[kind - open] == in->token) return;
    bool told = in->failed || in->quiet;
    lexer_fail(in, in->loc, arena_printf(in->arena, "'%c' closes a '%c'", in->token, *kind));
    if (!told)
        diag_note(in->diags, in->open[in->brackets].loc, "this is what is open: '%c' closes it",
                  close[kind - open]);
}

static void read_symbol(Lexer *in) {
    static const struct {
        const char *text;
        int token;
    } symbols[] = {{"...", T_ELLIPSIS}, {"**", T_POW},      {"//", T_FLOORDIV}, {"==", T_EQ},
                   {"!=", T_NE},        {"<=", T_LE},       {">=", T_GE},       {":=", T_UPDATE},
                   {"+=", T_PLUS_TO},   {"-=", T_MINUS_TO}, {"*=", T_TIMES_TO}, {"/=", T_OVER_TO}};
    const char *foreign = foreign_sign(in->at, in->end);
    if (foreign) {
        lexer_fail(in, in->loc, foreign);
        return;
    }
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        size_t n = strlen(symbols[i].text);
        if ((size_t)(in->end - in->at) >= n && memcmp(in->at, symbols[i].text, n) == 0) {
            in->at += n;
            in->token = symbols[i].token;
            return;
        }
    }
    if (*in->at == '\0' || !strchr("+-*/%@()[],:.=<>", *in->at)) {
        lexer_fail(in, in->loc, "this character means nothing here");
        return;
    }
    in->token = (unsigned char)*in->at++;
    if (strchr("()[]", in->token)) read_bracket(in);
}

void lexer_advance(Lexer *in) {
    if (in->failed) return;
    in->before = in->loc.line;
    if (in->pending_dedents) {
        in->pending_dedents--;
        in->token = T_DEDENT;
        return;
    }
    if (in->line_begin && read_indentation(in)) return;
    if (in->pending_dedents) {
        lexer_advance(in);
        return;
    }
    for (;;) {
        while (in->at < in->end && (*in->at == ' ' || *in->at == '\t')) in->at++;
        if (in->at < in->end && *in->at == '#')
            while (in->at < in->end && *in->at != '\n') in->at++;
        in->loc = here(in, in->at);
        if (in->at >= in->end) {
            in->token = T_END;
            return;
        }
        if (*in->at != '\n') break;
        in->at++;
        new_line(in);
        if (in->brackets == 0 && in->block) {
            in->line_begin = true;
            in->token = T_NEWLINE;
            return;
        }
    }
    char c = *in->at;
    if (isdigit((unsigned char)c) || (c == '.' && in->at + 1 < in->end && isdigit((unsigned char)in->at[1])))
        read_number(in);
    else if (c == '\'' || c == '"')
        read_string(in);
    else if (isalpha((unsigned char)c) || c == '_')
        read_word(in);
    else
        read_symbol(in);
}

int lexer_ahead(const Lexer *in, int *then) {
    Lexer ahead = *in;
    ahead.quiet = true;
    lexer_advance(&ahead);
    int token = ahead.token;
    lexer_advance(&ahead);
    if (then) *then = ahead.token;
    return token;
}

Lexer lexer_start(Arena *arena, Diags *diags, Loc loc, uint32_t indent, const char *text, size_t size,
                  bool block) {
    char *copy = arena_strndup(arena, text, size);
    return (Lexer){.arena = arena,
                   .diags = diags,
                   .start = loc,
                   .indent = indent,
                   .end = copy + size,
                   .at = copy,
                   .line = copy,
                   .n_indents = 1,
                   .line_begin = block,
                   .block = block};
}
