/* Knobs: their values, types and ranges. */
#include "frontend/read/read.h"
#include "frontend/recipe/scalars.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHOICES = 1000 };

/* A plain word that looks like a number or a truth and is none; fine where words are asked for. */
static bool check_word(ParsedRecipe *r, const Knob *knob, const Tree *form, const Tree *value) {
    const Tree *type = tree_get(form, "type");
    bool words =
        tree_get(form, "choices") || (type && type->kind == TREE_SCALAR && strcmp(type->text, "string") == 0);
    const char *digits = value->text + strspn(value->text, "+-."), *hint = number_hint(r, value);
    if (value->quoted || words || (!*hint && !(*digits >= '0' && *digits <= '9'))) return true;
    diag_error(r->diags, value->loc, "knob '%s': '%s' is no number%s; a word is put in quotes", knob->name,
               value->text, hint);
    return false;
}

/* What a formula gives is written into the recipe (settle), and so fixes no knob. In a built program it follows those
 * that it is made of (VtSetting.made), unless it chose a way by them: then it stays. */
static bool formula_number(ParsedRecipe *r, const Tree *value, Knob *knob, bool *is_int) {
    Scalars *s = r->scalars;
    size_t demands = s->n_demands;
    s->reading = true;
    s->last = 0;
    bool good = tree_number(r, value, &knob->number, is_int);
    s->reading = false;
    knob->made = good && s->n_demands == demands ? s->last : 0;
    s->n_demands = demands;
    return good;
}

static bool set_knob(ParsedRecipe *r, Knob *knob, const Tree *form, const Tree *value) {
    bool is_int = false;
    if (value->kind == TREE_LIST) {
        knob->type = KNOB_LIST;
        knob->count = value->count;
        knob->list = ARENA_ARRAY(r->arena, double, value->count + 1);
        knob->list_is_int = true;
        for (size_t i = 0; i < value->count; i++) {
            if (!tree_number(r, value->items[i].value, &knob->list[i], &is_int)) return false;
            knob->list_is_int = knob->list_is_int && is_int;
        }
        return true;
    }
    if (value->kind != TREE_SCALAR || tree_is_null(value)) {
        diag_error(r->diags, value->loc,
                   "knob '%s' must be a number, a word, true or false, or a list of numbers", knob->name);
        return false;
    }
    if (!value->quoted && is_odd_number(value->text)) {
        diag_error(r->diags, value->loc, "knob '%s': '%s' is not a finite number", knob->name, value->text);
        return false;
    }
    if (is_truth(value)) {
        knob->type = KNOB_BOOL;
        knob->truth = value->text[0] == 't';
    } else if (is_formula(value) || (!value->quoted && literal_number(value->text, &knob->number, &is_int))) {
        if (!formula_number(r, value, knob, &is_int)) return false;
        knob->type = is_int ? KNOB_INT : KNOB_REAL;
    } else {
        if (!check_word(r, knob, form, value)) return false;
        knob->type = KNOB_STRING;
        knob->text = value->text;
    }
    return true;
}

/* The numbers of a knob: one, or those of its list. */
static size_t knob_numbers(const Knob *knob, const double **numbers) {
    bool list = knob->type == KNOB_LIST, number = knob->type == KNOB_INT || knob->type == KNOB_REAL;
    *numbers = list ? knob->list : &knob->number;
    return list ? knob->count : number;
}

