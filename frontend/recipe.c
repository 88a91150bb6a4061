/* Reading a recipe: its keys, `use:`, knobs, presets, overrides, views, draws and training options. */
#include "frontend/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { MAX_VIEW_SIZE = 4096, MAX_COPIES = 64 };

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static const char *suggestion(ParsedRecipe *r, const char *word, const char *const *names, size_t n) {
    const char *near = diag_nearest(word, names, n);
    return near ? arena_printf(r->arena, "; did you mean '%s'?", near) : "";
}

static bool check_keys(ParsedRecipe *r, const Tree *map, const char *what, const char *const *keys,
                       size_t n) {
    bool good = true;
    if (map->kind != TREE_MAP) {
        diag_error(r->diags, map->loc, "%s must be a map of keys to values", what);
        return false;
    }
    for (size_t i = 0; i < map->count; i++) {
        bool known = false;
        for (size_t k = 0; k < n && !known; k++) known = strcmp(keys[k], map->items[i].key->text) == 0;
        if (known) continue;
        const char *key = map->items[i].key->text;
        diag_error(r->diags, map->items[i].key->loc, "unknown key '%s' in %s%s", key, what,
                   suggestion(r, key, keys, n));
        good = false;
    }
    return good;
}

static const char *text_of(ParsedRecipe *r, const Tree *tree, const char *what) {
    if (tree->kind == TREE_SCALAR) return tree->text;
    diag_error(r->diags, tree->loc, "%s must be a word", what);
    return NULL;
}

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
    if (value->kind != TREE_SCALAR) {
        diag_error(r->diags, value->loc, "a knob is a number, a word, true or false, or a list of numbers");
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
            diag_error(r->diags, value->loc, "knob '%s' = %g is %s %g", knob->name, numbers[i],
                       bounds[b].text, bound);
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
        if (type->kind != TREE_SCALAR) {
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
    if (!choices) return true;
    const char *all = "";
    for (size_t i = 0; choices->kind == TREE_LIST && i < choices->count; i++) {
        const Tree *choice = choices->items[i].value;
        if (choice->kind != TREE_SCALAR) continue;
        if (value->kind == TREE_SCALAR && strcmp(choice->text, value->text) == 0) return true;
        all = arena_printf(r->arena, "%s%s%s", all, *all ? ", " : "", choice->text);
    }
    diag_error(r->diags, value->loc, "knob '%s' is one of %s", knob->name, *all ? all : "a list of choices");
    return false;
}

static void read_knobs(ParsedRecipe *r, const Tree *map) {
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
    const char *dot = strrchr(path, '.');
    if (!dot || strncmp(path, "train.", 6) != 0) return NULL;
    const char *above = arena_strndup(r->arena, path, (size_t)(dot - path));
    Tree **parent = find_place(root, above);
    if (!parent && (parent = add_place(r, root, above, loc))) {
        *parent = ARENA_NEW(r->arena, Tree);
        **parent = (Tree){.kind = TREE_MAP, .loc = loc};
    }
    if (!parent || (*parent)->kind != TREE_MAP) return NULL;
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

static bool replace_value(ParsedRecipe *r, Tree *root, const char *path, Tree *value, Loc loc) {
    path = knob_behind(root, path);
    Tree **place = find_place(root, path);
    if (!place) place = add_place(r, root, path, loc);
    if (!place) {
        const char *names[256];
        size_t n = 0;
        Tree *knobs = tree_get(root, "knobs");
        for (size_t i = 0; knobs && i < knobs->count && n < 256; i++) names[n++] = knobs->items[i].key->text;
        diag_error(r->diags, loc, "there is no knob or value '%s' in this recipe%s", path,
                   suggestion(r, path, names, n));
        return false;
    }
    if (!same_kind(r, root, path, *place, value)) return false;
    *place = tree_copy(r->arena, value);
    return true;
}

static void apply_preset(ParsedRecipe *r, Tree *root, const char *name, Loc loc) {
    Tree *presets = tree_get(root, "presets"), *preset = tree_get(presets, name);
    if (!preset || preset->kind != TREE_MAP) {
        const char *names[64];
        size_t n = 0;
        for (size_t i = 0; presets && i < presets->count && n < 64; i++)
            names[n++] = presets->items[i].key->text;
        diag_error(r->diags, loc, "no preset '%s'%s", name, suggestion(r, name, names, n));
        return;
    }
    for (size_t i = 0; i < preset->count; i++)
        replace_value(r, root, preset->items[i].key->text, preset->items[i].value, preset->items[i].key->loc);
}

static void apply_overrides(ParsedRecipe *r, Tree *root) {
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

/* ---- definitions -------------------------------------------------------------------------------------------------- */

static Block *read_block(ParsedRecipe *r, const Tree *tree, const char *what) {
    if (tree->kind != TREE_SCALAR) {
        diag_error(r->diags, tree->loc,
                   "%s must be text in the expression language (`key: |` and indented lines)", what);
        return NULL;
    }
    if (tree->block)
        return expr_parse_block(r->arena, r->diags, tree->loc, tree->indent, tree->text, tree->size);
    Expr *value = expr_parse(r->arena, r->diags, tree->loc, tree->text, tree->size);
    if (!value) return NULL;
    Block *block = ARENA_NEW(r->arena, Block); /* a lone expression is what it returns */
    Expr *statement = ARENA_NEW(r->arena, Expr);
    *statement = (Expr){.kind = STMT_RETURN, .loc = value->loc, .a = value};
    block->statements = ARENA_ARRAY(r->arena, Expr *, 1);
    block->statements[0] = statement;
    block->count = 1;
    return block;
}

static Expr *read_expr(ParsedRecipe *r, const Tree *tree, const char *what) {
    if (tree->kind != TREE_SCALAR) {
        diag_error(r->diags, tree->loc, "%s must be an expression", what);
        return NULL;
    }
    Loc loc = tree->loc;
    size_t skip = 0, drop = 0;
    if (tree->text[0] == '$') {
        bool parenthesis = tree->text[1] == '(' && tree->text[tree->size - 1] == ')';
        skip = parenthesis ? 2 : 1;
        drop = parenthesis;
    }
    loc.col += (uint32_t)skip;
    size_t size = tree->size - skip - drop;
    while (size && tree->text[skip + size - 1] == '\n') size--;
    return expr_parse(r->arena, r->diags, loc, tree->text + skip, size);
}

static void add_definition(ParsedRecipe *r, Definition **list, size_t *count, size_t *capacity,
                           Definition definition, const char *what) {
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*list)[i].signature.name, definition.signature.name) != 0) continue;
        diag_error(r->diags, definition.loc, "%s '%s' is defined twice", what, definition.signature.name);
        diag_note(r->diags, (*list)[i].loc, "first here");
        return;
    }
    ARENA_PUSH(r->arena, *list, *count, *capacity, definition);
}

