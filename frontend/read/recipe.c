/* Reading a recipe: its sections in their order, and the files it uses. */
#include "frontend/read/read.h"
#include "frontend/recipe/modules.h"
#include "frontend/recipe/own_names.h"
#include "frontend/recipe/scalars.h"

#include <string.h>

/* ---- objectives ------------------------------------------------------------------------------------------------- */

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

/* ---- sections ---------------------------------------------------------------------------------------------------- */

/* Whether the knobs go together: before anything is made of them. */
void read_check(ParsedRecipe *r, const Tree *at) {
    Block *check = read_block(r, at, "check", false);
    if (check && !run_check(r, check)) r->no_values = true;
}

/* Each preset is a map, chosen or not. */
static void check_presets(ParsedRecipe *r, const Tree *presets) {
    if (!presets || !check_map(r, presets, "presets")) return;
    for (size_t i = 0; i < presets->count; i++)
        if (check_map(r, presets->items[i].value, "a preset"))
            check_preset(r, presets->items[i].key->text, presets->items[i].value);
}

static void read_sections(ParsedRecipe *r, Tree *root) {
    const Tree *at;
    check_presets(r, tree_get(root, "presets"));
    check_names(r, root);
    check_outputs(r, root);
    read_encoders(r, root);
    if ((at = tree_get(root, "knobs"))) read_knobs(r, at);
    note_unread(r, "knobs", tree_get(root, "knobs"));
    if ((at = tree_get(root, "check"))) read_check(r, at);
    if ((at = tree_get(root, "train"))) read_train(r, at);
    offer_options(r, at);
    read_data(r, tree_get(root, "data"));
    if ((at = tree_get(root, "views"))) read_views(r, at);
    if ((at = tree_get(root, "draws"))) read_draws(r, at);
    if ((at = tree_get(root, "inputs"))) read_inputs(r, at);
    if ((at = tree_get(root, "networks"))) read_networks(r, at);
    if ((at = tree_get(root, "state"))) read_states(r, at);
    if ((at = tree_get(root, "schedules"))) read_entries(r, at, "schedules", &r->schedules);
    if ((at = tree_get(root, "objectives"))) read_objectives(r, at);
    if ((at = tree_get(root, "metrics"))) read_metrics(r, at);
    if ((at = tree_get(root, "values"))) read_entries(r, at, "values", &r->values);
    static const char *const named[] = {"views", "draws",     "inputs",    "networks",
                                        "state", "schedules", "objectives"};
    for (size_t i = 0; i < COUNT(named); i++) note_unread(r, named[i], tree_get(root, named[i]));
    if ((at = tree_get(root, "log_images"))) read_log_images(r, at);
    note_knobs(r, root);
    read_embed(r, root);
}

void read_embed(ParsedRecipe *r, const Tree *root) {
    static const char *const keys[] = {"view", "features", "readout"};
    const Tree *at = tree_get(root, "embed");
    if (!at) return;
    const Tree *view = tree_get(at, "view"), *features = tree_get(at, "features"),
               *readout = tree_get(at, "readout");
    if (!check_keys(r, at, "embed", keys, COUNT(keys))) return;
    if (!features || (!view && !tree_get(root, "inputs")))
        diag_error(r->diags, at->loc, "embed wants `view` and `features`");
    else {
        r->embed_view = view ? tree_word(r->diags, view, "view") : NULL;
        r->embed_loc = view ? view->loc : at->loc;
        r->embed_features = read_expr(r, features, "features");
        if (readout) r->embed_readout = read_expr(r, readout, "readout");
    }
}

/* The modules of the recipe and of its libraries: what all else is written in. */
void read_definitions(ParsedRecipe *r, const char *path, Tree *root) {
    const Tree *modules = tree_get(root, "modules");
    r->libraries = tree_get(root, "libraries");
    if (r->libraries && !check_map(r, r->libraries, "libraries")) r->libraries = NULL;
    add_text(r, NULL, path, modules);
    read_uses(r, 0, path, tree_get(root, "use"));
    if (r->options->also_uses) {
        const char *name = r->options->also_uses;
        read_use(r, 0, path, &(Tree){.kind = TREE_SCALAR, .text = name, .size = strlen(name)});
    }
    if (modules) read_modules(r, 0, modules);
    note_unread(r, "modules", modules);
    find_modules(r);
}

void read_name(ParsedRecipe *r, const Tree *root) {
    const Tree *name = tree_get(root, "recipe");
    if (!name)
        diag_error(r->diags, (Loc){r->file, 1, 1}, "a recipe begins with `recipe: NAME`");
    else
        r->name = tree_word(r->diags, name, "recipe");
    if (!r->name) r->name = ""; /* the rest is looked at all the same */
}

bool recipe_begin(ParsedRecipe *r, const char *path, const char *text, size_t size, Tree *part) {
    static const char *const keys[] = {"recipe",    "about",      "use",     "knobs",   "check",    "presets",
                                       "data",      "views",      "draws",   "modules", "networks", "state",
                                       "schedules", "objectives", "metrics", "values",  "embed",    "train",
                                       "libraries", "log_images", "inputs",  "encoders"};
    r->path = path;
    r->train =
        (VtTrain){.batch = 64, .epochs = 100, .checkpoint_every = 1, .knn_k = 20, .knn_temperature = 0.07};
    r->repeat = 1;
    r->mentions = ARENA_NEW(r->arena, Mentions);
    r->scalars = ARENA_NEW(r->arena, Scalars);
    r->own_text = tree_skip_mark(text, &size);
    r->own_size = size;
    r->file = diags_add_source(r->diags, path, r->own_text, size);
    if (part) tree_set_file(part, r->file);
    Tree *root = r->tree = part ? part : tree_parse(r->arena, r->diags, r->file, r->own_text, size);
    if (!root || (!check_keys(r, root, "a recipe", keys, COUNT(keys)) && root->kind != TREE_MAP))
        return false;
    mend_lists(r, root);
    return true;
}

bool recipe_read(ParsedRecipe *r, const char *path, const char *text, size_t size) {
    if (!recipe_begin(r, path, text, size, NULL)) return false;
    Tree *root = r->tree;
    apply_overrides(r, root); /* before modules, which can be set too */
    read_definitions(r, path, root);
    read_name(r, root);
    if (tree_get(root, "about")) r->about = tree_word(r->diags, tree_get(root, "about"), "about");
    read_sections(r, root);
    return true;
}
