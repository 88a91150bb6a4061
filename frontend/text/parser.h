/* The parser of the expression language, as its files share it: expressions, statements, and the entries of expr.h.
 * Functions return NULL or false after an error, which they have told. */
#ifndef VITC_FRONTEND_TEXT_PARSER_H
#define VITC_FRONTEND_TEXT_PARSER_H

#include "frontend/text/expr.h"

/* Nesting is limited, because the parser and whatever walks over its result are recursive. A chain of operators,
 * `elif` or `else` does not count as nested, however long it is: walks follow it in a loop. */
enum { MAX_DEPTH = 200, MAX_BODIES = 64, MAX_CLAUSES = 32, MAX_PARAMETERS = 256 };

typedef struct {
    Lexer in;
    int depth, bodies; /* of expressions, of indented bodies */
} Parser;

/* ---- expressions.c */
Expr *parse_node(Parser *p, ExprKind kind, Loc loc);
bool parse_accept(Parser *p, int token); /* whether it was at hand; then the next one is */
bool parse_expect(Parser *p, int token, const char *message);
void parse_push(Parser *p, Expr ***list, size_t *n, size_t *capacity, Expr *e);
Expr *parse_targets(Parser *p); /* the names that a loop assigns: a, b */
Expr *parse_expr(Parser *p);
Expr *parse_labelled(Parser *p); /* an expression, or `label: call(…)` */

/* ---- statements.c */
Expr *parse_values(Parser *p); /* a or a, b */
bool parse_body(Parser *p, Expr ***list, size_t *count);
int parse_operator_of(int token); /* '+' of +=, and so on; 0: another token */
/* What is told of a word that begins a statement of another language, if the one at hand does; or NULL. */
const char *parse_foreign_start(const Parser *p);

#endif