/* min and max may be reached, above and below may not. */
static bool check_bounds(ParsedRecipe *r, const Knob *knob, const Tree *form, const Tree *value) {
    static const struct {
        const char *key, *text;
        int side; /* on which side of the bound a number is wrong */
        bool reached;
    } bounds[] = {{"min", "below its minimum", -1, true},
                  {"max", "above its maximum", 1, true},
                  {"above", "not above", -1, false},
                  {"below", "not below", 1, false}};
    const double *numbers;
    size_t n = knob_numbers(knob, &numbers);
    for (size_t b = 0; b < COUNT(bounds); b++) {
        const Tree *at = tree_get(form, bounds[b].key);
        double bound;
        bool is_int;
        if (!at) continue;
        if (!tree_number(r, at, &bound, &is_int)) return false;
        if (n == 0) {
            diag_error(r->diags, value->loc, "knob '%s' must be a number: it has a range", knob->name);
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            double past = (numbers[i] - bound) * bounds[b].side;
            if (bounds[b].reached ? past <= 0 : past < 0) continue;
            const Tree *help = tree_get(form, "help");
            bool said = help && help->kind == TREE_SCALAR && help->size;
            diag_error(r->diags, value->loc, "knob '%s' = %g is %s %g%s%s%s", knob->name, numbers[i],
                       bounds[b].text, bound, said ? " (" : "", said ? help->text : "", said ? ")" : "");
            return false;
        }
    }
    return true;
}

/* The long form's type, range and choices. */
static bool check_knob(ParsedRecipe *r, Knob *knob, const Tree *form, const Tree *value) {
    static const char *const types[] = {"int", "real", "bool", "string", "list"};
    const Tree *type = tree_get(form, "type"), *choices = tree_get(form, "choices"),
               *length = tree_get(form, "length");
    if (type) {
        bool known = false;
        for (size_t i = 0; type->kind == TREE_SCALAR && i < COUNT(types); i++)
            known = known || strcmp(type->text, types[i]) == 0;
        if (!known) {
            diag_error(r->diags, type->loc, "a knob's type is int, real, bool, string or list");
            return false;
        }
        if (knob->type == KNOB_INT && strcmp(type->text, "real") == 0) knob->type = KNOB_REAL;
        if (strcmp(types[knob->type], type->text) != 0) {
            diag_error(r->diags, value->loc, "knob '%s' wants type %s, not %s", knob->name, type->text,
                       types[knob->type]);
            return false;
        }
    }
    if (length) {
        double n;
        bool is_int;
        if (!tree_number(r, length, &n, &is_int)) return false;
        if (knob->type != KNOB_LIST || (double)knob->count != n) {
            diag_error(r->diags, value->loc, "knob '%s' is a list of %g numbers", knob->name, n);
            return false;
        }
    }
    if (!check_bounds(r, knob, form, value)) return false;
    if (tree_get(form, "help") && tree_get(form, "help")->kind != TREE_SCALAR) {
        diag_error(r->diags, tree_get(form, "help")->loc, "help must be a text");
        return false;
    }
    if (!choices) return true;
    if (choices->kind != TREE_LIST || choices->count == 0 || choices->count > MAX_CHOICES) {
        diag_error(r->diags, choices->loc, "choices must be a list of 1 to %d words or numbers", MAX_CHOICES);
        return false;
    }
    const char *all = "";
    for (size_t i = 0; i < choices->count; i++) {
        const Tree *choice = choices->items[i].value;
        if (choice->kind != TREE_SCALAR) {
            diag_error(r->diags, choice->loc, "a choice must be a word or a number");
            return false;
        }
        if (value->kind == TREE_SCALAR && strcmp(choice->text, value->text) == 0) return true;
        all = arena_printf(r->arena, "%s%s%s", all, *all ? ", " : "", choice->text);
    }
    const char **names = ARENA_ARRAY(r->arena, const char *, choices->count);
    for (size_t i = 0; i < choices->count; i++) names[i] = choices->items[i].value->text;
    const char *word = value->kind == TREE_SCALAR ? value->text : "";
    diag_error(r->diags, value->loc, "knob '%s' is one of %s%s", knob->name, all,
               suggestion(r, word, names, choices->count));
    return false;
}

/* Writes the value in the place of the formula, so that a saved recipe keeps it whatever is set later. */
static void settle(ParsedRecipe *r, const Knob *knob, const Tree *formula) {
    Tree **place = find_place(r->tree, knob->name), *value = ARENA_NEW(r->arena, Tree);
    char *text = arena_printf(r->arena, "%.17g", knob->number);
    bool whole = knob->type == KNOB_REAL && strspn(text, "-0123456789") == strlen(text);
    if (whole) text = arena_printf(r->arena, "%s.0", text); /* a real number stays one */
    *value = (Tree){.kind = TREE_SCALAR, .loc = formula->loc, .text = text, .size = strlen(text)};
    if (place && *place == formula) *place = value;
}

