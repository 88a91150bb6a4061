/* Reading a recipe: its keys, `use:`, knobs, presets, overrides, views, draws and training options. */
#include "frontend/recipe/recipe.h"
#include "frontend/text/sources.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SUGGESTIONS = 100, MAX_OPEN_FILES = 64, MAX_FILES = 1000, MAX_EPOCHS = 1000000 };

/* ---- keys ------------------------------------------------------------------------------------------------------ */

const char *suggestion(ParsedRecipe *r, const char *word, const char *const *names, size_t n) {
    const char *near = diags_errors(r->diags) < MAX_SUGGESTIONS ? diag_nearest(word, names, n) : NULL;
    return near ? arena_printf(r->arena, "; did you mean '%s'?", near) : "";
}

bool check_keys(ParsedRecipe *r, const Tree *map, const char *what, const char *const *keys, size_t n) {
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

size_t names_in(const Tree *map, const char **names, size_t most) {
    size_t n = 0;
    for (; map && map->kind == TREE_MAP && n < map->count && n < most; n++)
        names[n] = map->items[n].key->text;
    return n;
}

bool check_map(ParsedRecipe *r, const Tree *map, const char *what) {
    if (map->kind == TREE_MAP || tree_is_null(map)) return true;
    diag_error(r->diags, map->loc, "%s must be a map of names to values", what);
    return false;
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
    definition->ema_of = tree_word(r->diags, of, "ema");
    definition->ema_loc = of->loc;
    definition->momentum = read_expr(r, momentum, "momentum");
    const char *moment = !when ? "after" : when->kind == TREE_SCALAR ? when->text : "";
    definition->before = strcmp(moment, "before") == 0;
    if (!definition->before && strcmp(moment, "after") != 0)
        diag_error(r->diags, when->loc, "`when` is before or after (the optimiser's step)");
}

static void read_networks(ParsedRecipe *r, const Tree *map) {
    if (!check_map(r, map, "networks")) return;
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
    if (!check_map(r, map, "objectives")) return;
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
    if (!check_map(r, map, "metrics")) return;
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *form = map->items[i].value, *value = form;
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        if (form->kind == TREE_MAP) {
            if (!check_keys(r, form, "a metric", keys, COUNT(keys))) continue;
            if (!(value = tree_get(form, "value"))) {
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
            if (tree_get(form, "message"))
                warning.message = tree_word(r->diags, tree_get(form, "message"), "message");
            if (warning.below == warning.below || warning.above == warning.above)
                ARENA_PUSH(r->arena, r->warnings, r->n_warnings, r->warnings_capacity, warning);
        }
        entry.value = read_expr(r, value, "a metric");
        if (entry.value) ARENA_PUSH(r->arena, r->metrics.items, r->metrics.count, r->metrics.capacity, entry);
    }
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
    if (tree_get(map, "epochs"))
        read_real(r, tree_get(map, "epochs"), "epochs", 1e-6, MAX_EPOCHS, &r->train.epochs);
    if (tree_get(map, "checkpoint_every"))
        read_real(r, tree_get(map, "checkpoint_every"), "checkpoint_every", 0, MAX_EPOCHS,
                  &r->train.checkpoint_every);
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
    if (every && tree_number(r, every, &r->train.knn_every, &is_int) &&
        !(r->train.knn_every >= 0 && r->train.knn_every <= MAX_EPOCHS))
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
        if (!real && paths[i] && errno == ENOMEM) arena_must(NULL);
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
        if (!text) { /* another file of that name is not what was meant */
            diag_error(r->diags, item->loc, "cannot read '%s': %s", key, strerror(errno));
            return;
        }
        if (r->n_open >= MAX_OPEN_FILES || r->n_read >= MAX_FILES) {
            diag_error(r->diags, item->loc, "more than %d files use each other, or %d in all", MAX_OPEN_FILES,
                       MAX_FILES);
            return;
        }
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

static bool is_identifier(const char *text, size_t length) {
    bool good = length > 0 && !(text[0] >= '0' && text[0] <= '9');
    for (size_t i = 0; i < length; i++) good = good && (isalnum((unsigned char)text[i]) || text[i] == '_');
    return good;
}

/* Names of the step, and of values: what else has one of these is not seen. */
static bool is_reserved(const char *name) {
    static const char *const words[] = {"step",   "epoch",       "epochs", "steps_per_epoch",
                                        "batch",  "training",    "labels", "index",
                                        "true",   "false",       "none",   "and",
                                        "or",     "not",         "if",     "else",
                                        "elif",   "for",         "in",     "return",
                                        "assert", "__metadata__"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(words[i], name) == 0) return true;
    return false;
}

/* Names that expressions see side by side are words, and different. A knob may be called as what it sets, as batch. */
static void check_names(ParsedRecipe *r, const Tree *root) {
    static const char *const sections[] = {"knobs", "views",     "draws",     "networks",
                                           "state", "schedules", "objectives"};
    Names known = {0};
    for (size_t s = 0; s < COUNT(sections); s++) {
        const Tree *map = tree_get(root, sections[s]);
        for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
            const Tree *key = map->items[i].key;
            const char *name = arena_strndup(r->arena, key->text, strcspn(key->text, "( "));
            uint32_t other = names_find(&known, name);
            if (!is_identifier(name, strlen(name)) || (strcspn(key->text, " ") < strlen(key->text) && s != 3))
                diag_error(r->diags, key->loc, "'%.40s' is no name: letters, digits and _ were expected",
                           key->text);
            else if (s > 0 && is_reserved(name))
                diag_error(r->diags, key->loc, "'%s' is a name of every step already; choose another", name);
            else if (other != NAMES_NONE && other != s)
                diag_error(r->diags, key->loc, "'%s' is a name among the %s already; choose another", name,
                           sections[other]);
            else
                names_set(r->arena, &known, name, (uint32_t)s);
        }
    }
}

/* The outputs of a step are called after schedules, metrics and values, the losses after objectives. */
static void check_outputs(ParsedRecipe *r, const Tree *root) {
    static const char *const sections[] = {"schedules", "metrics", "values"};
    Names known = {0};
    names_set(r->arena, &known, "loss", 0);
    for (size_t s = 0; s < COUNT(sections); s++) {
        const Tree *map = tree_get(root, sections[s]);
        for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
            const Tree *key = map->items[i].key;
            bool free = strncmp(key->text, "loss.", 5) != 0 && names_set(r->arena, &known, key->text, 0);
            if (!free)
                diag_error(r->diags, key->loc,
                           "'%s' is logged already, as another value; choose another name", key->text);
        }
    }
}

