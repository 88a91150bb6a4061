/* The expression language's syntax: tokens by need, recursive descent with Python's precedence. */
#include "frontend/text/expr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Nesting is limited, for the parser and whatever walks over the tree are recursive; a chain of operators, `elif` or `else` is not
 * nested, whatever its length: walks follow it in a loop. */
enum { MAX_DEPTH = 200, MAX_BODIES = 64, MAX_CLAUSES = 32, MAX_PARAMETERS = 256 };

static const struct {
    const char *word;
    int token;
} KEYWORDS[] = {{"and", T_AND},   {"or", T_OR},   {"not", T_NOT}, {"if", T_IF},         {"else", T_ELSE},
                {"elif", T_ELIF}, {"for", T_FOR}, {"in", T_IN},   {"return", T_RETURN}, {"assert", T_ASSERT}};

typedef struct {
    Arena *arena;
    Diags *diags;
    Loc start;       /* of the text */
    uint32_t indent; /* columns taken off each line of a block */
    const char *text, *end, *at, *line;
    uint32_t line_number;
    int brackets, depth, bodies;
    int indents[64], n_indents, pending_dedents;
    bool line_begin, failed, block;
    int token;
    Loc loc;
    const char *word; /* of NAME and STRING */
    double number;
    bool is_int;
} Parser;

static Loc here(const Parser *p, const char *at) {
    uint32_t column = (uint32_t)(at - p->line) + 1;
    if (p->line_number == 0 && !p->block)
        column += p->start.col - 1;
    else
        column += p->indent;
    return (Loc){p->start.file, p->start.line + p->line_number, column};
}

static void *fail(Parser *p, Loc loc, const char *message) {
    if (!p->failed) diag_error(p->diags, loc, "%s", message);
    p->failed = true;
    p->token = T_END;
    p->at = p->end;
    return NULL;
}

static void new_line(Parser *p) {
    p->line = p->at;
    p->line_number++;
}

/* At the start of a logical line: blank lines are skipped, the indentation compared. True if a token came of it. */
static bool read_indentation(Parser *p) {
    for (;;) {
        const char *at = p->at;
        while (at < p->end && *at == ' ') at++;
        if (at < p->end && *at == '\t') {
            fail(p, here(p, at), "a tab: indent with spaces");
            return true;
        }
        if (at < p->end && *at == '#')
            while (at < p->end && *at != '\n') at++;
        if (at < p->end && *at == '\n') {
            p->at = at + 1;
            new_line(p);
            continue;
        }
        int width = at == p->end ? 0 : (int)(at - p->line);
        p->at = at;
        p->line_begin = false;
        p->loc = here(p, at);
        int current = p->indents[p->n_indents - 1];
        if (width > current) {
            if (p->n_indents == 64)
                fail(p, p->loc, "indented too deep");
            else
                p->indents[p->n_indents++] = width;
            p->token = T_INDENT;
            return true;
        }
        while (p->n_indents > 1 && width < p->indents[p->n_indents - 1]) p->n_indents--, p->pending_dedents++;
        if (width != p->indents[p->n_indents - 1]) fail(p, p->loc, "this indentation matches no line before");
        return false;
    }
}

static void read_number(Parser *p) {
    char *stop;
    const char *begin = p->at;
    p->number = strtod(begin, &stop); /* the text is NUL-terminated */
    p->is_int = p->number <= 0x1p53;
    for (const char *c = begin; c < stop; c++)
        if (!isdigit((unsigned char)*c)) p->is_int = false;
    p->at = stop;
    p->token = T_NUMBER;
    bool hexadecimal = begin[0] == '0' && (begin[1] == 'x' || begin[1] == 'X');
    if (hexadecimal || p->number > 1e300 || (isalpha((unsigned char)*stop) || *stop == '_'))
        fail(p, p->loc, p->number > 1e300 ? "a number beyond 1e300" : "a letter inside a number");
}

static void read_string(Parser *p) {
    char quote = *p->at++;
    const char *begin = p->at;
    while (p->at < p->end && *p->at != quote && *p->at != '\n') p->at++;
    if (p->at >= p->end || *p->at != quote) {
        fail(p, p->loc, "this string does not end on its line");
        return;
    }
    p->word = arena_strndup(p->arena, begin, (size_t)(p->at++ - begin));
    p->token = T_STRING;
}

