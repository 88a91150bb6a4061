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
