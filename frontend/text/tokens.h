/* The tokens of the expression language, read one after another by its parser. */
#ifndef VITC_FRONTEND_TEXT_TOKENS_H
#define VITC_FRONTEND_TEXT_TOKENS_H

#include "frontend/text/expr.h"

enum { MAX_INDENTS = 64 };

typedef struct {
    /* The token at hand. */
    int token; /* T_…, or a character that stands for itself */
    Loc loc;
    const char *word; /* of NAME and STRING */
    double number;    /* of NUMBER */
    bool is_int;
    bool failed; /* an error was told: only T_END comes any more */

    Arena *arena;
    Diags *diags;
    Loc start;       /* of the text */
    uint32_t indent; /* columns taken off each line of a block */
    const char *end, *at, *line;
    uint32_t line_number;
    bool block, line_begin; /* lines and their indentation count */
    int brackets;           /* open ones, in which they do not */
    int indents[MAX_INDENTS], n_indents, pending_dedents;
} Lexer;

/* `block`: statements in lines, else one expression. The first token comes with lexer_advance. */
Lexer lexer_start(Arena *arena, Diags *diags, Loc loc, uint32_t indent, const char *text, size_t size,
                  bool block);
void lexer_advance(Lexer *in);
/* Tells the first error, after which the text is at its end. Returns NULL. */
void *lexer_fail(Lexer *in, Loc loc, const char *message);

#endif