static void read_word(Parser *p) {
    const char *begin = p->at;
    while (p->at < p->end && (isalnum((unsigned char)*p->at) || *p->at == '_')) p->at++;
    p->word = arena_strndup(p->arena, begin, (size_t)(p->at - begin));
    p->token = T_NAME;
    for (size_t i = 0; i < sizeof KEYWORDS / sizeof *KEYWORDS; i++)
        if (strcmp(p->word, KEYWORDS[i].word) == 0) p->token = KEYWORDS[i].token;
}

static void read_symbol(Parser *p) {
    static const struct {
        const char *text;
        int token;
    } symbols[] = {{"...", T_ELLIPSIS}, {"**", T_POW}, {"//", T_FLOORDIV}, {"==", T_EQ},
                   {"!=", T_NE},        {"<=", T_LE},  {">=", T_GE},       {":=", T_UPDATE}};
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        size_t n = strlen(symbols[i].text);
        if ((size_t)(p->end - p->at) >= n && memcmp(p->at, symbols[i].text, n) == 0) {
            p->at += n;
            p->token = symbols[i].token;
            return;
        }
    }
    if (*p->at == '\0' || !strchr("+-*/%@()[]{},:.=<>", *p->at)) {
        fail(p, p->loc, "this character means nothing here");
        return;
    }
    p->token = (unsigned char)*p->at++;
    if (strchr("([{", p->token)) p->brackets++;
    if (strchr(")]}", p->token) && p->brackets) p->brackets--;
}

static void advance(Parser *p) {
    if (p->failed) return;
    if (p->pending_dedents) {
        p->pending_dedents--;
        p->token = T_DEDENT;
        return;
    }
    if (p->line_begin && read_indentation(p)) return;
    if (p->pending_dedents) {
        advance(p);
        return;
    }
    for (;;) {
        while (p->at < p->end && (*p->at == ' ' || *p->at == '\t')) p->at++;
        if (p->at < p->end && *p->at == '#')
            while (p->at < p->end && *p->at != '\n') p->at++;
        p->loc = here(p, p->at);
        if (p->at >= p->end) {
            p->token = T_END;
            return;
        }
        if (*p->at != '\n') break;
        p->at++;
        new_line(p);
        if (p->brackets == 0 && p->block) {
            p->line_begin = true;
            p->token = T_NEWLINE;
            return;
        }
    }
    char c = *p->at;
    if (isdigit((unsigned char)c) || (c == '.' && p->at + 1 < p->end && isdigit((unsigned char)p->at[1])))
        read_number(p);
    else if (c == '\'' || c == '"')
        read_string(p);
    else if (isalpha((unsigned char)c) || c == '_')
        read_word(p);
    else
        read_symbol(p);
}

/* ---- expressions ----------------------------------------------------------------------------------------------- */

static Expr *parse_expr(Parser *p);

static Expr *node(Parser *p, ExprKind kind, Loc loc) {
    Expr *e = ARENA_NEW(p->arena, Expr);
    e->kind = kind;
    e->loc = loc;
    return e;
}

/* One level deeper; false, after an error, beyond the limit. */
static bool deeper(Parser *p) {
    if (++p->depth <= MAX_DEPTH) return true;
    fail(p, p->loc, "nested more than 200 deep");
    return false;
}

static bool accept(Parser *p, int token) {
    if (p->token != token) return false;
    advance(p);
    return true;
}

static bool expect(Parser *p, int token, const char *message) {
    if (accept(p, token)) return true;
    fail(p, p->loc, message);
    return false;
}

static void push(Parser *p, Expr ***list, size_t *n, size_t *capacity, Expr *e) {
    ARENA_PUSH(p->arena, *list, *n, *capacity, e);
}

static Expr *parse_targets(Parser *p) { /* a, b */
    Loc loc = p->loc;
    Expr *tuple = node(p, EXPR_TUPLE, loc);
    size_t capacity = 0;
    do {
        bool open = accept(p, '(');
        if (p->token != T_NAME) return fail(p, p->loc, "a name was expected after 'for'");
        Expr *name = node(p, EXPR_NAME, p->loc);
        name->text = p->word;
        advance(p);
        push(p, &tuple->args, &tuple->n_args, &capacity, name);
        if (open && p->token == ')') advance(p);
    } while (accept(p, ','));
    accept(p, ')');
    return tuple->n_args == 1 ? tuple->args[0] : tuple;
}

