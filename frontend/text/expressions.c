/* The syntax of expressions: recursive descent with Python's precedence. */
#include "frontend/text/foreign.h"
#include "frontend/text/parser.h"

#include <string.h>

Expr *parse_node(Parser *p, ExprKind kind, Loc loc) {
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

bool parse_accept(Parser *p, int token) {
    if (p->in.token != token) return false;
    lexer_advance(&p->in);
    return true;
}

bool parse_expect(Parser *p, int token, const char *message) {
    if (parse_accept(p, token)) return true;
    lexer_fail(&p->in, p->in.loc, message);
    return false;
}

/* A bracket's end. What fails a line further on, or at the end, was left open; elsewhere something is wrong inside. */
static bool expect_close(Parser *p, int close, Loc open) {
    Lexer *in = &p->in;
    if (parse_accept(p, close)) return true;
    if (in->failed) return false;
    int sign = close == ')' ? '(' : '[';
    bool at_end = in->token == T_END;
    if (at_end || in->loc.line > in->before) {
        lexer_fail(in, open, arena_printf(in->arena, "this '%c' is not closed", sign));
        if (!at_end) diag_note(in->diags, in->loc, "'%c' or ',' is missing before this", close);
        return false;
    }
    const char *told = in->token == T_UPDATE ? "`:=` sets a state, in a line of its own"
                       : in->token == '='
                           ? "a value is compared by `==`; `name=value` passes an argument by its name"
                           : arena_printf(in->arena, "'%c' or ',' was expected", close);
    lexer_fail(in, in->loc, told);
    diag_note(in->diags, open, "inside this '%c'", sign);
    return false;
}

void parse_push(Parser *p, Expr ***list, size_t *n, size_t *capacity, Expr *e) {
    ARENA_PUSH(p->in.arena, *list, *n, *capacity, e);
}

Expr *parse_targets(Parser *p) { /* a, b */
    Loc loc = p->in.loc;
    Expr *tuple = parse_node(p, EXPR_TUPLE, loc);
    size_t capacity = 0;
    do {
        bool open = parse_accept(p, '(');
        if (p->in.token != T_NAME) return lexer_fail(&p->in, p->in.loc, "a name was expected after 'for'");
        Expr *name = parse_node(p, EXPR_NAME, p->in.loc);
        name->text = p->in.word;
        lexer_advance(&p->in);
        parse_push(p, &tuple->args, &tuple->n_args, &capacity, name);
        if (open && p->in.token == ')') lexer_advance(&p->in);
    } while (parse_accept(p, ','));
    parse_accept(p, ')');
    return tuple->n_args == 1 ? tuple->args[0] : tuple;
}

static Expr *parse_or(Parser *p);

static Expr *parse_comprehension(Parser *p, Expr *element) {
    Expr *e = parse_node(p, EXPR_COMPREHENSION, element->loc);
    size_t capacity = 0;
    e->a = element;
    while (parse_accept(p, T_FOR)) {
        ExprClause clause = {0};
        clause.target = parse_targets(p);
        if (!parse_expect(p, T_IN, "'in' was expected")) return NULL;
        clause.over = parse_or(p);
        size_t n = 0;
        while (parse_accept(p, T_IF))
            parse_push(p, &clause.conditions, &clause.n_conditions, &n, parse_or(p));
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

Expr *parse_labelled(Parser *p) {
    Expr *e = parse_expr(p);
    if (!e || p->in.token != ':' || !is_label(e)) return e;
    Expr *labelled = parse_node(p, EXPR_LABELLED, e->loc);
    lexer_advance(&p->in);
    labelled->a = e;
    labelled->b = parse_expr(p);
    return labelled->b ? labelled : NULL;
}

static Expr *parse_slice_part(Parser *p) {
    Loc loc = p->in.loc;
    if (p->in.token == T_ELLIPSIS) {
        lexer_advance(&p->in);
        return parse_node(p, EXPR_ELLIPSIS, loc);
    }
    Expr *first = p->in.token == ':' ? NULL : parse_expr(p);
    if (p->in.token != ':' || p->in.failed) return first;
    Expr *slice = parse_node(p, EXPR_SLICE, loc);
    slice->a = first;
    lexer_advance(&p->in);
    if (p->in.token != ']' && p->in.token != ',' && p->in.token != ':') slice->b = parse_expr(p);
    if (parse_accept(p, ':') && p->in.token != ']' && p->in.token != ',') slice->c = parse_expr(p);
    return slice;
}

static Expr *parse_arguments(Parser *p, Expr *call) {
    size_t capacity = 0;
    Loc open = p->in.loc;
    lexer_advance(&p->in);
    while (p->in.token != ')' && p->in.token != T_END && !p->in.failed) {
        Expr *argument = parse_labelled(p);
        if (!argument) return NULL;
        if (p->in.token == '=' && argument->kind == EXPR_NAME) {
            const char *keyword = argument->text;
            Loc keyword_loc = argument->loc;
            lexer_advance(&p->in);
            argument = parse_labelled(p);
            if (!argument) return NULL;
            Expr *copy = parse_node(p, argument->kind, argument->loc);
            *copy = *argument;
            copy->keyword = keyword;
            copy->keyword_loc = keyword_loc;
            argument = copy;
        } else if (p->in.token == T_FOR)
            argument = parse_comprehension(p, argument);
        parse_push(p, &call->args, &call->n_args, &capacity, argument);
        if (!parse_accept(p, ',')) break;
    }
    return expect_close(p, ')', open) ? call : NULL;
}

static Expr *parse_items(Parser *p, Expr *list, int close, Loc open) {
    size_t capacity = list->n_args;
    while (p->in.token != close && p->in.token != T_END && !p->in.failed) {
        Expr *item = close == ']' && list->kind == EXPR_INDEX ? parse_slice_part(p) : parse_labelled(p);
        if (!item) return NULL;
        parse_push(p, &list->args, &list->n_args, &capacity, item);
        if (!parse_accept(p, ',')) break;
    }
    return expect_close(p, close, open) ? list : NULL;
}

static Expr *parse_parenthesis(Parser *p, int close, ExprKind kind) {
    Loc loc = p->in.loc;
    lexer_advance(&p->in);
    if (parse_accept(p, close)) return parse_node(p, kind, loc);
    if (p->in.token == T_END) return expect_close(p, close, loc), NULL;
    Expr *first = parse_labelled(p);
    if (!first) return NULL;
    if (p->in.token == T_FOR) {
        first = parse_comprehension(p, first);
        return first && expect_close(p, close, loc) ? first : NULL;
    }
    if (kind == EXPR_TUPLE && parse_accept(p, close)) return first;
    Expr *list = parse_node(p, kind, loc);
    size_t capacity = 0;
    parse_push(p, &list->args, &list->n_args, &capacity, first);
    if (!parse_accept(p, ',')) return expect_close(p, close, loc) ? list : NULL;
    Expr *rest = parse_node(p, kind, loc);
    if (!parse_items(p, rest, close, loc)) return NULL;
    for (size_t i = 0; i < rest->n_args; i++)
        parse_push(p, &list->args, &list->n_args, &capacity, rest->args[i]);
    return list;
}

/* What is told where a value should begin and does not. */
static const char *no_value(Parser *p) {
    switch (p->in.token) {
    case T_END:
    case T_NEWLINE: return "the expression ends too early: a value is missing";
    case T_RETURN:
    case T_ASSERT:
    case T_FOR:
    case T_IF:
    case T_ELSE:
    case T_ELIF: return "a value was expected here, not a statement";
    case '=': return "a value was expected here: `=` assigns, `==` compares";
    case ':': return "`:` takes a part inside [ ], as `x[:, 0]`";
    case '@': return "`@` multiplies matrices, and a value is missing before it (vitc has no decorators)";
    case T_NOT: return "`not` binds less than arithmetic and comparisons: put it in ( )";
    default: return "an expression was expected here";
    }
}

/* lambda x: …, await x: words that begin an expression of Python. */
static const char *foreign_word(const Parser *p) {
    if (p->in.token != T_NAME || !foreign_keyword(p->in.word)) return NULL;
    int next = lexer_ahead(&p->in, NULL);
    bool lambda = strcmp(p->in.word, "lambda") == 0 && next == ':';
    return next == T_NAME || lambda ? foreign_statement(p->in.word) : NULL;
}

static Expr *parse_atom(Parser *p) {
    Loc loc = p->in.loc;
    Expr *e;
    const char *foreign = foreign_word(p);
    if (foreign) return lexer_fail(&p->in, loc, foreign);
    switch (p->in.token) {
    case T_NUMBER:
        e = parse_node(p, EXPR_NUMBER, loc);
        e->number = p->in.number;
        e->is_int = p->in.is_int;
        lexer_advance(&p->in);
        return e;
    case T_STRING:
    case T_NAME:
        e = parse_node(p, p->in.token == T_NAME ? EXPR_NAME : EXPR_STRING, loc);
        e->text = p->in.word;
        lexer_advance(&p->in);
        return e;
    case '(': return parse_parenthesis(p, ')', EXPR_TUPLE);
    case '[': return parse_parenthesis(p, ']', EXPR_LIST);
    default: return lexer_fail(&p->in, loc, no_value(p));
    }
}

/* What may follow a value: (arguments), [index], .name; or NULL. */
static Expr *parse_suffix(Parser *p, Expr *e) {
    Loc loc = p->in.loc;
    if (p->in.token == '(') {
        Expr *call = parse_node(p, EXPR_CALL, e->loc);
        call->a = e;
        return parse_arguments(p, call);
    }
    if (parse_accept(p, '[')) {
        Expr *index = parse_node(p, EXPR_INDEX, loc);
        index->a = e;
        if (!parse_items(p, index, ']', loc)) return NULL;
        return index->n_args ? index : lexer_fail(&p->in, loc, "an index was expected");
    }
    lexer_advance(&p->in);
    if (p->in.token != T_NAME && p->in.token != T_NUMBER)
        return lexer_fail(&p->in, p->in.loc, "a name was expected after '.'");
    Expr *attribute = parse_node(p, EXPR_ATTRIBUTE, loc);
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
    Expr *e = parse_node(p, EXPR_BINARY, p->in.loc);
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
    Expr *e = parse_node(p, EXPR_UNARY, p->in.loc);
    e->op = p->in.token;
    lexer_advance(&p->in);
    e->a = parse_unary(p);
    p->depth--;
    return e->a ? e : NULL;
}

/* Binary operators by level, loosest first; below them unary. */
static const int LEVELS[][9] = {{T_OR},     {T_AND},
                                {T_NOT},    {'<', '>', T_LE, T_GE, T_EQ, T_NE, T_IN, T_IS},
                                {'+', '-'}, {'*', '/', '%', '@', T_FLOORDIV}};
enum { N_LEVELS = sizeof LEVELS / sizeof *LEVELS, LEVEL_NOT = 2, LEVEL_COMPARE = 3 };

static bool in_level(int token, int level) {
    for (int i = 0; LEVELS[level][i]; i++)
        if (LEVELS[level][i] == token) return true;
    return false;
}

static Expr *parse_level(Parser *p, int level);

/* `is none`, `is not none`, `not in`: what the operator at hand begins; *negated: its value is the opposite's. False,
 * after an error. */
static bool parse_words(Parser *p, bool *negated) {
    if (p->in.token == T_NOT) {
        *negated = true;
        lexer_advance(&p->in);
        if (p->in.token == T_IN) return true;
        return lexer_fail(&p->in, p->in.loc, "'in' was expected: `x not in list`") != NULL;
    }
    if (p->in.token != T_IS) return true;
    int then, next = lexer_ahead(&p->in, &then);
    *negated = next == T_NOT;
    return true;
}

/* `is` asks for none alone. */
static bool check_is(Parser *p, const Expr *e) {
    if (e->op != T_IS || (e->b->kind == EXPR_NAME && strcmp(e->b->text, "none") == 0)) return true;
    const char *foreign = e->b->kind == EXPR_NAME ? foreign_name(e->b->text, false) : NULL;
    const char *told =
        "`is` asks for none alone, `x is none` or `x is not none`: values are compared by `==`";
    return lexer_fail(&p->in, foreign ? e->b->loc : e->loc, foreign ? foreign : told) != NULL;
}

static Expr *parse_comparison(Parser *p, Expr *a) {
    Expr *e = parse_node(p, EXPR_BINARY, p->in.loc);
    bool negated = false;
    if (!parse_words(p, &negated)) return NULL;
    e->op = p->in.token;
    lexer_advance(&p->in);
    if (e->op == T_IS && negated) lexer_advance(&p->in);
    e->a = a;
    e->b = parse_level(p, LEVEL_COMPARE + 1);
    if (!e->b || !check_is(p, e)) return NULL;
    if (in_level(p->in.token, LEVEL_COMPARE))
        return lexer_fail(&p->in, p->in.loc, "comparisons do not chain: write a < b and b < c");
    if (!negated) return e;
    Expr *opposite = parse_node(p, EXPR_UNARY, e->loc);
    opposite->op = T_NOT;
    opposite->a = e;
    return opposite;
}

static Expr *parse_level(Parser *p, int level) {
    if (level == N_LEVELS) return parse_unary(p);
    if (level == LEVEL_NOT) {
        if (p->in.token != T_NOT) return parse_level(p, level + 1);
        if (!deeper(p)) return NULL;
        Expr *e = parse_node(p, EXPR_UNARY, p->in.loc);
        e->op = T_NOT;
        lexer_advance(&p->in);
        e->a = parse_level(p, level);
        p->depth--;
        return e->a ? e : NULL;
    }
    Expr *a = parse_level(p, level + 1);
    if (level == LEVEL_COMPARE)
        return a && (in_level(p->in.token, level) || p->in.token == T_NOT) ? parse_comparison(p, a) : a;
    while (a && in_level(p->in.token, level)) {
        Expr *e = parse_node(p, EXPR_BINARY, p->in.loc);
        e->op = p->in.token;
        lexer_advance(&p->in);
        e->a = a;
        e->b = parse_level(p, level + 1);
        if (!e->b) return NULL;
        a = e;
    }
    return a;
}

static Expr *parse_or(Parser *p) {
    return parse_level(p, 0);
}

Expr *parse_expr(Parser *p) {
    Expr *first = NULL, **rest = &first; /* a if b else c if d else e … */
    if (!deeper(p)) return NULL;
    while ((*rest = parse_or(p)) && p->in.token == T_IF) {
        Expr *choice = parse_node(p, EXPR_IF, p->in.loc);
        lexer_advance(&p->in);
        choice->a = *rest;
        choice->b = parse_or(p);
        if (!choice->b || !parse_expect(p, T_ELSE, "'else' was expected: `a if condition else b`"))
            return NULL;
        *rest = choice;
        rest = &choice->c;
    }
    p->depth--;
    return *rest ? first : NULL;
}
