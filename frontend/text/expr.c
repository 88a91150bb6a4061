/* The entries of the parser: blocks, lone expressions, signatures, parts of messages. */
#include "frontend/text/foreign.h"
#include "frontend/text/parser.h"

#include <string.h>

static Parser start(Arena *arena, Diags *diags, Loc loc, uint32_t indent, const char *text, size_t size,
                    bool block) {
    return (Parser){.in = lexer_start(arena, diags, loc, indent, text, size, block)};
}

Block *expr_parse_block(Arena *arena, Diags *diags, Loc loc, uint32_t indent, const char *text, size_t size) {
    Parser p = start(arena, diags, loc, indent, text, size, true);
    Block *block = ARENA_NEW(arena, Block);
    lexer_advance(&p.in);
    return parse_body(&p, &block->statements, &block->count) ? block : NULL;
}

static bool begins_statement(int token) {
    return token == T_RETURN || token == T_FOR || token == T_IF || token == T_ASSERT;
}

/* What is told of a statement where a lone expression was wanted. */
static const char *one_value(const Parser *p) {
    return p->in.token == T_RETURN
               ? "one expression stands here, without `return`; for statements write `|` after the "
                 "key, and them below it, indented"
               : "one expression stands here; for statements write `|` after the key, and them "
                 "below it, indented";
}

Expr *expr_parse(Arena *arena, Diags *diags, Loc loc, const char *text, size_t size) {
    Parser p = start(arena, diags, loc, 0, text, size, false);
    lexer_advance(&p.in);
    const char *foreign = parse_foreign_start(&p);
    if (foreign) return lexer_fail(&p.in, p.in.loc, foreign);
    if (begins_statement(p.in.token)) return lexer_fail(&p.in, p.in.loc, one_value(&p));
    Expr *e = parse_values(&p);
    if (!e || p.in.token == T_END) return e;
    bool assigns = p.in.token == '=' || p.in.token == T_UPDATE || parse_operator_of(p.in.token);
    return lexer_fail(&p.in, p.in.loc, assigns ? one_value(&p) : "the expression should end here");
}

bool expr_parse_signature(Arena *arena, Diags *diags, Loc loc, const char *text, size_t size,
                          Signature *out) {
    Parser p = start(arena, diags, loc, 0, text, size, false);
    lexer_advance(&p.in);
    *out = (Signature){0};
    size_t capacity = 0;
    if (p.in.token != T_NAME)
        return lexer_fail(&p.in, p.in.loc, "a name was expected: name(parameter, other=default)") != NULL;
    out->name = p.in.word;
    bool foreign = foreign_statement(p.in.word) != NULL;
    lexer_advance(&p.in);
    if (p.in.token == T_END) return true;
    if (foreign && p.in.token == T_NAME) {
        lexer_fail(&p.in, loc,
                   arena_printf(arena, "a signature begins with its name: leave '%s' out", out->name));
        return false;
    }
    if (!parse_expect(&p, '(', "'(' was expected")) return false;
    while (p.in.token != ')' && !p.in.failed) {
        if (p.in.token != T_NAME)
            return lexer_fail(&p.in, p.in.loc, "a parameter's name was expected") != NULL;
        Parameter parameter = {.name = p.in.word};
        for (size_t i = 0; i < out->count; i++)
            if (strcmp(out->parameters[i].name, p.in.word) == 0)
                return lexer_fail(&p.in, p.in.loc, "this parameter is given twice") != NULL;
        lexer_advance(&p.in);
        if (parse_accept(&p, '=')) parameter.fallback = parse_expr(&p);
        if (p.in.failed) return false;
        if (out->count == MAX_PARAMETERS)
            return lexer_fail(&p.in, p.in.loc, "more than 256 parameters") != NULL;
        ARENA_PUSH(arena, out->parameters, out->count, capacity, parameter);
        if (!parse_accept(&p, ',')) break;
    }
    if (parse_expect(&p, ')', "')' or ',' was expected") && p.in.token != T_END)
        lexer_fail(&p.in, p.in.loc, "the signature should end here");
    return !p.in.failed;
}

Expr *expr_parse_braced(Arena *arena, Diags *diags, Loc loc, const char **text, const char **before) {
    const char *open = strchr(*text, '{'), *close = open ? strchr(open, '}') : NULL;
    *before = *text;
    if (!close) return NULL;
    *before = arena_strndup(arena, *text, (size_t)(open - *text));
    *text = close + 1;
    return expr_parse(arena, diags, loc, open + 1, (size_t)(close - open - 1));
}