static void read_modules(ParsedRecipe *r, const Tree *map) {
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *key = map->items[i].key;
        Definition definition = {.loc = key->loc};
        if (!expr_parse_signature(r->arena, r->diags, key->loc, key->text, key->size, &definition.signature))
            continue;
        definition.body = read_block(r, map->items[i].value, "a module");
        if (definition.body)
            add_definition(r, &r->modules, &r->n_modules, &r->modules_capacity, definition, "module");
    }
    if (map->kind != TREE_MAP)
        diag_error(r->diags, map->loc, "modules must be a map of signatures to bodies");
}

static void read_ema(ParsedRecipe *r, const Tree *form, Definition *definition) {
    static const char *const keys[] = {"ema", "momentum", "when"};
    if (!check_keys(r, form, "an EMA network", keys, COUNT(keys))) return;
    const Tree *of = tree_get(form, "ema"), *momentum = tree_get(form, "momentum"),
               *when = tree_get(form, "when");
    if (!of || !momentum) {
        diag_error(r->diags, form->loc, "an EMA network wants `ema: NETWORK` and `momentum: expression`");
        return;
    }
    definition->ema_of = text_of(r, of, "ema");
    definition->ema_loc = of->loc;
    definition->momentum = read_expr(r, momentum, "momentum");
    if (when && strcmp(when->text, "before") != 0 && strcmp(when->text, "after") != 0)
        diag_error(r->diags, when->loc, "`when` is before or after (the optimiser's step)");
    definition->before = when && strcmp(when->text, "before") == 0;
}