static Expr *parse_or(Parser *p);

static Expr *parse_comprehension(Parser *p, Expr *element) {
    Expr *e = node(p, EXPR_COMPREHENSION, element->loc);
    size_t capacity = 0;
    e->a = element;
    while (accept(p, T_FOR)) {
        ExprClause clause = {0};
        clause.target = parse_targets(p);
        if (!expect(p, T_IN, "'in' was expected")) return NULL;
        clause.over = parse_or(p);
        size_t n = 0;
        while (accept(p, T_IF)) push(p, &clause.conditions, &clause.n_conditions, &n, parse_or(p));
        if (e->n_clauses == MAX_CLAUSES) return fail(p, p->loc, "more than 32 `for` in one comprehension");
        ARENA_PUSH(p->arena, e->clauses, e->n_clauses, capacity, clause);
        if (p->failed) return NULL;
    }
    return e;
}

/* label: call, where a label is NAME, or [index] alone, followed by [index] or .name parts. */
static bool is_label(const Expr *e) {
    while (e && ((e->kind == EXPR_INDEX && e->n_args == 1 && e->args[0]->kind != EXPR_SLICE) ||
                 e->kind == EXPR_ATTRIBUTE))
        e = e->a;
    return e && (e->kind == EXPR_NAME || (e->kind == EXPR_LIST && e->n_args == 1));
}

static Expr *parse_labelled(Parser *p) {
    Expr *e = parse_expr(p);
    if (!e || p->token != ':' || !is_label(e)) return e;
    Expr *labelled = node(p, EXPR_LABELLED, e->loc);
    advance(p);
    labelled->a = e;
    labelled->b = parse_expr(p);
    return labelled->b ? labelled : NULL;
}

static Expr *parse_slice_part(Parser *p) {
    Loc loc = p->loc;
    if (p->token == T_ELLIPSIS) {
        advance(p);
        return node(p, EXPR_ELLIPSIS, loc);
    }
    Expr *first = p->token == ':' ? NULL : parse_expr(p);
    if (p->token != ':' || p->failed) return first;
    Expr *slice = node(p, EXPR_SLICE, loc);
    slice->a = first;
    advance(p);
    if (p->token != ']' && p->token != ',' && p->token != ':') slice->b = parse_expr(p);
    if (accept(p, ':') && p->token != ']' && p->token != ',') slice->c = parse_expr(p);
    return slice;
}

static Expr *parse_arguments(Parser *p, Expr *call) {
    size_t capacity = 0;
    while (p->token != ')' && !p->failed) {
        Expr *argument = parse_labelled(p);
        if (!argument) return NULL;
        if (p->token == '=' && argument->kind == EXPR_NAME) {
            const char *keyword = argument->text;
            advance(p);
            argument = parse_labelled(p);
            if (!argument) return NULL;
            Expr *copy = node(p, argument->kind, argument->loc);
            *copy = *argument;
            copy->keyword = keyword;
            argument = copy;
        } else if (p->token == T_FOR)
            argument = parse_comprehension(p, argument);
        push(p, &call->args, &call->n_args, &capacity, argument);
        if (!accept(p, ',')) break;
    }
    return expect(p, ')', "')' or ',' was expected") ? call : NULL;
}

static Expr *parse_items(Parser *p, Expr *list, int close) {
    size_t capacity = list->n_args;
    while (p->token != close && !p->failed) {
        Expr *item = close == ']' && list->kind == EXPR_INDEX ? parse_slice_part(p) : parse_labelled(p);
        if (!item) return NULL;
        push(p, &list->args, &list->n_args, &capacity, item);
        if (!accept(p, ',')) break;
    }
    return expect(p, close, close == ']' ? "']' or ',' was expected" : "')' or ',' was expected") ? list
                                                                                                  : NULL;
}

