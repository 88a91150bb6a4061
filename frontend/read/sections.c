/* Parts of reading a recipe that the encoders of other recipes are read by too (encoder.c). */
#include "frontend/read/read.h"
#include "frontend/recipe/modules.h"
#include "frontend/recipe/own_names.h"
#include "frontend/recipe/scalars.h"

#include <string.h>

/* Whether the knobs go together: before anything is made of them. One text, or several. */
void read_check(ParsedRecipe *r, const Tree *at) {
    bool list = at->kind == TREE_LIST;
    for (size_t i = 0; i < (list ? at->count : 1); i++) {
        Block *check = read_block(r, list ? at->items[i].value : at, "check", false);
        if (check && !run_check(r, check)) r->no_values = true;
    }
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
    for (size_t i = r->bases.count; i-- > 0;) read_uses(r, 0, r->bases.items[i].path, r->bases.items[i].use);
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
    static const char *const keys[] = {
        "recipe", "about",   "use",       "knobs",      "check",     "presets",    "data",    "views",
        "draws",  "modules", "networks",  "state",      "schedules", "objectives", "metrics", "values",
        "embed",  "train",   "libraries", "log_images", "inputs",    "encoders",   "base"};
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
    Tree *root = part ? part : tree_parse(r->arena, r->diags, r->file, r->own_text, size);
    if (root) tree_mend_lists(r->arena, r->diags, root);
    if (root) root = tree_on_bases(r->arena, r->diags, path, r->options->models_dir, root, &r->bases);
    r->tree = root;
    return root && (check_keys(r, root, "a recipe", keys, COUNT(keys)) || root->kind == TREE_MAP);
}