static void read_networks(ParsedRecipe *r, const Tree *map) {
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *key = map->items[i].key, *value = map->items[i].value;
        Definition definition = {.loc = key->loc};
        if (!expr_parse_signature(r->arena, r->diags, key->loc, key->text, key->size, &definition.signature))
            continue;
        if (!strchr(key->text, '(')) { /* the usual argument */
            definition.signature.parameters = ARENA_NEW(r->arena, Parameter);
            definition.signature.parameters[0].name = "x";
            definition.signature.count = 1;
        }
        if (value->kind == TREE_MAP)
            read_ema(r, value, &definition);
        else
            definition.body = read_block(r, value, "a network");
        if (definition.body || definition.ema_of)
            add_definition(r, &r->networks, &r->n_networks, &r->networks_capacity, definition, "network");
    }
}

static void read_entries(ParsedRecipe *r, const Tree *map, const char *what, Entries *out) {
    if (map->kind != TREE_MAP)
        diag_error(r->diags, map->loc, "%s must be a map of names to expressions", what);
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        entry.value = read_expr(r, map->items[i].value, what);
        if (entry.value) ARENA_PUSH(r->arena, out->items, out->count, out->capacity, entry);
    }
}

static void read_objectives(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"weight", "loss", "update"};
    if (map->kind != TREE_MAP) diag_error(r->diags, map->loc, "objectives must be a map");
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *form = map->items[i].value, *loss = tree_get(form, "loss");
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        if (!check_keys(r, form, "an objective", keys, COUNT(keys))) continue;
        if (!loss) {
            diag_error(r->diags, entry.loc, "objective '%s' has no loss", entry.name);
            continue;
        }
        entry.loss = read_block(r, loss, "a loss");
        if (tree_get(form, "weight")) entry.weight = read_expr(r, tree_get(form, "weight"), "a weight");
        if (tree_get(form, "update")) entry.update = read_block(r, tree_get(form, "update"), "an update");
        if (entry.loss)
            ARENA_PUSH(r->arena, r->objectives.items, r->objectives.count, r->objectives.capacity, entry);
    }
}

static void read_metrics(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"value", "warn_below", "warn_above", "message"};
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *form = map->items[i].value, *value = form;
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        if (form->kind == TREE_MAP) {
            if (!check_keys(r, form, "a metric", keys, COUNT(keys)) || !(value = tree_get(form, "value"))) {
                diag_error(r->diags, form->loc, "metric '%s' has no value", entry.name);
                continue;
            }
            VtWarning warning = {.metric = entry.name,
                                 .below = NAN,
                                 .above = NAN,
                                 .message = "the features may have collapsed"};
            bool is_int;
            if (tree_get(form, "warn_below"))
                tree_number(r, tree_get(form, "warn_below"), &warning.below, &is_int);
            if (tree_get(form, "warn_above"))
                tree_number(r, tree_get(form, "warn_above"), &warning.above, &is_int);
            if (tree_get(form, "message")) warning.message = text_of(r, tree_get(form, "message"), "message");
            if (warning.below == warning.below || warning.above == warning.above)
                ARENA_PUSH(r->arena, r->warnings, r->n_warnings, r->warnings_capacity, warning);
        }
        entry.value = read_expr(r, value, "a metric");
        if (entry.value) ARENA_PUSH(r->arena, r->metrics.items, r->metrics.count, r->metrics.capacity, entry);
    }
}

/* ---- views and draws ------------------------------------------------------------------------------------------------ */

static bool read_int(ParsedRecipe *r, const Tree *tree, const char *what, int64_t low, int64_t high,
                     int64_t *out) {
    double value;
    bool is_int;
    if (!tree_number(r, tree, &value, &is_int)) return false;
    if (value != floor(value) || value < (double)low || value > (double)high) {
        diag_error(r->diags, tree->loc, "%s = %g must be a whole number in %lld..%lld", what, value,
                   (long long)low, (long long)high);
        return false;
    }
    *out = (int64_t)value;
    return true;
}