/* Whether the knobs go together: before anything is made of them. */
static bool read_check(ParsedRecipe *r, const Tree *at) {
    Block *check = diags_errors(r->diags) == 0 ? read_block(r, at, "check") : NULL;
    return check && run_check(r, check);
}

/* Each preset is a map, chosen or not. */
static void check_presets(ParsedRecipe *r, const Tree *presets) {
    if (!presets || !check_map(r, presets, "presets")) return;
    for (size_t i = 0; i < presets->count; i++) check_map(r, presets->items[i].value, "a preset");
}

static void read_sections(ParsedRecipe *r, Tree *root) {
    const Tree *at;
    check_presets(r, tree_get(root, "presets"));
    check_names(r, root);
    check_outputs(r, root);
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
        r->embed_view = tree_word(r->diags, view, "view");
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
    if (!library) {
        r->tree = root;
        apply_overrides(r, root); /* of modules too */
    }
    read_uses(r, path, tree_get(root, "use"));
    const Tree *modules = tree_get(root, "modules");
    if (modules) read_modules(r, modules);
    if (modules && library)
        ARENA_PUSH(r->arena, r->library_modules, r->n_library_modules, r->library_modules_capacity, modules);
    if (library) return true;
    const Tree *name = tree_get(root, "recipe");
    if (!name)
        diag_error(r->diags, (Loc){file, 1, 1}, "a recipe begins with `recipe: NAME`");
    else
        r->name = tree_word(r->diags, name, "recipe");
    if (tree_get(root, "about")) r->about = tree_word(r->diags, tree_get(root, "about"), "about");
    read_sections(r, root);
    return true;
}

bool recipe_read(ParsedRecipe *recipe, const char *path, const char *text, size_t size) {
    recipe->train =
        (VtTrain){.batch = 64, .epochs = 100, .checkpoint_every = 1, .knn_k = 20, .knn_temperature = 0.07};
    return read_source(recipe, path, text, size, false) && diags_errors(recipe->diags) == 0;
}