/* Another name that settings may call the knob by; expressions do not see it. */
static void check_alias(ParsedRecipe *r, const Tree *knobs, const Tree *form) {
    const Tree *alias = tree_get(form, "alias");
    const char *name = alias ? tree_word(r->diags, alias, "alias") : NULL;
    if (name && tree_get(knobs, name))
        diag_error(r->diags, alias->loc, "'%s' is a knob itself: an alias is another name of this one", name);
}

static const char *text_at(const Tree *form, const char *key, const char *otherwise) {
    const Tree *text = tree_get(form, key);
    return text && text->kind == TREE_SCALAR && text->text ? text->text : otherwise;
}

/* A number may be another when the program runs, within its bounds. */
static void offer(ParsedRecipe *r, Knob *knob, const Tree *form) {
    static const struct {
        const char *key;
        bool least, excluded;
    } bounds[] = {{"min", true, false}, {"above", true, true}, {"max", false, false}, {"below", false, true}};
    VtSetting s = {.key = knob->name,
                   .alias = text_at(form, "alias", NULL),
                   .help = text_at(form, "help", ""),
                   .value = knob->number,
                   .least = -INFINITY,
                   .most = INFINITY,
                   .whole = strcmp(text_at(form, "type", ""), "int") == 0,
                   .made = (int32_t)knob->made};
    int number;
    if (knob->type != KNOB_INT && knob->type != KNOB_REAL) return;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        const Tree *at = tree_get(form, bounds[i].key);
        double x;
        bool is_int;
        if (!at || !tree_number(r, at, &x, &is_int)) continue;
        double *bound = bounds[i].least ? &s.least : &s.most;
        int32_t *excluded = bounds[i].least ? &s.least_excluded : &s.most_excluded;
        bool tighter = bounds[i].least ? x > *bound : x < *bound;
        if (tighter || x == *bound) *excluded = bounds[i].excluded;
        if (tighter) *bound = x;
    }
    knob->scalar = scalars_candidate(r, &s, &number);
    if (tree_get(form, "choices"))
        scalars_fix(r, knob->scalar, tree_get(form, "choices")->loc, "it is one of a few choices");
}

void read_knobs(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"default", "type",   "min",  "max",     "above",
                                       "below",   "length", "help", "choices", "alias"};
    if (map->kind != TREE_MAP) {
        diag_error(r->diags, map->loc, "knobs must be a map of names to values");
        return;
    }
    bool refused = false; /* a value: what is made of it has none, which needs no telling */
    for (size_t i = 0; i < map->count; i++) {
        const Tree *form = map->items[i].value, *value = form;
        Knob knob = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        if (form->kind == TREE_MAP) {
            if (!check_keys(r, form, "a knob", keys, COUNT(keys))) continue;
            check_alias(r, map, form);
            value = tree_get(form, "default");
            if (!value) {
                diag_error(r->diags, form->loc, "knob '%s' has no default", knob.name);
                continue;
            }
        }
        knob.set = value->loc;
        if (refused && value->kind == TREE_SCALAR && is_formula(value)) continue;
        if (!set_knob(r, &knob, form, value) ||
            (form->kind == TREE_MAP && !check_knob(r, &knob, form, value))) {
            refused = true;
            continue;
        }
        if (value->kind == TREE_SCALAR && is_formula(value)) settle(r, &knob, value);
        knob.help = text_at(form, "help", NULL);
        offer(r, &knob, form);
        names_set(r->arena, &r->knob_names, knob.name, (uint32_t)r->n_knobs);
        ARENA_PUSH(r->arena, r->knobs, r->n_knobs, r->knobs_capacity, knob);
    }
}