/* One augmentation: a bare name, or {name: {parameters}}. */
static bool read_augment(ParsedRecipe *r, const Tree *item, int copy, int copies, VtAugment *out) {
    const Tree *name = item, *params = NULL;
    if (item->kind == TREE_MAP && item->count == 1) {
        name = item->items[0].key;
        params = item->items[0].value;
    }
    size_t n;
    const char *const *names = catalog_names(false, &n);
    if (name->kind != TREE_SCALAR || (out->kind = catalog_augment(name->text)) < 0) {
        diag_error(r->diags, name->loc, "unknown augmentation '%s'%s",
                   name->kind == TREE_SCALAR ? name->text : "…",
                   name->kind == TREE_SCALAR ? suggestion(r, name->text, names, n) : "");
        return false;
    }
    return catalog_params(r, false, out->kind, params, copy, copies, out->params);
}

static bool read_pipeline(ParsedRecipe *r, const View *view, const Tree *augment, int copy) {
    int copies = view->count ? view->count : 1;
    VtPipeline pipeline = {.size = view->size};
    pipeline.name = view->count ? arena_printf(r->arena, "%s.%d", view->name, copy) : view->name;
    VtAugment *augments = ARENA_ARRAY(r->arena, VtAugment, (augment ? augment->count : 0) + 1);
    bool good = true;
    for (size_t i = 0; augment && i < augment->count; i++)
        good =
            read_augment(r, augment->items[i].value, copy, copies, &augments[pipeline.n_augments++]) && good;
    pipeline.augments = augments;
    ARENA_PUSH(r->arena, r->pipelines, r->n_pipelines, r->pipelines_capacity, pipeline);
    return good;
}

static void read_views(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"count", "size", "augment"};
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *form = map->items[i].value;
        View view = {.name = map->items[i].key->text,
                     .loc = map->items[i].key->loc,
                     .first_pipeline = (int)r->n_pipelines};
        int64_t count = 0, size = 0;
        if (!check_keys(r, form, "a view", keys, COUNT(keys))) continue;
        const Tree *augment = tree_get(form, "augment");
        if (!tree_get(form, "size")) {
            diag_error(r->diags, view.loc, "view '%s' has no size", view.name);
            continue;
        }
        if (tree_get(form, "count") && !read_int(r, tree_get(form, "count"), "count", 0, MAX_COPIES, &count))
            continue;
        if (!read_int(r, tree_get(form, "size"), "size", 1, MAX_VIEW_SIZE, &size)) continue;
        if (augment && augment->kind != TREE_LIST) {
            diag_error(r->diags, augment->loc, "augment must be a list");
            continue;
        }
        view.count = (int)count;
        view.size = (int)size;
        bool empty = tree_get(form, "count") && count == 0; /* a list without elements */
        if (empty) view.count = -1;
        for (int copy = 0; !empty && copy < (count ? count : 1); copy++)
            if (!read_pipeline(r, &view, augment, copy)) break;
        ARENA_PUSH(r->arena, r->views, r->n_views, r->views_capacity, view);
    }
}

/* The type a draw's shape and sampler give; false after an error. */
static bool read_draw_type(ParsedRecipe *r, const Tree *sampler, const Tree *shape, Type *out) {
    static const char *const int_samplers[] = {"randint", "permutation"};
    *out = (Type){.dtype = DT_F32};
    for (size_t k = 0; k < COUNT(int_samplers); k++)
        if (strcmp(int_samplers[k], sampler->text) == 0) out->dtype = DT_I32;
    bool good = true;
    for (size_t k = 0; k < shape->count; k++) {
        int64_t size;
        good = read_int(r, shape->items[k].value, "a size", 1, 1 << 30, &size) && good;
        if (good) out->dim[out->rank++] = size;
    }
    return good;
}

