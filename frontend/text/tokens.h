/* The tokens of the expression language, read one after another by its parser. */
#ifndef VITC_FRONTEND_TEXT_TOKENS_H
#define VITC_FRONTEND_TEXT_TOKENS_H

#include "ir/base/arena.h"
#include "ir/base/diag.h"

/* Tokens; single characters stand for themselves. */
enum {
    T_END = 256,
    T_NEWLINE,
    T_INDENT,
    T_DEDENT,
    T_NUMBER,
    T_STRING,
    T_NAME,
    T_ERROR,
    T_POW,
    T_FLOORDIV,
    T_EQ,
    T_NE,
    T_LE,
    T_GE,
    T_UPDATE,
    T_ELLIPSIS,
    T_AND,
    T_OR,
    T_NOT,
    T_IF,
    T_ELSE,
    T_ELIF,
    T_FOR,
    T_IN,
    T_IS,
    T_RETURN,
    T_ASSERT,
    T_PLUS_TO, /* += -= *= /= */
    T_MINUS_TO,
    T_TIMES_TO,
    T_OVER_TO
};

enum { MAX_INDENTS = 64, MAX_OPEN = 256 };

typedef struct {
    /* The token at hand. */
    int token; /* T_…, or a character that stands for itself */
    Loc loc;
    const char *word; /* of NAME and STRING */
    double number;    /* of NUMBER */
    bool is_int;
    bool failed;     /* an error was told: only T_END comes any more */
    bool quiet;      /* errors are not told: the parser looks ahead */
    uint32_t before; /* the line of the token before */

    Arena *arena;
    Diags *diags;
    Loc start;       /* of the text */
    uint32_t indent; /* columns taken off each line of a block */
    const char *end, *at, *line;
    uint32_t line_number;
    bool block, line_begin; /* lines and their indentation count */
    int brackets;           /* open ones, in which they do not */
    struct {
        char sign;
        Loc loc;
    } open[MAX_OPEN]; /* the first of them */
    int indents[MAX_INDENTS], n_indents, pending_dedents;
} Lexer;

/* `block`: statements in lines, else one expression. The first token comes with lexer_advance. */
Lexer lexer_start(Arena *arena, Diags *diags, Loc loc, uint32_t indent, const char *text, size_t size,
                  bool block);
void lexer_advance(Lexer *in);
bool is_keyword(const char *word); /* "for": it can be no name */
/* Tells the first error, after which the text is at its end. Returns NULL. */
void *lexer_fail(Lexer *in, Loc loc, const char *message);
/* The token after the one at hand; *then, unless NULL: the one after that. */
int lexer_ahead(const Lexer *in, int *then);

#endif
