/* What is set: numbers of the tree, knobs with their types and ranges, presets and what the command line sets. */
#include "frontend/recipe/recipe.h"
#include "frontend/text/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_PATH_DEPTH = 64, MAX_CHOICES = 1000, MAX_NAMED = 256, MAX_TOLD = 400 };

/* ---- numbers, knobs ---------------------------------------------------------------------------------------------- */

const Knob *recipe_knob(const ParsedRecipe *recipe, const char *name) {
    uint32_t knob = names_find(&recipe->knob_names, name);
    return knob == NAMES_NONE ? NULL : &recipe->knobs[knob];
}

static bool literal_number(const char *text, double *value, bool *is_int) {
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

static bool is_truth(const Tree *tree) {
    return !tree->quoted && (strcmp(tree->text, "true") == 0 || strcmp(tree->text, "false") == 0);
}

/* $knob, $(expression); the latter in quotes too, which commas need inside { }. */
static bool is_formula(const Tree *tree) {
    return tree->text[0] == '$' && (!tree->quoted || tree->text[1] == '(');
}

/* How YAML, C and Python write what is no finite number. */
static bool is_odd_number(const char *text) {
    static const char *const odd[] = {"nan", ".nan", "inf", ".inf", "infinity"};
    text += *text == '-' || *text == '+';
    for (size_t i = 0; i < COUNT(odd); i++)
        if (strcasecmp(text, odd[i]) == 0) return true;
    return false;
}

static bool set_knob(ParsedRecipe *r, Knob *knob, const Tree *value) {
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
        if (!tree_number(r, value, &knob->number, &is_int)) return false;
        knob->type = is_int ? KNOB_INT : KNOB_REAL;
    } else {
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
        int side; /* which way is out */
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
    diag_error(r->diags, value->loc, "knob '%s' is one of %s", knob->name, all);
    return false;
}

static Tree **find_place(Tree *root, const char *path);

/* The formula's place takes its value: a saved recipe goes on with it, whatever else is set then. */
static void settle(ParsedRecipe *r, const Knob *knob, const Tree *formula) {
    Tree **place = find_place(r->tree, knob->name), *value = ARENA_NEW(r->arena, Tree);
    char *text = arena_printf(r->arena, "%.17g", knob->number);
    bool whole = knob->type == KNOB_REAL && strspn(text, "-0123456789") == strlen(text);
    if (whole) text = arena_printf(r->arena, "%s.0", text); /* a real number stays one */
    *value = (Tree){.kind = TREE_SCALAR, .loc = formula->loc, .text = text, .size = strlen(text)};
    if (place && *place == formula) *place = value;
}

void read_knobs(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"default", "type",   "min",  "max",    "above",
                                       "below",   "length", "help", "choices"};
    if (map->kind != TREE_MAP) {
        diag_error(r->diags, map->loc, "knobs must be a map of names to values");
        return;
    }
    for (size_t i = 0; i < map->count; i++) {
        const Tree *form = map->items[i].value, *value = form;
        Knob knob = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        if (form->kind == TREE_MAP) {
            if (!check_keys(r, form, "a knob", keys, COUNT(keys))) continue;
            value = tree_get(form, "default");
            if (!value) {
                diag_error(r->diags, form->loc, "knob '%s' has no default", knob.name);
                continue;
            }
        }
        knob.set = value->loc;
        if (!set_knob(r, &knob, value) || (form->kind == TREE_MAP && !check_knob(r, &knob, form, value)))
            continue;
        if (value->kind == TREE_SCALAR && is_formula(value)) settle(r, &knob, value);
        names_set(r->arena, &r->knob_names, knob.name, (uint32_t)r->n_knobs);
        ARENA_PUSH(r->arena, r->knobs, r->n_knobs, r->knobs_capacity, knob);
    }
}

/* ---- presets and overrides -------------------------------------------------------------------------------------- */

/* The place a path such as "train.epochs" names; knobs by their bare name. */
static Tree **find_place(Tree *root, const char *path) {
    Tree *knobs = tree_get(root, "knobs");
    for (size_t i = 0; knobs && knobs->kind == TREE_MAP && i < knobs->count; i++) {
        if (strcmp(knobs->items[i].key->text, path) != 0) continue;
        Tree *form = knobs->items[i].value;
        for (size_t j = 0; form->kind == TREE_MAP && j < form->count; j++)
            if (strcmp(form->items[j].key->text, "default") == 0) return &form->items[j].value;
        return &knobs->items[i].value;
    }
    Tree *at = root, **place = NULL;
    while (*path && at) {
        size_t n = strcspn(path, "."), i = 0;
        if (at->kind == TREE_SCALAR) return NULL;
        for (; i < at->count; i++) {
            char number[24];
            snprintf(number, sizeof number, "%zu", i);
            const char *name = at->kind == TREE_MAP ? at->items[i].key->text : number;
            if (strlen(name) == n && strncmp(name, path, n) == 0) break;
        }
        if (i == at->count) return NULL;
        place = &at->items[i].value;
        at = *place;
        path += n + (path[n] == '.');
    }
    return place;
}

