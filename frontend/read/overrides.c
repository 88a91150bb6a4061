/* Presets, and what the command line sets: other values in the tree, before anything reads it. */
#include "frontend/read/read.h"
#include "frontend/text/settings.h"

#include <string.h>

enum { MAX_PATH_DEPTH = 64, MAX_NAMED = 256, MAX_TOLD = 400 };

/* The place a path such as "train.epochs" names; knobs by their bare name. */
Tree **find_place(Tree *root, const char *path) {
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
            bool whole = strlen(name) == n || strcspn(name, "(") == n; /* `encoder(x)` is encoder too */
            if (whole && strncmp(name, path, n) == 0) break;
        }
        if (i == at->count) return NULL;
        place = &at->items[i].value;
        at = *place;
        path += n + (path[n] == '.');
    }
    return place;
}

/* What may be set though the recipe does not mention it: options of training, how features are read out, weights of
 * objectives, and of networks and states that are maps the files that they begin with. Whether there is such an option
 * is checked later. */
static bool is_optional(Tree *root, const char *path, const char *above) {
    if (strncmp(path, "train.", 6) == 0 || strcmp(path, "embed.readout") == 0) return true;
    if (strncmp(path, "networks.", 9) != 0 && strncmp(path, "state.", 6) != 0 &&
        strncmp(path, "objectives.", 11) != 0)
        return false;
    Tree **parent = find_place(root, above);
    return parent && (*parent)->kind == TREE_MAP && strchr(above, '.');
}

/* A new key of a map. */
static Tree **add_key(ParsedRecipe *r, Tree *map, const char *name, Loc loc) {
    Tree *key = ARENA_NEW(r->arena, Tree);
    *key = (Tree){.kind = TREE_SCALAR, .loc = loc, .text = name, .size = strlen(name)};
    TreeItem *items = ARENA_ARRAY(r->arena, TreeItem, map->count + 1);
    if (map->count) memcpy(items, map->items, sizeof *items * map->count);
    items[map->count].key = key;
    map->items = items;
    return &map->items[map->count++].value;
}

/* The place of networks.NAME.set.KEY, KEY being a setting of the recipe whose encoder the network is, "train.batch". */
static Tree **place_in_set(ParsedRecipe *r, Tree *root, const char *path, Loc loc) {
    const char *set = strncmp(path, "networks.", 9) == 0 ? strstr(path, ".set.") : NULL;
    Tree **network = set ? find_place(root, arena_strndup(r->arena, path, (size_t)(set - path))) : NULL;
    if (!network || !tree_get(*network, "recipe")) return NULL;
    Tree *map = tree_get(*network, "set");
    if (!map) {
        Tree **place = add_key(r, *network, "set", loc);
        map = *place = ARENA_NEW(r->arena, Tree);
        *map = (Tree){.kind = TREE_MAP, .loc = loc};
    }
    const char *key = set + strlen(".set.");
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++)
        if (strcmp(map->items[i].key->text, key) == 0) return &map->items[i].value;
    return map->kind == TREE_MAP && *key ? add_key(r, map, arena_strdup(r->arena, key), loc) : NULL;
}

/* Makes a place for it. */
static Tree **add_place(ParsedRecipe *r, Tree *root, const char *path, Loc loc) {
    enum { MAX_OPTIONS = 100 }; /* there are a dozen */
    const char *dot = strrchr(path, '.');
    const char *above = dot ? arena_strndup(r->arena, path, (size_t)(dot - path)) : NULL;
    if (!dot || !is_optional(root, path, above)) return NULL;
    Tree **parent = find_place(root, above);
    if (!parent && (parent = add_place(r, root, above, loc))) {
        *parent = ARENA_NEW(r->arena, Tree);
        **parent = (Tree){.kind = TREE_MAP, .loc = loc};
    }
    if (!parent || (*parent)->kind != TREE_MAP || (*parent)->count > MAX_OPTIONS) return NULL;
    return add_key(r, *parent, arena_strdup(r->arena, dot + 1), loc);
}

/* What kind of value a text looks like: another value of a knob has to be of the same kind as its default. */
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

/* The knob that the path is an alias of; the path itself if there is none. */
static const char *without_alias(const Tree *root, const char *path) {
    const Tree *knobs = tree_get(root, "knobs");
    if (tree_get(knobs, path)) return path;
    for (size_t i = 0; knobs && knobs->kind == TREE_MAP && i < knobs->count; i++) {
        const Tree *alias = tree_get(knobs->items[i].value, "alias");
        if (alias && alias->kind == TREE_SCALAR && strcmp(alias->text, path) == 0)
            return knobs->items[i].key->text;
    }
    return path;
}