static void read_draw(ParsedRecipe *r, const Tree *key, const Tree *form) {
    const Tree *sampler = tree_get(form, "sampler"), *shape = tree_get(form, "shape"),
               *count = tree_get(form, "count");
    Draw draw = {.name = key->text, .loc = key->loc, .index = (int)r->n_samplers};
    int64_t copies = 0;
    size_t n;
    const char *const *names = catalog_names(true, &n);
    if (!sampler || !shape || shape->kind != TREE_LIST || shape->count > IR_MAX_RANK) {
        diag_error(r->diags, draw.loc, "draw '%s' wants `sampler: NAME` and `shape: [sizes]`", draw.name);
        return;
    }
    int row = catalog_sampler(sampler->text);
    if (row < 0) {
        diag_error(r->diags, sampler->loc, "unknown sampler '%s'%s", sampler->text,
                   suggestion(r, sampler->text, names, n));
        return;
    }
    VtDraw out = {.name = draw.name, .kind = row};
    if (!catalog_params(r, true, row, form, 0, 1, out.params) ||
        !read_draw_type(r, sampler, shape, &draw.type) ||
        (count && !read_int(r, count, "count", 1, MAX_COPIES, &copies)))
        return;
    draw.count = (int)copies;
    for (int copy = 0; copy < (copies ? copies : 1); copy++) {
        if (copies) out.name = arena_printf(r->arena, "%s.%d", draw.name, copy);
        ARENA_PUSH(r->arena, r->samplers, r->n_samplers, r->samplers_capacity, out);
    }
    ARENA_PUSH(r->arena, r->draws, r->n_draws, r->draws_capacity, draw);
}

static void read_draws(ParsedRecipe *r, const Tree *map) {
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++)
        read_draw(r, map->items[i].key, map->items[i].value);
}

/* ---- training ---------------------------------------------------------------------------------------------------------- */

/* "600MB", "1.5 GiB": a number and its unit. */
static void read_memory(ParsedRecipe *r, const Tree *tree) {
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"B", 1},         {"kB", 1e3},      {"MB", 1e6},     {"GB", 1e9},
                 {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    const char *text = tree->kind == TREE_SCALAR ? tree->text : "";
    char *end;
    double number = strtod(text, &end), bytes = 0;
    while (*end == ' ') end++;
    for (size_t i = 0; i < COUNT(units); i++)
        if (strcmp(end, units[i].name) == 0) bytes = number * units[i].bytes;
    if (bytes >= 1 && bytes <= 0x1p53 && *text >= '0' && *text <= '9') {
        r->memory_limit = (int64_t)bytes;
        r->memory_loc = tree->loc;
    } else
        diag_error(r->diags, tree->loc,
                   "memory '%s' is no limit: a number and a unit were expected, as 600MB (B, kB, MB, GB, "
                   "KiB, MiB, GiB)",
                   tree->kind == TREE_SCALAR ? tree->text : "…");
}

static void read_train(ParsedRecipe *r, const Tree *map) {
    static const char *const keys[] = {"batch",  "epochs",           "seed", "precision", "optimizer", "clip",
                                       "freeze", "checkpoint_every", "knn",  "memory"};
    static const char *const knn_keys[] = {"every", "k", "temperature"};
    int64_t number;
    bool is_int;
    if (!check_keys(r, map, "train", keys, COUNT(keys))) return;
    if (tree_get(map, "batch") && read_int(r, tree_get(map, "batch"), "batch", 1, 1 << 20, &number))
        r->train.batch = number;
    if (tree_get(map, "seed") && read_int(r, tree_get(map, "seed"), "seed", 0, INT64_C(1) << 52, &number))
        r->train.seed = number;
    if (tree_get(map, "epochs") && tree_number(r, tree_get(map, "epochs"), &r->train.epochs, &is_int) &&
        r->train.epochs <= 0)
        diag_error(r->diags, tree_get(map, "epochs")->loc, "epochs must be above 0");
    if (tree_get(map, "checkpoint_every"))
        tree_number(r, tree_get(map, "checkpoint_every"), &r->train.checkpoint_every, &is_int);
    const Tree *precision = tree_get(map, "precision"), *knn = tree_get(map, "knn"),
               *freeze = tree_get(map, "freeze");
    if (precision && (precision->kind != TREE_SCALAR || !precision_find(precision->text, &r->precision)))
        diag_error(r->diags, precision->loc, "precision '%s' is not known: fp32, bf16 or bf16x3",
                   precision->kind == TREE_SCALAR ? precision->text : "…");
    if (tree_get(map, "memory")) read_memory(r, tree_get(map, "memory"));
    if (tree_get(map, "optimizer")) r->optimizer = read_expr(r, tree_get(map, "optimizer"), "optimizer");
    if (tree_get(map, "clip")) r->clip = read_expr(r, tree_get(map, "clip"), "clip");
    if (freeze) read_entries(r, freeze, "freeze", &r->freeze);
    if (!knn || !check_keys(r, knn, "knn", knn_keys, COUNT(knn_keys))) return;
    const Tree *every = tree_get(knn, "every"), *temperature = tree_get(knn, "temperature");
    if (every && tree_number(r, every, &r->train.knn_every, &is_int) && r->train.knn_every < 0)
        diag_error(r->diags, every->loc, "knn: every is a number of epochs, or 0 for never, not %g",
                   r->train.knn_every);
    double *t = &r->train.knn_temperature;
    if (temperature && tree_number(r, temperature, t, &is_int) && !(*t >= 1e-4 && *t <= 1e4))
        diag_error(r->diags, temperature->loc,
                   "knn: temperature %g: a number from 0.0001 to 10000 was expected", *t);
    if (tree_get(knn, "k") && read_int(r, tree_get(knn, "k"), "k", 1, 100000, &number))
        r->train.knn_k = (int32_t)number;
}

