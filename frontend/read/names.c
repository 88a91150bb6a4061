/* Names that a recipe gives: none hides another, so that every name means one thing wherever it is seen. */
#include "frontend/builtins/builtins.h"
#include "frontend/read/read.h"
#include "frontend/recipe/own_names.h"

#include <ctype.h>
#include <string.h>

/* What has names that expressions see, and how one of each is called. */
static const struct {
    const char *key, *one;
} SECTIONS[] = {{"knobs", "knob"},         {"views", "view"},           {"draws", "draw"},
                {"modules", "module"},     {"networks", "network"},     {"state", "state"},
                {"schedules", "schedule"}, {"objectives", "objective"}, {"data", "source of data"},
                {"inputs", "input"}};
enum { KNOBS = 0, MODULES = 3, NETWORKS = 4 };

static bool is_identifier(const char *text, size_t length) {
    bool good = length > 0 && !(text[0] >= '0' && text[0] <= '9');
    for (size_t i = 0; i < length; i++) good = good && (isalnum((unsigned char)text[i]) || text[i] == '_');
    return good;
}

static bool is_among(const char *const *words, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], name) == 0) return true;
    return false;
}

static bool is_word(const char *name) {
    static const char *const values[] = {"true", "false", "none"};
    return is_keyword(name) || is_among(values, COUNT(values), name);
}

/* Names that every step has. */
static bool is_reserved(const char *name) {
    static const char *const words[] = {"step",     "epoch",  "epochs", "steps_per_epoch", "batch",
                                        "training", "labels", "index",  "__metadata__"};
    return is_among(words, COUNT(words), name);
}

/* What `optimizer` and `clip` see beside the recipe's names. */
static bool is_of_optimizer(const char *name) {
    static const char *const words[] = {"param", "grad", "decay", "name", "params", "grads", "names"};
    return is_among(words, COUNT(words), name);
}

/* "dim(x, axis)" of a function of the language; NULL: there is none of the name. */
static const char *function_text(ParsedRecipe *r, const char *name) {
    size_t n;
    const Builtin *table = builtin_table(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0) return builtin_text(r->arena, &table[i]);
    return NULL;
}

/* ---- knobs that are options of the step -------------------------------------------------------------------------- */

/* batch and epochs are names of the step; a knob may have them that is this option: `train: {batch: $batch}`. False
 * after an error. */
static bool check_option(ParsedRecipe *r, const Tree *root, const Tree *key, const char *name) {
    const Tree *option = tree_get(tree_get(root, "train"), name);
    if (option && option->kind == TREE_SCALAR) {
        const char *text = option->text;
        if (strcmp(text, arena_printf(r->arena, "$%s", name)) == 0 ||
            strcmp(text, arena_printf(r->arena, "$(%s)", name)) == 0)
            return true;
    }
    diag_error(r->diags, key->loc,
               "knob '%s' is not the %s of the step, which is called so too: write `train: {%s: $%s}`, or "
               "choose another name",
               name, name, name, name);
    if (option)
        diag_note(r->diags, option->loc, "the %s of the step is set here", name);
    else
        diag_note(r->diags, tree_get(root, "train") ? tree_get(root, "train")->loc : key->loc,
                  "`train` does not set %s", name);
    return false;
}

/* ---- all names --------------------------------------------------------------------------------------------------- */

typedef struct {
    size_t section;
    Loc loc;
} Owner;

typedef struct {
    Owner *owners;
    size_t count, capacity;
    Names names; /* numbers of owners */
} Known;

/* The name of a key, without the parameters of a signature. */
static const char *name_of(ParsedRecipe *r, const Tree *key) {
    const char *text = key->text + strspn(key->text, " \n");
    return arena_strndup(r->arena, text, strcspn(text, "( \n"));
}

/* Whether a name can be given, to one of a section; an error if not. */
static bool may_name(ParsedRecipe *r, const Tree *key, const char *name, const char *one) {
    const char *function = function_text(r, name);
    if (is_word(name)) {
        if (strcmp(one, "module") != 0) /* whose signature tells it */
            diag_error(r->diags, key->loc, "'%s' is a word of the language; choose another name", name);
    } else if (is_reserved(name))
        diag_error(r->diags, key->loc, "'%s' is a name of every step already; choose another", name);
    else if (function)
        diag_error(r->diags, key->loc,
                   "'%s' is a function of the language, %s: choose another name for the %s", name, function,
                   one);
    else if (is_of_optimizer(name) && strcmp(one, "module") != 0)
        diag_error(r->diags, key->loc, "'%s' is a name that the optimizer sees already; choose another",
                   name);
    else
        return true;
    return false;
}

