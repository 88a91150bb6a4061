/* Scalars of the tree as numbers. */
#include "frontend/read/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool literal_number(const char *text, double *value, bool *is_int) {
    char *end;
    if (!*text || strchr("nNiI", *text) || strpbrk(text, "xX")) return false;
    *value = strtod(text, &end);
    if (*end || end == text) return false;
    *is_int = strpbrk(text, ".eE") == NULL;
    return true;
}

static Expr *parse_scalar_expr(ParsedRecipe *r, const Tree *tree, size_t skip, size_t drop) {
    Loc loc = tree->loc;
    loc.col += (uint32_t)skip;
    return expr_parse(r->arena, r->diags, loc, tree->text + skip, tree->size - skip - drop);
}

bool tree_number(ParsedRecipe *r, const Tree *tree, double *value, bool *is_int) {
    if (tree->kind != TREE_SCALAR) {
        diag_error(r->diags, tree->loc, "a number was expected");
        return false;
    }
    if (literal_number(tree->text, value, is_int)) {
        if (isfinite(*value)) return true;
        diag_error(r->diags, tree->loc, "'%s' is not a finite number", tree->text);
        return false;
    }
    Expr *expr = NULL;
    if (tree->text[0] == '$' && tree->text[1] == '(' && tree->text[tree->size - 1] == ')')
        expr = parse_scalar_expr(r, tree, 2, 1);
    else if (tree->text[0] == '$')
        expr = parse_scalar_expr(r, tree, 1, 0);
    else
        diag_error(r->diags, tree->loc, "'%s' is not a number, $knob or $(expression)", tree->text);
    return expr && evaluate_constant(r, expr, value, is_int);
}

/* Whole numbers low..high. */
bool read_int(ParsedRecipe *r, const Tree *tree, const char *what, int64_t low, int64_t high, int64_t *out) {
    double value;
    bool is_int;
    if (!tree_number(r, tree, &value, &is_int)) return false;
    if (value != floor(value) || value < (double)low || value > (double)high) {
        tree_error(r, tree, "%s = %g must be a whole number in %lld..%lld", what, value, (long long)low,
                   (long long)high);
        return false;
    }
    *out = (int64_t)value;
    return true;
}

bool read_real(ParsedRecipe *r, const Tree *tree, const char *what, double low, double high, double *out) {
    double value;
    bool is_int;
    if (!tree_number(r, tree, &value, &is_int)) return false;
    if (value < low || value > high) {
        tree_error(r, tree, "%s = %g must be in %g..%g", what, value, low, high);
        return false;
    }
    *out = value;
    return true;
}

bool is_truth(const Tree *tree) {
    return !tree->quoted && (strcmp(tree->text, "true") == 0 || strcmp(tree->text, "false") == 0);
}

/* $knob, $(expression); the latter in quotes too, which commas need inside { }. */
bool is_formula(const Tree *tree) {
    return tree->text[0] == '$' && (!tree->quoted || tree->text[1] == '(');
}

/* How YAML, C and Python write what is no finite number. */
bool is_odd_number(const char *text) {
    static const char *const odd[] = {"nan", ".nan", "inf", ".inf", "infinity"};
    text += *text == '-' || *text == '+';
    for (size_t i = 0; i < COUNT(odd); i++)
        if (strcasecmp(text, odd[i]) == 0) return true;
    return false;
}