static Expr *parse_parenthesis(Parser *p, int close, ExprKind kind) {
    Loc loc = p->loc;
    advance(p);
    if (accept(p, close)) return node(p, kind, loc);
    Expr *first = parse_labelled(p);
    if (!first) return NULL;
    if (p->token == T_FOR) {
        first = parse_comprehension(p, first);
        return expect(p, close, "a bracket is not closed") ? first : NULL;
    }
    if (kind == EXPR_TUPLE && accept(p, close)) return first;
    Expr *list = node(p, kind, loc);
    size_t capacity = 0;
    push(p, &list->args, &list->n_args, &capacity, first);
    if (!accept(p, ',')) return expect(p, close, "',' or a closing bracket was expected") ? list : NULL;
    Expr *rest = node(p, kind, loc);
    if (!parse_items(p, rest, close)) return NULL;
    for (size_t i = 0; i < rest->n_args; i++) push(p, &list->args, &list->n_args, &capacity, rest->args[i]);
    return list;
}

static Expr *parse_atom(Parser *p) {
    Loc loc = p->loc;
    Expr *e;
    switch (p->token) {
    case T_NUMBER:
        e = node(p, EXPR_NUMBER, loc);
        e->number = p->number;
        e->is_int = p->is_int;
        advance(p);
        return e;
    case T_STRING:
    case T_NAME:
        e = node(p, p->token == T_NAME ? EXPR_NAME : EXPR_STRING, loc);
        e->text = p->word;
        advance(p);
        return e;
    case '(': return parse_parenthesis(p, ')', EXPR_TUPLE);
    case '[': return parse_parenthesis(p, ']', EXPR_LIST);
    default:
        return fail(p, loc,
                    p->token == T_END || p->token == T_NEWLINE ? "the expression ends too early"
                                                               : "an expression was expected here");
    }
}

/* What may follow a value: (arguments), [index], .name; or NULL. */
static Expr *parse_suffix(Parser *p, Expr *e) {
    Loc loc = p->loc;
    if (accept(p, '(')) {
        Expr *call = node(p, EXPR_CALL, e->loc);
        call->a = e;
        return parse_arguments(p, call);
    }
    if (accept(p, '[')) {
        Expr *index = node(p, EXPR_INDEX, loc);
        index->a = e;
        if (!parse_items(p, index, ']')) return NULL;
        return index->n_args ? index : fail(p, loc, "an index was expected");
    }
    advance(p);
    if (p->token != T_NAME && p->token != T_NUMBER) return fail(p, p->loc, "a name was expected after '.'");
    Expr *attribute = node(p, EXPR_ATTRIBUTE, loc);
    attribute->a = e;
    attribute->text = p->token == T_NAME ? p->word : arena_printf(p->arena, "%g", p->number);
    advance(p);
    return attribute;
}

static Expr *parse_postfix(Parser *p) {
    Expr *e = parse_atom(p);
    int depth = p->depth;
    while (e && !p->failed) {
        if (p->token != '(' && p->token != '[' && p->token != '.') {
            p->depth = depth;
            return e;
        }
        if (!deeper(p)) return NULL;
        e = parse_suffix(p, e);
    }
    return NULL;
}

static Expr *parse_unary(Parser *p);

static Expr *parse_power(Parser *p) {
    Expr *a = parse_postfix(p);
    if (!a || p->token != T_POW) return a;
    Expr *e = node(p, EXPR_BINARY, p->loc);
    if (!deeper(p)) return NULL;
    e->op = T_POW;
    advance(p);
    e->a = a;
    e->b = parse_unary(p);
    p->depth--;
    return e->b ? e : NULL;
}

static Expr *parse_unary(Parser *p) {
    if (p->token != '-' && p->token != '+') return parse_power(p);
    if (!deeper(p)) return NULL;
    Expr *e = node(p, EXPR_UNARY, p->loc);
    e->op = p->token;
    advance(p);
    e->a = parse_unary(p);
    p->depth--;
    return e->a ? e : NULL;
}

/* Binary operators by level, loosest first; below them unary. */
static const int LEVELS[][8] = {{T_OR},     {T_AND},
                                {T_NOT},    {'<', '>', T_LE, T_GE, T_EQ, T_NE},
                                {'+', '-'}, {'*', '/', '%', '@', T_FLOORDIV}};
enum { N_LEVELS = sizeof LEVELS / sizeof *LEVELS, LEVEL_NOT = 2, LEVEL_COMPARE = 3 };

static bool in_level(int token, int level) {
    for (int i = 0; i < 8 && LEVELS[level][i]; i++)
        if (LEVELS[level][i] == token) return true;
    return false;
}

