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
        diag_error(r->diags, tree->loc, "'%s' is not a number, $knob or $(expression)%s", tree->text,
                   number_hint(r, tree));
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

/* Whether a text is an expression, without a word. */
static bool is_expression(ParsedRecipe *r, const Tree *tree) {
    return strpbrk(tree->text, "+-*/()") != NULL &&
           expr_parse(r->arena, diags_new(r->arena), tree->loc, tree->text, tree->size) != NULL;
}

const char *number_hint(ParsedRecipe *r, const Tree *tree) {
    static const char *const truths[] = {"yes",  "no",    "on",  "off", "True", "False",
                                         "TRUE", "FALSE", "Yes", "No",  "On",   "Off"};
    const char *text = tree->text, *digits = text + strspn(text, "+-.");
    for (size_t i = 0; i < COUNT(truths); i++)
        if (strcmp(text, truths[i]) == 0) return " (a truth is written true or false)";
    if (knob_find(r, text)) return arena_printf(r->arena, " (the knob is written $%s)", text);
    if (*digits >= '0' && *digits <= '9') {
        if (strpbrk(text, "xX") && strncmp(digits, "0x", 2) == 0) return " (numbers are decimal)";
        if (strchr(text, '_')) return " (digits stand without `_`: 1000000, or 1e6)";
        if (strchr(text, ',')) return " (a decimal point is `.`)";
        if (strchr(text, '%')) return " (a share is a number: 0.2)";
    }
    return is_expression(r, tree) ? arena_printf(r->arena, " (an expression is written $(%s))", text) : "";
}

/* How YAML, C and Python write what is no finite number. */
bool is_odd_number(const char *text) {
    static const char *const odd[] = {"nan", ".nan", "inf", ".inf", "infinity"};
    text += *text == '-' || *text == '+';
    for (size_t i = 0; i < COUNT(odd); i++)
        if (strcasecmp(text, odd[i]) == 0) return true;
    return false;
}
