/* The expression language's syntax: text in, a syntax tree out. What it means is in evaluate/. */
#ifndef VITC_FRONTEND_TEXT_EXPR_H
#define VITC_FRONTEND_TEXT_EXPR_H

#include "frontend/text/tokens.h"

typedef enum {
    /* expressions */
    EXPR_NUMBER,
    EXPR_STRING,
    EXPR_NAME,
    EXPR_TUPLE,
    EXPR_LIST,
    EXPR_UNARY,
    EXPR_BINARY,
    EXPR_IF,
    EXPR_CALL,
    EXPR_INDEX,
    EXPR_SLICE,
    EXPR_ATTRIBUTE,
    EXPR_COMPREHENSION,
    EXPR_LABELLED,
    EXPR_ELLIPSIS,
    EXPR_BLOCK, /* statements (body) where an expression stands: what they return */
    /* statements */
    STMT_ASSIGN,
    STMT_UPDATE,
    STMT_RETURN,
    STMT_FOR,
    STMT_IF,
    STMT_REPEAT, /* `repeat a in b:`, a may be NULL */
    STMT_WHEN,   /* `when a:` … `else:` */
    STMT_ASSERT,
    STMT_EXPR
} ExprKind;

typedef struct Expr Expr;
typedef struct ExprClause { /* one `for targets in over if condition…` */
    Expr *target, *over;
    Expr **conditions;
    size_t n_conditions;
} ExprClause;

struct Expr {
    ExprKind kind;
    Loc loc;
    int op; /* token of UNARY and BINARY (tokens.h) */
    double number;
    bool is_int;      /* of a NUMBER */
    const char *text; /* NAME, STRING, ATTRIBUTE, keyword of an argument */
    Expr *a, *b,
        *c; /* operands; INDEX: a[args]; CALL: a(args); IF: a if b else c; SLICE: a:b:c; ASSIGN: a = b */
    Expr *
        *args; /* TUPLE, LIST, CALL (keyword argument: an Expr whose `keyword` is set), INDEX; label parts */
    size_t n_args;
    const char *keyword; /* of an argument, at keyword_loc; or NULL */
    Loc keyword_loc;
    ExprClause *clauses; /* COMPREHENSION of element a */
    size_t n_clauses;
    Expr **body, **orelse; /* FOR, IF, REPEAT, WHEN */
    size_t n_body, n_orelse;
};

typedef struct {
    Expr **statements;
    size_t count;
} Block;

/* A parameter of a signature "name(x, out, bias=true)". */
typedef struct {
    const char *name;
    Expr *fallback; /* NULL: required */
} Parameter;
typedef struct {
    const char *name;
    Parameter *parameters;
    size_t count;
} Signature;

/* Where a way through a body ends without `return`: the statement; NULL if none does, or the body is empty. */
const Expr *block_open_end(const Block *block);
/* Warns of lines whose value goes nowhere. */
void block_warn_unused(Diags *diags, const Block *block);

/* Each is given text that starts at `loc` of its source (block scalars: `indent` is taken off every line).
 * Errors go to diags; NULL/false after any. */
Block *expr_parse_block(Arena *arena, Diags *diags, Loc loc, uint32_t indent, const char *text, size_t size);
Expr *expr_parse(Arena *arena, Diags *diags, Loc loc, const char *text, size_t size);
bool expr_parse_signature(Arena *arena, Diags *diags, Loc loc, const char *text, size_t size, Signature *out);

/* The next `{expression}` of a message, which stands for its value; NULL: none is left, or it is wrong. *before: the
 * text up to it; *text moves behind it. */
Expr *expr_parse_braced(Arena *arena, Diags *diags, Loc loc, const char **text, const char **before);

#endif