/* A training option that the recipe does not mention has a place all the same; the key's own check comes later. */
static Tree **add_place(ParsedRecipe *r, Tree *root, const char *path, Loc loc) {
    enum { MAX_OPTIONS = 100 }; /* there are a dozen */
    const char *dot = strrchr(path, '.');
    if (!dot || strncmp(path, "train.", 6) != 0) return NULL;
    const char *above = arena_strndup(r->arena, path, (size_t)(dot - path));
    Tree **parent = find_place(root, above);
    if (!parent && (parent = add_place(r, root, above, loc))) {
        *parent = ARENA_NEW(r->arena, Tree);
        **parent = (Tree){.kind = TREE_MAP, .loc = loc};
    }
    if (!parent || (*parent)->kind != TREE_MAP || (*parent)->count > MAX_OPTIONS) return NULL;
    Tree *map = *parent, *key = ARENA_NEW(r->arena, Tree);
    *key = (Tree){
        .kind = TREE_SCALAR, .loc = loc, .text = arena_strdup(r->arena, dot + 1), .size = strlen(dot + 1)};
    TreeItem *items = ARENA_ARRAY(r->arena, TreeItem, map->count + 1);
    if (map->count) memcpy(items, map->items, sizeof *items * map->count);
    items[map->count].key = key;
    map->items = items;
    return &map->items[map->count++].value;
}

/* What a knob's value is, by its looks: the default's kind stays. */
static const char *knob_kind(const Tree *value) {
    double number;
    bool is_int;
    if (value->kind == TREE_LIST) return "a list of numbers";
    if (value->kind != TREE_SCALAR) return "a map";
    if (is_truth(value)) return "true or false";
    bool literal = is_odd_number(value->text) || literal_number(value->text, &number, &is_int);
    return is_formula(value) || (!value->quoted && literal) ? "a number" : "a word";
}

static bool same_kind(ParsedRecipe *r, Tree *root, const char *path, const Tree *old, const Tree *value) {
    if (!tree_get(tree_get(root, "knobs"), path)) return true;
    const char *wanted = knob_kind(old), *given = knob_kind(value);
    if (strcmp(wanted, given) == 0) return true;
    if (value->kind == TREE_SCALAR)
        diag_error(r->diags, value->loc, "knob '%s' is %s, not '%s'", path, wanted, value->text);
    else
        diag_error(r->diags, value->loc, "knob '%s' is %s, not %s", path, wanted, given);
    return false;
}

/* A training option that is a knob's (`batch: $batch`) is set by way of the knob: other parts of the recipe read it too. */
static const char *knob_behind(const Tree *root, const char *path) {
    const Tree *option = strncmp(path, "train.", 6) == 0 ? tree_get(tree_get(root, "train"), path + 6) : NULL;
    bool named = option && option->kind == TREE_SCALAR && option->text[0] == '$';
    return named && tree_get(tree_get(root, "knobs"), option->text + 1) ? option->text + 1 : path;
}

static bool is_shallow(const char *path) {
    int dots = 0;
    for (; *path; path++) dots += *path == '.';
    return dots <= MAX_PATH_DEPTH;
}

static void unknown_setting(ParsedRecipe *r, const Tree *root, const char *path, Loc loc) {
    const char *const *names, *told = "";
    size_t n = tree_settings(r->arena, root, &names);
    const char *near = recipe_setting_near(r->arena, path, names, n);
    for (size_t i = 0; !near && i < n && strlen(told) < MAX_TOLD; i++)
        told = arena_printf(r->arena, "%s%s%s", told, i ? ", " : "; there are ", names[i]);
    if (near) told = arena_printf(r->arena, "; did you mean '%s'?", near);
    diag_error(r->diags, loc, "there is no knob or value '%.100s' in this recipe%s%s", path, told,
               strlen(told) < MAX_TOLD || near ? "" : ", …");
}

static bool replace_value(ParsedRecipe *r, Tree *root, const char *path, Tree *value, Loc loc) {
    if (strcmp(path, "use") == 0 || strncmp(path, "use.", 4) == 0) {
        diag_error(r->diags, loc, "the files of `use` are set in the recipe alone");
        return false;
    }
    path = knob_behind(root, path);
    Tree **place = is_shallow(path) ? find_place(root, path) : NULL;
    if (!place && is_shallow(path)) place = add_place(r, root, path, loc);
    if (!place) {
        unknown_setting(r, root, path, loc);
        return false;
    }
    if (!same_kind(r, root, path, *place, value)) return false;
    *place = tree_copy(r->arena, value);
    return true;
}

static void apply_preset(ParsedRecipe *r, Tree *root, const char *name, Loc loc) {
    Tree *presets = tree_get(root, "presets"), *preset = tree_get(presets, name);
    if (!preset || preset->kind != TREE_MAP) {
        const char *names[MAX_NAMED];
        size_t n = names_in(presets, names, MAX_NAMED);
        diag_error(r->diags, loc, "no preset '%s'%s", name, suggestion(r, name, names, n));
        return;
    }
    for (size_t i = 0; i < preset->count; i++)
        replace_value(r, root, preset->items[i].key->text, preset->items[i].value, preset->items[i].key->loc);
}

void apply_overrides(ParsedRecipe *r, Tree *root) {
    for (int pass = 0; pass < 2; pass++) /* presets first, whatever the order on the command line */
        for (int i = 0; i < r->options->n_overrides; i++) {
            const char *text = r->options->overrides[i], *equals = strchr(text, '=');
            uint32_t file = diags_add_source(r->diags, "command line", text, strlen(text));
            Loc loc = {file, 1, 1};
            if (!equals || equals == text || !equals[1]) {
                if (pass)
                    diag_error(r->diags, loc, "'%s' is not key=value%s", text,
                               equals && equals != text ? ": the value is missing" : "");
                continue;
            }
            char *key = arena_strndup(r->arena, text, (size_t)(equals - text));
            bool preset = strcmp(key, "preset") == 0;
            if (preset && pass == 0) apply_preset(r, root, equals + 1, loc);
            if (preset || pass == 0) continue;
            Tree *value = tree_parse(r->arena, r->diags, file, equals + 1, strlen(equals + 1));
            if (!value) continue;
            value->loc = (Loc){file, 1, (uint32_t)(equals - text) + 2};
            replace_value(r, root, key, value, loc);
        }
}