static Expr *parse_level(Parser *p, int level) {
    if (level == N_LEVELS) return parse_unary(p);
    if (level == LEVEL_NOT) {
        if (p->token != T_NOT) return parse_level(p, level + 1);
        if (!deeper(p)) return NULL;
        Expr *e = node(p, EXPR_UNARY, p->loc);
        e->op = T_NOT;
        advance(p);
        e->a = parse_level(p, level);
        p->depth--;
        return e->a ? e : NULL;
    }
    Expr *a = parse_level(p, level + 1);
    while (a && in_level(p->token, level)) {
        Expr *e = node(p, EXPR_BINARY, p->loc);
        e->op = p->token;
        advance(p);
        e->a = a;
        e->b = parse_level(p, level + 1);
        if (!e->b) return NULL;
        if (level == LEVEL_COMPARE && in_level(p->token, level))
            return fail(p, p->loc, "comparisons do not chain: write a < b and b < c");
        a = e;
    }
    return a;
}

static Expr *parse_or(Parser *p) {
    return parse_level(p, 0);
}

static Expr *parse_expr(Parser *p) {
    Expr *first = NULL, **rest = &first; /* a if b else c if d else e … */
    if (!deeper(p)) return NULL;
    while ((*rest = parse_or(p)) && p->token == T_IF) {
        Expr *choice = node(p, EXPR_IF, p->loc);
        advance(p);
        choice->a = *rest;
        choice->b = parse_or(p);
        if (!choice->b || !expect(p, T_ELSE, "'else' was expected")) return NULL;
        *rest = choice;
        rest = &choice->c;
    }
    p->depth--;
    return *rest ? first : NULL;
}

/* ---- statements ---------------------------------------------------------------------------------------------------- */

static bool parse_body(Parser *p, Expr ***list, size_t *count);

static Expr *parse_values(Parser *p) { /* a or a, b */
    Expr *first = parse_labelled(p);
    if (!first || p->token != ',') return first;
    Expr *tuple = node(p, EXPR_TUPLE, first->loc);
    size_t capacity = 0;
    push(p, &tuple->args, &tuple->n_args, &capacity, first);
    while (accept(p, ',')) {
        Expr *next = parse_labelled(p);
        if (!next) return NULL;
        push(p, &tuple->args, &tuple->n_args, &capacity, next);
    }
    return tuple;
}

static bool parse_suite(Parser *p, Expr ***list, size_t *count) {
    if (!expect(p, ':', "':' was expected") || !expect(p, T_NEWLINE, "the body begins on the next line"))
        return false;
    if (!expect(p, T_INDENT, "an indented body was expected")) return false;
    if (!parse_body(p, list, count)) return false;
    return p->token == T_END || expect(p, T_DEDENT, "the body's indentation does not fit");
}

/* if, and what follows it: each elif is the only statement of the `orelse` before. */
static Expr *parse_if(Parser *p) {
    Expr *first = NULL, *above = NULL;
    do {
        Expr *e = node(p, STMT_IF, p->loc);
        advance(p);
        e->a = parse_expr(p);
        if (!e->a || !parse_suite(p, &e->body, &e->n_body)) return NULL;
        size_t capacity = 0;
        if (above)
            push(p, &above->orelse, &above->n_orelse, &capacity, e);
        else
            first = e;
        above = e;
    } while (p->token == T_ELIF);
    if (accept(p, T_ELSE) && !parse_suite(p, &above->orelse, &above->n_orelse)) return NULL;
    return first;
}

static Expr *parse_simple(Parser *p) {
    Loc loc = p->loc;
    Expr *e;
    if (accept(p, T_RETURN)) {
        e = node(p, STMT_RETURN, loc);
        e->a = parse_values(p);
        return e->a ? e : NULL;
    }
    if (accept(p, T_ASSERT)) {
        e = node(p, STMT_ASSERT, loc);
        e->a = parse_expr(p);
        if (e->a && accept(p, ',')) e->b = parse_expr(p);
        return p->failed ? NULL : e;
    }
    Expr *left = parse_values(p);
    if (!left) return NULL;
    if (p->token != '=' && p->token != T_UPDATE) {
        e = node(p, STMT_EXPR, loc);
        e->a = left;
        return e;
    }
    e = node(p, p->token == '=' ? STMT_ASSIGN : STMT_UPDATE, loc);
    bool names = left->kind == EXPR_NAME || left->kind == EXPR_TUPLE;
    for (size_t i = 0; left->kind == EXPR_TUPLE && i < left->n_args; i++)
        names = names && left->args[i]->kind == EXPR_NAME;
    if (!names) return fail(p, left->loc, "only names can be assigned");
    advance(p);
    e->a = left;
    e->b = parse_values(p);
    return e->b ? e : NULL;
}

