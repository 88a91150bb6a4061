/* The expression language's syntax: recursive descent with Python's precedence. */
#include "frontend/text/expr.h"

#include <string.h>

/* Nesting is limited, because the parser and whatever walks over its result are recursive. A chain of operators,
 * `elif` or `else` does not count as nested, however long it is: walks follow it in a loop. */
enum { MAX_DEPTH = 200, MAX_BODIES = 64, MAX_CLAUSES = 32, MAX_PARAMETERS = 256 };

typedef struct {
    Lexer in;
    int depth, bodies; /* of expressions, of indented bodies */
} Parser;

/* ---- expressions ------------------------------------------------------------------------------------------------- */

static Expr *parse_expr(Parser *p);

static Expr *node(Parser *p, ExprKind kind, Loc loc) {
    Expr *e = ARENA_NEW(p->in.arena, Expr);
    e->kind = kind;
    e->loc = loc;
    return e;
}

/* One level deeper; false, after an error, beyond the limit. */
static bool deeper(Parser *p) {
    if (++p->depth <= MAX_DEPTH) return true;
    lexer_fail(&p->in, p->in.loc, "nested more than 200 deep");
    return false;
}

static bool accept(Parser *p, int token) {
    if (p->in.token != token) return false;
    lexer_advance(&p->in);
    return true;
}

static bool expect(Parser *p, int token, const char *message) {
    if (accept(p, token)) return true;
    lexer_fail(&p->in, p->in.loc, message);
    return false;
}

static void push(Parser *p, Expr ***list, size_t *n, size_t *capacity, Expr *e) {
    ARENA_PUSH(p->in.arena, *list, *n, *capacity, e);
}

