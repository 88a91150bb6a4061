/* What a body does with its values: whether it returns one on every way, and which lines' values go nowhere. */
#include "frontend/text/expr.h"

static const Expr *open_end(Expr *const *statements, size_t n) {
    const Expr *end = NULL;
    for (size_t i = 0; i < n; i++) {
        const Expr *s = end = statements[i];
        if (s->kind == STMT_RETURN) return NULL;
        const Expr *last = s->kind == STMT_IF ? s : NULL; /* of a chain of elif, which nests in `orelse` */
        for (; last; last = last->orelse[0]) {
            const Expr *inside = open_end(last->body, last->n_body);
            if (inside) {
                end = inside;
                break;
            }
            if (last->n_orelse != 1 || last->orelse[0]->kind != STMT_IF) break;
        }
        if (!last || end != s) continue;
        if (last->n_orelse == 0) {
            end = last;
            continue;
        }
        if (!(end = open_end(last->orelse, last->n_orelse))) return NULL;
    }
    return end;
}

const Expr *block_open_end(const Block *block) {
    return open_end(block->statements, block->count);
}

/* A call may set a state, or make a parameter. Chains as long as a text nest in a, choices in c. */
static bool has_call(const Expr *e) {
    for (; e; e = e->kind == EXPR_IF ? e->c : e->a) {
        if (e->kind == EXPR_CALL || e->kind == EXPR_LABELLED) return true;
        for (size_t i = 0; i < e->n_args; i++)
            if (has_call(e->args[i])) return true;
        if (has_call(e->b)) return true;
        if (e->kind == EXPR_IF ? has_call(e->a) : has_call(e->c)) return true;
    }
    return false;
}

static void warn_unused(Diags *diags, Expr *const *statements, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const Expr *s = statements[i];
        warn_unused(diags, s->body, s->n_body);
        for (; s->n_orelse == 1 && s->orelse[0]->kind == STMT_IF; warn_unused(diags, s->body, s->n_body))
            s = s->orelse[0]; /* elif nests in it, as long as the text */
        warn_unused(diags, s->orelse, s->n_orelse);
        if (s->kind == STMT_RETURN && i + 1 < n)
            diag_warning(diags, statements[i + 1]->loc, "this is never run: what is before it returns");
        if (s->kind != STMT_EXPR || has_call(s->a)) continue;
        bool equals = s->a->kind == EXPR_BINARY && s->a->op == T_EQ;
        diag_warning(diags, s->loc, "the value of this line goes nowhere%s",
                     equals ? ": `==` compares, `=` assigns" : ": give it a name, or `return` it");
    }
}

void block_warn_unused(Diags *diags, const Block *block) {
    warn_unused(diags, block->statements, block->count);
}