/* ---- files ------------------------------------------------------------------------------------------------------------- */

char *source_read(Arena *arena, const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long length = ftell(file);
        rewind(file);
        if (length >= 0 && length <= 64 << 20) {
            text = arena_alloc(arena, (size_t)length + 1);
            *size = fread(text, 1, (size_t)length, file);
        }
    }
    fclose(file);
    return text;
}

void source_candidates(Arena *arena, const char *from, const char *name, const char *models_dir,
                       const char *out[2]) {
    const char *slash = strrchr(from, '/');
    out[0] = slash ? arena_printf(arena, "%.*s/%s", (int)(slash - from), from, name)
                   : arena_printf(arena, "./%s", name);
    out[1] = models_dir ? arena_printf(arena, "%s/%s", models_dir, name) : NULL;
}

static bool read_source(ParsedRecipe *r, const char *path, const char *text, size_t size, bool library);

static bool known_file(const char *const *list, size_t n, const char *path) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], path) == 0) return true;
    return false;
}

static void use_file(ParsedRecipe *r, const char *from, const Tree *item) {
    if (item->kind != TREE_SCALAR) {
        diag_error(r->diags, item->loc, "`use` is a list of file names");
        return;
    }
    const char *paths[2];
    source_candidates(r->arena, from, item->text, r->options->models_dir, paths);
    for (int i = 0; i < 2; i++) {
        size_t size;
        char *real = paths[i] ? realpath(paths[i], NULL) : NULL;
        if (!real) continue;
        const char *key = arena_strdup(r->arena, real);
        free(real);
        if (known_file(r->open_files, r->n_open, key)) {
            diag_error(r->diags, item->loc, "'%s' uses itself, by way of %zu file%s", item->text, r->n_open,
                       r->n_open == 1 ? "" : "s");
            return;
        }
        if (known_file(r->read_files, r->n_read, key)) return;
        char *text = source_read(r->arena, key, &size);
        if (!text) continue;
        ARENA_PUSH(r->arena, r->read_files, r->n_read, r->read_capacity, key);
        ARENA_PUSH(r->arena, r->open_files, r->n_open, r->open_capacity, key);
        read_source(r, paths[i], text, size, true);
        r->n_open--;
        return;
    }
    const char *slash = strrchr(from, '/'), *models = r->options->models_dir;
    diag_error(r->diags, item->loc, "cannot read '%s' (looked in %.*s%s%s)", item->text,
               slash ? (int)(slash - from) : 1, slash ? from : ".", models ? " and " : "",
               models ? models : "");
}

static void read_uses(ParsedRecipe *r, const char *path, const Tree *uses) {
    if (!uses) return;
    if (uses->kind != TREE_LIST) diag_error(r->diags, uses->loc, "`use` is a list of file names");
    for (size_t i = 0; uses->kind == TREE_LIST && i < uses->count; i++)
        use_file(r, path, uses->items[i].value);
}

