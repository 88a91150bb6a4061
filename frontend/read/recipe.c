/* Reading a recipe: its sections in their order, and the files it uses. */
#include "frontend/read/read.h"
#include "frontend/text/sources.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPEN_FILES = 64, MAX_FILES = 1000 };

/* ---- objectives, metrics ----------------------------------------------------------------------------------------- */

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
        entry.loss = read_block(r, loss, arena_printf(r->arena, "the loss of '%s'", entry.name), true);
        if (tree_get(form, "weight")) entry.weight = read_expr(r, tree_get(form, "weight"), "a weight");
        if (tree_get(form, "update"))
            entry.update = read_block(r, tree_get(form, "update"), "an update", false);
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

/* ---- files ------------------------------------------------------------------------------------------------------- */

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
        if (!text) { /* the next candidate is not what was meant */
            r->names_missing = r->no_values = true;
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
        if (!read_source(r, paths[i], text, size, true)) r->names_missing = r->no_values = true;
        r->n_open--;
        return;
    }
    const char *slash = strrchr(from, '/'), *models = r->options->models_dir;
    r->names_missing = r->no_values = true;
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

/* ---- sections ---------------------------------------------------------------------------------------------------- */

/* Whether the knobs go together: before anything is made of them. */
static void read_check(ParsedRecipe *r, const Tree *at) {
    Block *check = read_block(r, at, "check", false);
    if (check && !run_check(r, check)) r->no_values = true;
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
    note_unread(r, "knobs", tree_get(root, "knobs"));
    if ((at = tree_get(root, "check"))) read_check(r, at);
    if ((at = tree_get(root, "train"))) read_train(r, at);
    read_data(r, tree_get(root, "data"));
    if ((at = tree_get(root, "views"))) read_views(r, at);
    if ((at = tree_get(root, "draws"))) read_draws(r, at);
    if ((at = tree_get(root, "networks"))) read_networks(r, at);
    if ((at = tree_get(root, "state"))) read_entries(r, at, "state", &r->state);
    if ((at = tree_get(root, "schedules"))) read_entries(r, at, "schedules", &r->schedules);
    if ((at = tree_get(root, "objectives"))) read_objectives(r, at);
    if ((at = tree_get(root, "metrics"))) read_metrics(r, at);
    if ((at = tree_get(root, "values"))) read_entries(r, at, "values", &r->values);
    static const char *const named[] = {"views", "draws", "networks", "state", "schedules", "objectives"};
    for (size_t i = 0; i < COUNT(named); i++) note_unread(r, named[i], tree_get(root, named[i]));
    if (!(at = tree_get(root, "embed"))) return;
    static const char *const keys[] = {"view", "features"};
    const Tree *view = tree_get(at, "view"), *features = tree_get(at, "features");
    if (!check_keys(r, at, "embed", keys, COUNT(keys))) return;
    if (!view || !features)
        diag_error(r->diags, at->loc, "embed wants `view` and `features`");
    else {
        r->embed_view = tree_word(r->diags, view, "view");
        r->embed_loc = view->loc;
        r->embed_features = read_expr(r, features, "features");
    }
}

static bool read_source(ParsedRecipe *r, const char *path, const char *text, size_t size, bool library) {
    static const char *const recipe_keys[] = {
        "recipe",   "about", "use",       "knobs",      "check",   "presets", "views", "draws", "modules",
        "networks", "state", "schedules", "objectives", "metrics", "values",  "embed", "train", "data"};
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
        r->file = file;
        apply_overrides(r, root); /* before modules, which can be set too */
    }
    read_uses(r, path, tree_get(root, "use"));
    const Tree *modules = tree_get(root, "modules");
    if (modules) read_modules(r, modules);
    note_unread(r, "modules", modules);
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
    return read_source(recipe, path, text, size, false);
}