static bool check_name(ParsedRecipe *r, const Tree *root, const Tree *key, size_t section, Known *known) {
    const char *name = name_of(r, key), *one = SECTIONS[section].one;
    bool signature = section == MODULES || section == NETWORKS;
    if (!is_identifier(name, strlen(name)) || (!signature && strlen(name) < strlen(key->text))) {
        if (section != MODULES) /* whose signature tells it */
            diag_error(r->diags, key->loc, "'%.40s' is no name: letters, digits and _ were expected",
                       key->text);
        return true;
    }
    bool option = strcmp(name, "batch") == 0 || strcmp(name, "epochs") == 0;
    if (section == KNOBS && option) return check_option(r, root, key, name);
    if (section == KNOBS && strcmp(name, "preset") == 0) {
        diag_error(r->diags, key->loc, "`preset=NAME` chooses a preset: a knob wants another name");
        return true;
    }
    if (!may_name(r, key, name, one)) return false;
    uint32_t other = names_find(&known->names, name);
    if (other != NAMES_NONE && known->owners[other].section != section) {
        const Owner *owner = &known->owners[other];
        const char *other_one = SECTIONS[owner->section].one;
        diag_error(r->diags, key->loc, "'%s' is the name of %s %s already; choose another", name,
                   strchr("aeiou", *other_one) ? "an" : "a", other_one);
        diag_note(r->diags, owner->loc, "the %s is here", other_one);
        return false;
    }
    names_set(r->arena, &known->names, name, (uint32_t)known->count);
    Owner owner = {section, key->loc};
    ARENA_PUSH(r->arena, known->owners, known->count, known->capacity, owner);
    return true;
}

void check_names(ParsedRecipe *r, const Tree *root) {
    Known known = {0};
    for (size_t s = 0; s < COUNT(SECTIONS); s++) {
        const Tree *map = tree_get(root, SECTIONS[s].key);
        for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
            const Tree *key = map->items[i].key;
            if (!check_name(r, root, key, s, &known)) names_set(r->arena, &r->clashes, name_of(r, key), 0);
        }
    }
}

/* Of formulas `$(…)` the names are noted when they are evaluated. */
static void note_scalars(ParsedRecipe *r, const Tree *tree) {
    if (tree->kind == TREE_SCALAR && tree->text[0] == '$' &&
        is_identifier(tree->text + 1, strlen(tree->text + 1)))
        names_set(r->arena, &r->mentions->read, tree->text + 1, 0);
    for (size_t i = 0; i < tree->count; i++) note_scalars(r, tree->items[i].value);
}

void note_knobs(ParsedRecipe *r, const Tree *root) {
    for (size_t i = 0; i < root->count; i++) /* a preset's value is not read unless it is chosen */
        if (strcmp(root->items[i].key->text, "presets") != 0) note_scalars(r, root->items[i].value);
}

void check_library_names(ParsedRecipe *r, const Tree *modules) {
    for (size_t i = 0; modules && modules->kind == TREE_MAP && i < modules->count; i++) {
        const Tree *key = modules->items[i].key;
        const char *name = name_of(r, key);
        if (is_identifier(name, strlen(name))) may_name(r, key, name, "module");
    }
}

/* The outputs of a step are called after schedules, metrics and values, the losses after objectives. */
void check_outputs(ParsedRecipe *r, const Tree *root) {
    static const char *const sections[] = {"schedules", "metrics", "values"};
    Known known = {0};
    for (size_t s = 0; s < COUNT(sections); s++) {
        const Tree *map = tree_get(root, sections[s]);
        for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
            const Tree *key = map->items[i].key;
            uint32_t other = names_find(&known.names, key->text);
            bool loss = strcmp(key->text, "loss") == 0 || strncmp(key->text, "loss.", 5) == 0;
            if (loss || other != NAMES_NONE)
                diag_error(r->diags, key->loc,
                           "'%s' is logged already, as another value; choose another name", key->text);
            if (other != NAMES_NONE) diag_note(r->diags, known.owners[other].loc, "it is here");
            if (other != NAMES_NONE) continue;
            names_set(r->arena, &known.names, key->text, (uint32_t)known.count);
            Owner owner = {s, key->loc};
            ARENA_PUSH(r->arena, known.owners, known.count, known.capacity, owner);
        }
    }
}