/* Where a training option is `batch: $batch`, the knob is set instead: other parts of the recipe may read it too. */
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

/* "; did you mean 'x'?", or what there is. */
static const char *other_settings(ParsedRecipe *r, const Tree *root, const char *path) {
    const char *const *names, *told = "";
    size_t n = tree_settings(r->arena, root, &names);
    const char *near = recipe_setting_near(r->arena, path, names, n);
    for (size_t i = 0; !near && i < n && strlen(told) < MAX_TOLD; i++)
        told = arena_printf(r->arena, "%s%s%s", told, i ? ", " : "; there are ", names[i]);
    if (near) return arena_printf(r->arena, "; did you mean '%s'?", near);
    return strlen(told) < MAX_TOLD ? told : arena_printf(r->arena, "%s, …", told);
}

static void unknown_setting(ParsedRecipe *r, const Tree *root, const char *path, Loc loc) {
    diag_error(r->diags, loc, "there is no knob or value '%.100s' in this recipe%s", path,
               other_settings(r, root, path));
}

static bool replace_value(ParsedRecipe *r, Tree *root, const char *path, Tree *value, Loc loc) {
    if (strcmp(path, "use") == 0 || strncmp(path, "use.", 4) == 0) {
        diag_error(r->diags, loc, "the files of `use` are set in the recipe alone");
        return false;
    }
    path = knob_behind(root, without_alias(root, path));
    Tree **place = is_shallow(path) ? find_place(root, path) : NULL;
    if (!place && is_shallow(path)) place = place_in_set(r, root, path, loc);
    if (!place && is_shallow(path)) place = add_place(r, root, path, loc);
    if (!place) {
        unknown_setting(r, root, path, loc);
        return false;
    }
    if (!same_kind(r, root, path, *place, value)) return false;
    *place = tree_copy(r->arena, value);
    return true;
}

static bool is_chosen(const ParsedRecipe *r, const char *preset) {
    for (int i = 0; i < r->options->n_overrides; i++)
        if (strncmp(r->options->overrides[i], "preset=", 7) == 0 &&
            strcmp(r->options->overrides[i] + 7, preset) == 0)
            return true;
    return false;
}

void check_preset(ParsedRecipe *r, const char *name, const Tree *preset) {
    for (size_t i = 0; preset->kind == TREE_MAP && i < preset->count && !is_chosen(r, name); i++) {
        const Tree *key = preset->items[i].key;
        const char *path = knob_behind(r->tree, without_alias(r->tree, key->text));
        if (is_shallow(path) && (find_place(r->tree, path) || is_train_option(path))) continue;
        diag_warning(r->diags, key->loc, "preset '%s' sets '%.100s', which this recipe has not%s", name,
                     key->text, other_settings(r, r->tree, key->text));
    }
}

static void apply_preset(ParsedRecipe *r, Tree *root, const char *name, Loc loc) {
    Tree *presets = tree_get(root, "presets"), *preset = tree_get(presets, name);
    if (!preset || preset->kind != TREE_MAP) {
        const char *names[MAX_NAMED];
        size_t n = names_in(presets, names, MAX_NAMED);
        const char *near = suggestion(r, name, names, n), *all = "";
        for (size_t i = 0; i < n && strlen(all) < MAX_TOLD; i++)
            all = arena_printf(r->arena, "%s%s%s", all, i ? ", " : "; there are ", names[i]);
        diag_error(r->diags, loc, "no preset '%s'%s", name,
                   *near ? near
                   : n   ? all
                         : ": this recipe has none");
        return;
    }
    for (size_t i = 0; i < preset->count; i++)
        replace_value(r, root, preset->items[i].key->text, preset->items[i].value, preset->items[i].key->loc);
}

void apply_settings(ParsedRecipe *r, Tree *root, const Tree *map) {
    const Tree *preset = tree_get(map, "preset");
    const char *name = preset ? tree_word(r->diags, preset, "preset") : NULL;
    if (name && *name) apply_preset(r, root, name, preset->loc);
    for (size_t i = 0; i < map->count; i++)
        if (map->items[i].value != preset)
            replace_value(r, root, map->items[i].key->text, map->items[i].value, map->items[i].key->loc);
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
