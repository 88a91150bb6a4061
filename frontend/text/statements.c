/* The syntax of statements and their indented bodies. */
#include "frontend/text/foreign.h"
#include "frontend/text/parser.h"

#include <string.h>
#include <strings.h>

Expr *parse_values(Parser *p) { /* a or a, b */
    Expr *first = parse_labelled(p);
    if (!first || p->in.token != ',') return first;
    Expr *tuple = parse_node(p, EXPR_TUPLE, first->loc);
    size_t capacity = 0;
    parse_push(p, &tuple->args, &tuple->n_args, &capacity, first);
    while (parse_accept(p, ',')) {
        Expr *next = parse_labelled(p);
        if (!next) return NULL;
        parse_push(p, &tuple->args, &tuple->n_args, &capacity, next);
    }
    return tuple;
}

static bool parse_suite(Parser *p, Expr ***list, size_t *count) {
    if (p->in.token == T_IF) return lexer_fail(&p->in, p->in.loc, "vitc writes `elif`") != NULL;
    if (p->in.token == '=') return lexer_fail(&p->in, p->in.loc, "`=` assigns: comparing is `==`") != NULL;
    if (!parse_expect(p, ':', "':' was expected: it ends the line before an indented body") ||
        !parse_expect(p, T_NEWLINE, "the body begins on the next line, indented"))
        return false;
    if (!parse_expect(p, T_INDENT, "an indented body was expected")) return false;
    if (!parse_body(p, list, count)) return false;
    return p->in.token == T_END || parse_expect(p, T_DEDENT, "the body's indentation does not fit");
}

/* if, and what follows it: each elif is the only statement of the `orelse` before. */
static Expr *parse_if(Parser *p) {
    Expr *first = NULL, *above = NULL;
    do {
        Expr *e = parse_node(p, STMT_IF, p->in.loc);
        lexer_advance(&p->in);
        e->a = parse_expr(p);
        if (!e->a || !parse_suite(p, &e->body, &e->n_body)) return NULL;
        size_t capacity = 0;
        if (above)
            parse_push(p, &above->orelse, &above->n_orelse, &capacity, e);
        else
            first = e;
        above = e;
    } while (p->in.token == T_ELIF);
    if (parse_accept(p, T_ELSE) && !parse_suite(p, &above->orelse, &above->n_orelse)) return NULL;
    return first;
}

/* Whether the statement begins with this word, rather than with a name that is assigned, called by a label or read. */
static bool begins_with(const Parser *p, const char *word) {
    if (p->in.token != T_NAME || strcmp(p->in.word, word) != 0) return false;
    int then, next = lexer_ahead(&p->in, &then);
    bool name = next == '=' || next == T_UPDATE || next == ',' || next == ':' || next == '.' || next == '[' ||
                next == T_NEWLINE || next == T_END || parse_operator_of(next);
    return !name;
}

/* repeat n: or repeat i in n: */
static Expr *parse_repeat(Parser *p) {
    Expr *e = parse_node(p, STMT_REPEAT, p->in.loc);
    lexer_advance(&p->in);
    if (p->in.token == T_NAME && lexer_ahead(&p->in, NULL) == T_IN) {
        e->a = parse_node(p, EXPR_NAME, p->in.loc);
        e->a->text = p->in.word;
        lexer_advance(&p->in);
        lexer_advance(&p->in);
    }
    e->b = parse_expr(p);
    return e->b && parse_suite(p, &e->body, &e->n_body) ? e : NULL;
}

/* when condition: …, perhaps else: … */
static Expr *parse_when(Parser *p) {
    Expr *e = parse_node(p, STMT_WHEN, p->in.loc);
    lexer_advance(&p->in);
    e->a = parse_expr(p);
    if (!e->a || !parse_suite(p, &e->body, &e->n_body)) return NULL;
    if (p->in.token == T_ELIF)
        return lexer_fail(&p->in, p->in.loc, "`elif` belongs to `if`: write `else:` and `when` inside it");
    if (parse_accept(p, T_ELSE) && !parse_suite(p, &e->orelse, &e->n_orelse)) return NULL;
    return e;
}

/* The operator of += and its like; 0: another token. */
int parse_operator_of(int token) {
    switch (token) {
    case T_PLUS_TO: return '+';
    case T_MINUS_TO: return '-';
    case T_TIMES_TO: return '*';
    case T_OVER_TO: return '/';
    default: return 0;
    }
}

/* name op= value: `name = name op value`. */
static Expr *parse_change(Parser *p, Expr *name, Loc loc) {
    Expr *e = parse_node(p, STMT_ASSIGN, loc), *value = parse_node(p, EXPR_BINARY, p->in.loc);
    e->op = value->op = parse_operator_of(p->in.token);
    if (name->kind != EXPR_NAME) return lexer_fail(&p->in, name->loc, "one name alone is changed by this");
    lexer_advance(&p->in);
    value->a = e->a = name;
    value->b = parse_labelled(p);
    e->b = value;
    return value->b ? e : NULL;
}