static Expr *parse_statement(Parser *p) {
    Expr *e;
    if (p->token == T_IF) return parse_if(p);
    if (p->token == T_FOR) {
        e = node(p, STMT_FOR, p->loc);
        advance(p);
        e->a = parse_targets(p);
        if (!e->a || !expect(p, T_IN, "'in' was expected")) return NULL;
        e->b = parse_expr(p);
        return e->b && parse_suite(p, &e->body, &e->n_body) ? e : NULL;
    }
    e = parse_simple(p);
    if (!e) return NULL;
    if (p->token != T_END && p->token != T_DEDENT && !expect(p, T_NEWLINE, "the line should end here"))
        return NULL;
    return e;
}

static bool parse_body(Parser *p, Expr ***list, size_t *count) {
    size_t capacity = 0;
    if (++p->bodies > MAX_BODIES) return fail(p, p->loc, "bodies nest more than 64 deep") != NULL;
    while (p->token != T_END && p->token != T_DEDENT && !p->failed) {
        if (accept(p, T_NEWLINE)) continue;
        if (p->token == T_INDENT) return fail(p, p->loc, "this line is indented for no reason") != NULL;
        Expr *e = parse_statement(p);
        if (!e) return false;
        push(p, list, count, &capacity, e);
    }
    p->bodies--;
    return !p->failed;
}

/* ---- entries ------------------------------------------------------------------------------------------------------- */

static Parser start(Arena *arena, Diags *diags, Loc loc, uint32_t indent, const char *text, size_t size,
                    bool block) {
    char *copy = arena_strndup(arena, text, size);
    Parser p = {.arena = arena,
                .diags = diags,
                .start = loc,
                .indent = indent,
                .text = copy,
                .end = copy + size,
                .at = copy,
                .line = copy,
                .n_indents = 1,
                .line_begin = block,
                .block = block};
    return p;
}

Block *expr_parse_block(Arena *arena, Diags *diags, Loc loc, uint32_t indent, const char *text, size_t size) {
    Parser p = start(arena, diags, loc, indent, text, size, true);
    Block *block = ARENA_NEW(arena, Block);
    advance(&p);
    return parse_body(&p, &block->statements, &block->count) ? block : NULL;
}

Expr *expr_parse(Arena *arena, Diags *diags, Loc loc, const char *text, size_t size) {
    Parser p = start(arena, diags, loc, 0, text, size, false);
    advance(&p);
    Expr *e = parse_values(&p);
    if (e && p.token != T_END) return fail(&p, p.loc, "the expression should end here");
    return e;
}

bool expr_parse_signature(Arena *arena, Diags *diags, Loc loc, const char *text, size_t size,
                          Signature *out) {
    Parser p = start(arena, diags, loc, 0, text, size, false);
    advance(&p);
    *out = (Signature){0};
    size_t capacity = 0;
    if (p.token != T_NAME)
        return fail(&p, p.loc, "a name was expected: name(parameter, other=default)") != NULL;
    out->name = p.word;
    advance(&p);
    if (p.token == T_END) return true;
    if (!expect(&p, '(', "'(' was expected")) return false;
    while (p.token != ')' && !p.failed) {
        if (p.token != T_NAME) return fail(&p, p.loc, "a parameter's name was expected") != NULL;
        Parameter parameter = {.name = p.word};
        for (size_t i = 0; i < out->count; i++)
            if (strcmp(out->parameters[i].name, p.word) == 0)
                return fail(&p, p.loc, "this parameter is given twice") != NULL;
        advance(&p);
        if (accept(&p, '=')) parameter.fallback = parse_expr(&p);
        if (p.failed) return false;
        if (out->count == MAX_PARAMETERS) return fail(&p, p.loc, "more than 256 parameters") != NULL;
        ARENA_PUSH(arena, out->parameters, out->count, capacity, parameter);
        if (!accept(&p, ',')) break;
    }
    if (expect(&p, ')', "')' or ',' was expected") && p.token != T_END)
        fail(&p, p.loc, "the signature should end here");
    return !p.failed;
}