/* Names that expressions see side by side are different. */
static void check_names(ParsedRecipe *r, const Tree *root) {
    static const char *const sections[] = {"knobs", "views",     "draws",     "networks",
                                           "state", "schedules", "objectives"};
    for (size_t s = 0; s < COUNT(sections); s++) {
        const Tree *map = tree_get(root, sections[s]);
        for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
            const Tree *key = map->items[i].key;
            size_t length = strcspn(key->text, "( ");
            for (size_t t = 0; t < s; t++) {
                const Tree *other = tree_get(root, sections[t]);
                for (size_t k = 0; other && other->kind == TREE_MAP && k < other->count; k++) {
                    const char *name = other->items[k].key->text;
                    if (strcspn(name, "( ") == length && strncmp(name, key->text, length) == 0)
                        diag_error(r->diags, key->loc,
                                   "'%.*s' is a name among the %s already; choose another", (int)length, name,
                                   sections[t]);
                }
            }
        }
    }
}

/* Whether the knobs go together: before anything is made of them. */
static bool read_check(ParsedRecipe *r, const Tree *at) {
    Block *check = diags_errors(r->diags) == 0 ? read_block(r, at, "check") : NULL;
    return check && run_check(r, check);
}

static void read_sections(ParsedRecipe *r, Tree *root) {
    const Tree *at;
    check_names(r, root);
    if ((at = tree_get(root, "knobs"))) read_knobs(r, at);
    if ((at = tree_get(root, "check")) && !read_check(r, at)) return;
    if ((at = tree_get(root, "train"))) read_train(r, at);
    if ((at = tree_get(root, "views"))) read_views(r, at);
    if ((at = tree_get(root, "draws"))) read_draws(r, at);
    if ((at = tree_get(root, "networks"))) read_networks(r, at);
    if ((at = tree_get(root, "state"))) read_entries(r, at, "state", &r->state);
    if ((at = tree_get(root, "schedules"))) read_entries(r, at, "schedules", &r->schedules);
    if ((at = tree_get(root, "objectives"))) read_objectives(r, at);
    if ((at = tree_get(root, "metrics"))) read_metrics(r, at);
    if ((at = tree_get(root, "values"))) read_entries(r, at, "values", &r->values);
    if (!(at = tree_get(root, "embed"))) return;
    static const char *const keys[] = {"view", "features"};
    const Tree *view = tree_get(at, "view"), *features = tree_get(at, "features");
    if (!check_keys(r, at, "embed", keys, COUNT(keys))) return;
    if (!view || !features)
        diag_error(r->diags, at->loc, "embed wants `view` and `features`");
    else {
        r->embed_view = text_of(r, view, "view");
        r->embed_features = read_expr(r, features, "features");
    }
}

static bool read_source(ParsedRecipe *r, const char *path, const char *text, size_t size, bool library) {
    static const char *const recipe_keys[] = {
        "recipe",   "about", "use",       "knobs",      "check",   "presets", "views", "draws", "modules",
        "networks", "state", "schedules", "objectives", "metrics", "values",  "embed", "train"};
    static const char *const library_keys[] = {"library", "about", "use", "modules"};
    text = tree_skip_mark(text, &size);
    uint32_t file = diags_add_source(r->diags, path, text, size);
    Tree *root = tree_parse(r->arena, r->diags, file, text, size);
    if (!root) return false;
    if (library)
        check_keys(r, root, "a library", library_keys, COUNT(library_keys));
    else
        check_keys(r, root, "a recipe", recipe_keys, COUNT(recipe_keys));
    if (root->kind != TREE_MAP) return false;
    read_uses(r, path, tree_get(root, "use"));
    const Tree *modules = tree_get(root, "modules");
    if (modules) read_modules(r, modules);
    if (modules && library)
        ARENA_PUSH(r->arena, r->library_modules, r->n_library_modules, r->library_modules_capacity, modules);
    if (library) return true;
    r->tree = root;
    apply_overrides(r, root);
    const Tree *name = tree_get(root, "recipe");
    if (!name)
        diag_error(r->diags, (Loc){file, 1, 1}, "a recipe begins with `recipe: NAME`");
    else
        r->name = text_of(r, name, "recipe");
    if (tree_get(root, "about")) r->about = text_of(r, tree_get(root, "about"), "about");
    read_sections(r, root);
    return true;
}

bool recipe_read(ParsedRecipe *recipe, const char *path, const char *text, size_t size) {
    recipe->train =
        (VtTrain){.batch = 64, .epochs = 100, .checkpoint_every = 1, .knn_k = 20, .knn_temperature = 0.07};
    return read_source(recipe, path, text, size, false) && diags_errors(recipe->diags) == 0;
}