/* A value alone, or what assigns it. */
static Expr *parse_assignment(Parser *p) {
    Loc loc = p->in.loc;
    Expr *left = parse_values(p), *e;
    if (!left) return NULL;
    if (parse_operator_of(p->in.token)) return parse_change(p, left, loc);
    if (p->in.token != '=' && p->in.token != T_UPDATE) {
        e = parse_node(p, STMT_EXPR, loc);
        e->a = left;
        return e;
    }
    e = parse_node(p, p->in.token == '=' ? STMT_ASSIGN : STMT_UPDATE, loc);
    bool names = left->kind == EXPR_NAME || left->kind == EXPR_TUPLE;
    for (size_t i = 0; left->kind == EXPR_TUPLE && i < left->n_args; i++)
        names = names && left->args[i]->kind == EXPR_NAME;
    if (!names)
        return lexer_fail(
            &p->in, left->loc,
            left->kind == EXPR_INDEX
                ? "only names can be assigned: values do not change (`scatter(x, i, rows)` makes a new one)"
                : "only names can be assigned");
    lexer_advance(&p->in);
    e->a = left;
    e->b = parse_values(p);
    return e->b ? e : NULL;
}

static Expr *parse_simple(Parser *p) {
    Loc loc = p->in.loc;
    Expr *e;
    if (parse_accept(p, T_RETURN)) {
        e = parse_node(p, STMT_RETURN, loc);
        e->a = parse_values(p);
        return e->a ? e : NULL;
    }
    if (parse_accept(p, T_ASSERT)) {
        e = parse_node(p, STMT_ASSERT, loc);
        e->a = parse_expr(p);
        if (e->a && parse_accept(p, ',')) e->b = parse_expr(p);
        return p->in.failed ? NULL : e;
    }
    return parse_assignment(p);
}

/* A word that begins a statement of another language, where it is no name that is assigned, called or read. */
const char *parse_foreign_start(const Parser *p) {
    const char *message = p->in.token == T_NAME ? foreign_statement(p->in.word) : NULL;
    if (!message) return NULL;
    int then, next = lexer_ahead(&p->in, &then);
    if (next == T_NAME || next == T_NUMBER || next == T_STRING) return message;
    if (next == ':' && (then == T_NEWLINE || then == T_END)) return message;
    bool ends =
        p->in.block && (next == T_NEWLINE || next == T_END); /* not a lone name where a value is wanted */
    return (ends || next == '(') && foreign_keyword(p->in.word) ? message : NULL;
}

/* The word that begins a statement and was perhaps meant; or NULL. */
static const char *near_statement(const char *word) {
    static const char *const words[] = {"return", "assert", "for", "if", "elif", "else", "repeat", "when"};
    size_t n = sizeof words / sizeof *words;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(word, words[i]) == 0) return words[i];
    return diag_nearest(word, words, n);
}

/* What is told of a token behind a statement that is whole without it. */
static const char *trailing(Parser *p) {
    switch (p->in.token) {
    case T_NAME:
    case T_NUMBER:
    case T_STRING: return "an operator, a comma or a new line is missing before this";
    case '=': return "the line should end here: `=` assigns at its beginning, `==` compares";
    case T_UPDATE: return "the line should end here: `:=` sets a state, in a line of its own";
    case ':': return "the line should end here: `:` is for `label: module(…)`, `if …:`, `else:` and `for …:`";
    case T_PLUS_TO:
    case T_MINUS_TO:
    case T_TIMES_TO:
    case T_OVER_TO: return "the line should end here: one name is changed in a line of its own, `x += 1`";
    default: return "the line should end here";
    }
}

static Expr *parse_statement(Parser *p) {
    Expr *e;
    const char *foreign = parse_foreign_start(p);
    if (foreign) return lexer_fail(&p->in, p->in.loc, foreign);
    if (p->in.token == T_ELSE || p->in.token == T_ELIF)
        return lexer_fail(&p->in, p->in.loc, "no `if` with this indentation stands before");
    if (p->in.token == T_IF) return parse_if(p);
    if (begins_with(p, "repeat")) return parse_repeat(p);
    if (begins_with(p, "when")) return parse_when(p);
    if (p->in.token == T_FOR) {
        e = parse_node(p, STMT_FOR, p->in.loc);
        lexer_advance(&p->in);
        e->a = parse_targets(p);
        if (!e->a || !parse_expect(p, T_IN, "'in' was expected")) return NULL;
        e->b = parse_expr(p);
        return e->b && parse_suite(p, &e->body, &e->n_body) ? e : NULL;
    }
    const char *first = p->in.token == T_NAME ? p->in.word : NULL;
    e = parse_simple(p);
    if (!e) return NULL;
    const char *near = first && p->in.token != T_NEWLINE ? near_statement(first) : NULL;
    if (near && (p->in.token == T_NAME || p->in.token == T_NUMBER || p->in.token == T_STRING))
        return lexer_fail(&p->in, e->loc,
                          arena_printf(p->in.arena, "'%s' is no statement; did you mean `%s`?", first, near));
    if (p->in.token != T_END && p->in.token != T_DEDENT && !parse_expect(p, T_NEWLINE, trailing(p)))
        return NULL;
    return e;
}

bool parse_body(Parser *p, Expr ***list, size_t *count) {
    size_t capacity = 0;
    if (++p->bodies > MAX_BODIES)
        return lexer_fail(&p->in, p->in.loc, "bodies nest more than 64 deep") != NULL;
    while (p->in.token != T_END && p->in.token != T_DEDENT && !p->in.failed) {
        if (parse_accept(p, T_NEWLINE)) continue;
        if (p->in.token == T_INDENT)
            return lexer_fail(&p->in, p->in.loc, "this line is indented for no reason") != NULL;
        Expr *e = parse_statement(p);
        if (!e) return false;
        parse_push(p, list, count, &capacity, e);
    }
    p->bodies--;
    return !p->in.failed;
}