static Expr *parse_targets(Parser *p) { /* a, b */
    Loc loc = p->in.loc;
    Expr *tuple = node(p, EXPR_TUPLE, loc);
    size_t capacity = 0;
    do {
        bool open = accept(p, '(');
        if (p->in.token != T_NAME) return lexer_fail(&p->in, p->in.loc, "a name was expected after 'for'");
        Expr *name = node(p, EXPR_NAME, p->in.loc);
        name->text = p->in.word;
        lexer_advance(&p->in);
        push(p, &tuple->args, &tuple->n_args, &capacity, name);
        if (open && p->in.token == ')') lexer_advance(&p->in);
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
        if (e->n_clauses == MAX_CLAUSES)
            return lexer_fail(&p->in, p->in.loc, "more than 32 `for` in one comprehension");
        ARENA_PUSH(p->in.arena, e->clauses, e->n_clauses, capacity, clause);
        if (p->in.failed) return NULL;
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
    if (!e || p->in.token != ':' || !is_label(e)) return e;
    Expr *labelled = node(p, EXPR_LABELLED, e->loc);
    lexer_advance(&p->in);
    labelled->a = e;
    labelled->b = parse_expr(p);
    return labelled->b ? labelled : NULL;
}

static Expr *parse_slice_part(Parser *p) {
    Loc loc = p->in.loc;
    if (p->in.token == T_ELLIPSIS) {
        lexer_advance(&p->in);
        return node(p, EXPR_ELLIPSIS, loc);
    }
    Expr *first = p->in.token == ':' ? NULL : parse_expr(p);
    if (p->in.token != ':' || p->in.failed) return first;
    Expr *slice = node(p, EXPR_SLICE, loc);
    slice->a = first;
    lexer_advance(&p->in);
    if (p->in.token != ']' && p->in.token != ',' && p->in.token != ':') slice->b = parse_expr(p);
    if (accept(p, ':') && p->in.token != ']' && p->in.token != ',') slice->c = parse_expr(p);
    return slice;
}

static Expr *parse_arguments(Parser *p, Expr *call) {
    size_t capacity = 0;
    while (p->in.token != ')' && !p->in.failed) {
        Expr *argument = parse_labelled(p);
        if (!argument) return NULL;
        if (p->in.token == '=' && argument->kind == EXPR_NAME) {
            const char *keyword = argument->text;
            lexer_advance(&p->in);
            argument = parse_labelled(p);
            if (!argument) return NULL;
            Expr *copy = node(p, argument->kind, argument->loc);
            *copy = *argument;
            copy->keyword = keyword;
            argument = copy;
        } else if (p->in.token == T_FOR)
            argument = parse_comprehension(p, argument);
        push(p, &call->args, &call->n_args, &capacity, argument);
        if (!accept(p, ',')) break;
    }
    return expect(p, ')', "')' or ',' was expected") ? call : NULL;
}

static Expr *parse_items(Parser *p, Expr *list, int close) {
    size_t capacity = list->n_args;
    while (p->in.token != close && !p->in.failed) {
        Expr *item = close == ']' && list->kind == EXPR_INDEX ? parse_slice_part(p) : parse_labelled(p);
        if (!item) return NULL;
        push(p, &list->args, &list->n_args, &capacity, item);
        if (!accept(p, ',')) break;
    }
    return expect(p, close, close == ']' ? "']' or ',' was expected" : "')' or ',' was expected") ? list
                                                                                                  : NULL;
}

static Expr *parse_parenthesis(Parser *p, int close, ExprKind kind) {
    Loc loc = p->in.loc;
    lexer_advance(&p->in);
    if (accept(p, close)) return node(p, kind, loc);
    Expr *first = parse_labelled(p);
    if (!first) return NULL;
    if (p->in.token == T_FOR) {
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
    Loc loc = p->in.loc;
    Expr *e;
    switch (p->in.token) {
    case T_NUMBER:
        e = node(p, EXPR_NUMBER, loc);
        e->number = p->in.number;
        e->is_int = p->in.is_int;
        lexer_advance(&p->in);
        return e;
    case T_STRING:
    case T_NAME:
        e = node(p, p->in.token == T_NAME ? EXPR_NAME : EXPR_STRING, loc);
        e->text = p->in.word;
        lexer_advance(&p->in);
        return e;
    case '(': return parse_parenthesis(p, ')', EXPR_TUPLE);
    case '[': return parse_parenthesis(p, ']', EXPR_LIST);
    default:
        return lexer_fail(&p->in, loc,
                          p->in.token == T_END || p->in.token == T_NEWLINE
                              ? "the expression ends too early"
                              : "an expression was expected here");
    }
}

/* What may follow a value: (arguments), [index], .name; or NULL. */
static Expr *parse_suffix(Parser *p, Expr *e) {
    Loc loc = p->in.loc;
    if (accept(p, '(')) {
        Expr *call = node(p, EXPR_CALL, e->loc);
        call->a = e;
        return parse_arguments(p, call);
    }
    if (accept(p, '[')) {
        Expr *index = node(p, EXPR_INDEX, loc);
        index->a = e;
        if (!parse_items(p, index, ']')) return NULL;
        return index->n_args ? index : lexer_fail(&p->in, loc, "an index was expected");
    }
    lexer_advance(&p->in);
    if (p->in.token != T_NAME && p->in.token != T_NUMBER)
        return lexer_fail(&p->in, p->in.loc, "a name was expected after '.'");
    Expr *attribute = node(p, EXPR_ATTRIBUTE, loc);
    attribute->a = e;
    attribute->text = p->in.token == T_NAME ? p->in.word : arena_printf(p->in.arena, "%g", p->in.number);
    lexer_advance(&p->in);
    return attribute;
}

static Expr *parse_postfix(Parser *p) {
    Expr *e = parse_atom(p);
    int depth = p->depth;
    while (e && !p->in.failed) {
        if (p->in.token != '(' && p->in.token != '[' && p->in.token != '.') {
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
    if (!a || p->in.token != T_POW) return a;
    Expr *e = node(p, EXPR_BINARY, p->in.loc);
    if (!deeper(p)) return NULL;
    e->op = T_POW;
    lexer_advance(&p->in);
    e->a = a;
    e->b = parse_unary(p);
    p->depth--;
    return e->b ? e : NULL;
}

static Expr *parse_unary(Parser *p) {
    if (p->in.token != '-' && p->in.token != '+') return parse_power(p);
    if (!deeper(p)) return NULL;
    Expr *e = node(p, EXPR_UNARY, p->in.loc);
    e->op = p->in.token;
    lexer_advance(&p->in);
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
        if (p->in.token != T_NOT) return parse_level(p, level + 1);
        if (!deeper(p)) return NULL;
        Expr *e = node(p, EXPR_UNARY, p->in.loc);
        e->op = T_NOT;
        lexer_advance(&p->in);
        e->a = parse_level(p, level);
        p->depth--;
        return e->a ? e : NULL;
    }
    Expr *a = parse_level(p, level + 1);
    while (a && in_level(p->in.token, level)) {
        Expr *e = node(p, EXPR_BINARY, p->in.loc);
        e->op = p->in.token;
        lexer_advance(&p->in);
        e->a = a;
        e->b = parse_level(p, level + 1);
        if (!e->b) return NULL;
        if (level == LEVEL_COMPARE && in_level(p->in.token, level))
            return lexer_fail(&p->in, p->in.loc, "comparisons do not chain: write a < b and b < c");
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
    while ((*rest = parse_or(p)) && p->in.token == T_IF) {
        Expr *choice = node(p, EXPR_IF, p->in.loc);
        lexer_advance(&p->in);
        choice->a = *rest;
        choice->b = parse_or(p);
        if (!choice->b || !expect(p, T_ELSE, "'else' was expected")) return NULL;
        *rest = choice;
        rest = &choice->c;
    }
    p->depth--;
    return *rest ? first : NULL;
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

static bool parse_body(Parser *p, Expr ***list, size_t *count);

static Expr *parse_values(Parser *p) { /* a or a, b */
    Expr *first = parse_labelled(p);
    if (!first || p->in.token != ',') return first;
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
    return p->in.token == T_END || expect(p, T_DEDENT, "the body's indentation does not fit");
}

/* if, and what follows it: each elif is the only statement of the `orelse` before. */
static Expr *parse_if(Parser *p) {
    Expr *first = NULL, *above = NULL;
    do {
        Expr *e = node(p, STMT_IF, p->in.loc);
        lexer_advance(&p->in);
        e->a = parse_expr(p);
        if (!e->a || !parse_suite(p, &e->body, &e->n_body)) return NULL;
        size_t capacity = 0;
        if (above)
            push(p, &above->orelse, &above->n_orelse, &capacity, e);
        else
            first = e;
        above = e;
    } while (p->in.token == T_ELIF);
    if (accept(p, T_ELSE) && !parse_suite(p, &above->orelse, &above->n_orelse)) return NULL;
    return first;
}

static Expr *parse_simple(Parser *p) {
    Loc loc = p->in.loc;
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
        return p->in.failed ? NULL : e;
    }
    Expr *left = parse_values(p);
    if (!left) return NULL;
    if (p->in.token != '=' && p->in.token != T_UPDATE) {
        e = node(p, STMT_EXPR, loc);
        e->a = left;
        return e;
    }
    e = node(p, p->in.token == '=' ? STMT_ASSIGN : STMT_UPDATE, loc);
    bool names = left->kind == EXPR_NAME || left->kind == EXPR_TUPLE;
    for (size_t i = 0; left->kind == EXPR_TUPLE && i < left->n_args; i++)
        names = names && left->args[i]->kind == EXPR_NAME;
    if (!names) return lexer_fail(&p->in, left->loc, "only names can be assigned");
    lexer_advance(&p->in);
    e->a = left;
    e->b = parse_values(p);
    return e->b ? e : NULL;
}

static Expr *parse_statement(Parser *p) {
    Expr *e;
    if (p->in.token == T_IF) return parse_if(p);
    if (p->in.token == T_FOR) {
        e = node(p, STMT_FOR, p->in.loc);
        lexer_advance(&p->in);
        e->a = parse_targets(p);
        if (!e->a || !expect(p, T_IN, "'in' was expected")) return NULL;
        e->b = parse_expr(p);
        return e->b && parse_suite(p, &e->body, &e->n_body) ? e : NULL;
    }
    e = parse_simple(p);
    if (!e) return NULL;
    if (p->in.token != T_END && p->in.token != T_DEDENT && !expect(p, T_NEWLINE, "the line should end here"))
        return NULL;
    return e;
}

static bool parse_body(Parser *p, Expr ***list, size_t *count) {
    size_t capacity = 0;
    if (++p->bodies > MAX_BODIES)
        return lexer_fail(&p->in, p->in.loc, "bodies nest more than 64 deep") != NULL;
    while (p->in.token != T_END && p->in.token != T_DEDENT && !p->in.failed) {
        if (accept(p, T_NEWLINE)) continue;
        if (p->in.token == T_INDENT)
            return lexer_fail(&p->in, p->in.loc, "this line is indented for no reason") != NULL;
        Expr *e = parse_statement(p);
        if (!e) return false;
        push(p, list, count, &capacity, e);
    }
    p->bodies--;
    return !p->in.failed;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

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

Expr *expr_parse(Arena *arena, Diags *diags, Loc loc, const char *text, size_t size) {
    Parser p = start(arena, diags, loc, 0, text, size, false);
    lexer_advance(&p.in);
    Expr *e = parse_values(&p);
    if (e && p.in.token != T_END) return lexer_fail(&p.in, p.in.loc, "the expression should end here");
    return e;
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
    lexer_advance(&p.in);
    if (p.in.token == T_END) return true;
    if (!expect(&p, '(', "'(' was expected")) return false;
    while (p.in.token != ')' && !p.in.failed) {
        if (p.in.token != T_NAME)
            return lexer_fail(&p.in, p.in.loc, "a parameter's name was expected") != NULL;
        Parameter parameter = {.name = p.in.word};
        for (size_t i = 0; i < out->count; i++)
            if (strcmp(out->parameters[i].name, p.in.word) == 0)
                return lexer_fail(&p.in, p.in.loc, "this parameter is given twice") != NULL;
        lexer_advance(&p.in);
        if (accept(&p, '=')) parameter.fallback = parse_expr(&p);
        if (p.in.failed) return false;
        if (out->count == MAX_PARAMETERS)
            return lexer_fail(&p.in, p.in.loc, "more than 256 parameters") != NULL;
        ARENA_PUSH(arena, out->parameters, out->count, capacity, parameter);
        if (!accept(&p, ',')) break;
    }
    if (expect(&p, ')', "')' or ',' was expected") && p.in.token != T_END)
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
