/* Networks that are the encoder of another recipe, `{recipe: FILE or RUN, set: {…}}`: that recipe is read by the same
 * functions, of which those of its sections that `embed` may need. Its knobs, modules, networks and states are its own;
 * its moving averages become plain networks, since nothing of it trains here.
 *
 * All are read before the recipe's own knobs, whose formulas may ask for facts: `$(NAME.view.size)`. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/read/read.h"
#include "frontend/text/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TAKEN_DEPTH = 8, MAX_TAKEN = 100 };

static bool from_command_line(const ParsedRecipe *r, Loc loc) {
    const char *source = diags_source_name(r->diags, loc.file);
    return source && strcmp(source, "command line") == 0;
}

/* ---- which recipe ------------------------------------------------------------------------------------------------ */

/* The text of `recipe:`, which may be a knob that is not read yet: `$encoder`. NULL after an error. */
static const Tree *named(ParsedRecipe *r, const Tree *root, const Tree *form) {
    const Tree *tree = tree_get(form, "recipe");
    if (tree->kind == TREE_SCALAR && tree->text[0] == '$' && !tree->quoted) {
        Tree **place = tree_get(tree_get(root, "knobs"), tree->text + 1)
                           ? find_place((Tree *)root, tree->text + 1)
                           : NULL;
        if (!place) diag_error(r->diags, tree->loc, "there is no knob '%s'", tree->text + 1);
        if (!place) return NULL;
        tree = *place;
    }
    if (!tree_word(r->diags, tree, "recipe")) return NULL;
    if (*tree->text) return tree;
    diag_error(r->diags, tree->loc, "which recipe? A recipe's file or the folder of a run was expected");
    return NULL;
}

static bool circle(ParsedRecipe *r, Loc loc, const char *path) {
    int depth = 0;
    for (const ParsedRecipe *at = r; at; at = at->taken_by, depth++) {
        char *a = realpath(at->path, NULL), *b = realpath(path, NULL);
        bool same = a && b && strcmp(a, b) == 0;
        free(a);
        free(b);
        if (same) diag_error(r->diags, loc, "'%s' takes its own encoder", path);
        if (same) return true;
    }
    if (depth < MAX_TAKEN_DEPTH) return false;
    diag_error(r->diags, loc, "recipes take the encoders of others more than %d deep", MAX_TAKEN_DEPTH);
    return true;
}

/* ---- its sections ------------------------------------------------------------------------------------------------ */

/* The size of a batch, which knobs and views may be made of, and nothing else of the section. */
static void read_extent(ParsedRecipe *r, const Tree *train) {
    int64_t batch;
    if (tree_get(train, "batch") && read_int(r, tree_get(train, "batch"), "batch", 1, 1 << 20, &batch))
        r->train.batch = batch;
}

/* Moving averages are networks of their own here, of which a file may say how they begin. */
static void make_plain(ParsedRecipe *r) {
    for (size_t i = 0; i < r->n_networks; i++) {
        const Definition *source = &r->networks[i];
        for (size_t hops = 0; source && source->ema_of && hops <= r->n_networks; hops++) {
            const char *wanted = source->ema_of;
            source = NULL;
            for (size_t k = 0; k < r->n_networks && !source; k++)
                if (strcmp(r->networks[k].signature.name, wanted) == 0) source = &r->networks[k];
        }
        if (!source || source == &r->networks[i]) continue;
        const char *name = r->networks[i].signature.name;
        r->networks[i].signature = source->signature;
        r->networks[i].signature.name = name;
        r->networks[i].body = source->body;
        r->networks[i].recipe = source->recipe;
    }
    for (size_t i = 0; i < r->n_networks; i++) {
        Definition *network = &r->networks[i];
        if (network->body || network->recipe) network->ema_of = NULL, network->momentum = NULL;
    }
}

static void read_encoder_sections(ParsedRecipe *r, const Tree *root) {
    static const char *const seen[] = {"views", "networks", "state", "schedules"};
    const Tree *at;
    check_names(r, root);
    read_encoders(r, root);
    if ((at = tree_get(root, "knobs"))) read_knobs(r, at);
    note_unread(r, "knobs", tree_get(root, "knobs"));
    if ((at = tree_get(root, "check"))) read_check(r, at);
    if ((at = tree_get(root, "train"))) read_extent(r, at);
    read_data(r, tree_get(root, "data"));
    if ((at = tree_get(root, "views"))) read_views(r, at);
    if ((at = tree_get(root, "networks"))) read_networks(r, at);
    make_plain(r);
    if ((at = tree_get(root, "state"))) read_states(r, at);
    if ((at = tree_get(root, "schedules"))) read_entries(r, at, "schedules", &r->schedules);
    for (size_t i = 0; i < COUNT(seen); i++) note_unread(r, seen[i], tree_get(root, seen[i]));
    read_embed(r, root);
}

/* Its knobs cannot be set in a program that is built of the recipe which takes it. */
static void fix_knobs(ParsedRecipe *r, struct Scalars *scalars) {
    for (size_t i = 0; i < r->n_knobs; i++) r->knobs[i].scalar = r->knobs[i].made = 0;
    for (size_t i = 0; i < r->n_encoders; i++)
        if (r->encoders[i].recipe) /* else an error was told */
            fix_knobs((ParsedRecipe *)r->encoders[i].recipe, scalars);
    r->scalars = scalars;
}

/* ---- reading it -------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name; /* of the network */
    Loc loc;
    const Tree *set; /* or NULL */
    const char *use; /* a library beside its own; or NULL */
    const char *path;
    Tree *part; /* of a saved recipe: it stands in it; or NULL */
} Taken;

/* A few recipes that take each other's several times would be read for ever. */
static bool too_many(ParsedRecipe *r, Loc loc) {
    if (!r->n_taken) r->n_taken = ARENA_NEW(r->arena, size_t);
    if (++*r->n_taken <= MAX_TAKEN) return false;
    if (*r->n_taken == MAX_TAKEN + 1)
        diag_error(r->diags, loc, "the encoders of more than %d recipes are taken", MAX_TAKEN);
    return true;
}

/* NULL after an error. */
static ParsedRecipe *read_taken(ParsedRecipe *r, const Taken *taken) {
    ParsedRecipe *inner = ARENA_NEW(r->arena, ParsedRecipe);
    RecipeOptions *options = ARENA_NEW(r->arena, RecipeOptions);
    int before = diags_errors(r->diags);
    if (too_many(r, taken->loc)) return NULL;
    size_t size = r->own_size;
    const char *text = taken->part ? r->own_text : source_read(r->arena, taken->path, &size);
    if (!text) {
        diag_error(r->diags, taken->loc, "cannot read recipe '%s': %s", taken->path, strerror(errno));
        return NULL;
    }
    *options = *r->options;
    options->overrides = NULL;
    options->n_overrides = 0;
    options->also_uses = taken->use;
    *inner = (ParsedRecipe){
        .arena = r->arena, .diags = r->diags, .options = options, .taken_by = r, .n_taken = r->n_taken};
    if (!recipe_begin(inner, taken->path, text, size, taken->part)) return NULL;
    if (taken->set) apply_settings(inner, inner->tree, taken->set);
    read_definitions(inner, taken->path, inner->tree);
    read_name(inner, inner->tree);
    read_encoder_sections(inner, inner->tree);
    r->no_values = r->no_values || inner->no_values;
    fix_knobs(inner, r->scalars);
    if (diags_errors(r->diags) > before) {
        diag_note(r->diags, taken->loc, "network '%s' is the encoder of this recipe", taken->name);
        return NULL;
    }
    if (inner->embed_features && encoder_view(inner)) return inner;
    diag_error(r->diags, taken->loc,
               "'%s' has no encoder to take: its `embed` has to name a view, and features of it",
               taken->path);
    return NULL;
}

/* The checkpoint of a run whose folder was named, unless `from` names a file. */
static void take_checkpoint(ParsedRecipe *r, Tree *form, const char *folder, Loc loc) {
    const Tree *from = tree_get(form, "from"), *knob = from;
    if (from && from->kind == TREE_SCALAR && from->text[0] == '$' && !from->quoted)
        knob = tree_get(tree_get(r->tree, "knobs"), from->text + 1);
    if (knob && knob->kind == TREE_MAP) knob = tree_get(knob, "default");
    if (knob && !(knob->kind == TREE_SCALAR && !*knob->text)) return;
    char *real = realpath(folder, NULL);
    char *path = arena_printf(r->arena, "%s/checkpoint.safetensors", real ? real : folder);
    free(real);
    Tree *key = ARENA_NEW(r->arena, Tree), *value = ARENA_NEW(r->arena, Tree);
    TreeItem *items = ARENA_ARRAY(r->arena, TreeItem, form->count + 1);
    *key = (Tree){.kind = TREE_SCALAR, .loc = loc, .text = "from", .size = strlen("from")};
    *value = (Tree){.kind = TREE_SCALAR, .loc = loc, .text = path, .size = strlen(path), .quoted = true};
    size_t n = 0;
    for (size_t i = 0; i < form->count; i++)
        if (form->items[i].value != from) items[n++] = form->items[i];
    items[n++] = (TreeItem){key, value};
    form->items = items;
    form->count = n;
}

/* `root` is the recipe's tree, `form` the network's map. */
static const ParsedRecipe *take(ParsedRecipe *r, const Tree *root, const char *name, Tree *form) {
    static const char *const keys[] = {"recipe", "set", "thaw", "use"};
    const char *folder = NULL;
    if (!check_keys_and_weights(r, form, "a network that is a recipe's encoder", keys, COUNT(keys)))
        return NULL;
    const Tree *word = named(r, root, form), *set = tree_get(form, "set"), *use = tree_get(form, "use");
    if (!word || (set && !check_map(r, set, "set"))) return NULL;
    Taken taken = {.name = name, .loc = word->loc, .path = r->path};
    if (!from_command_line(r, word->loc)) taken.part = tree_get(tree_get(root, "encoders"), name);
    if (!taken.part) {
        taken.set = set;
        taken.use = use ? tree_word(r->diags, use, "use") : NULL;
        bool here = from_command_line(r, word->loc);
        const char *from = here ? r->path : diags_source_name(r->diags, word->loc.file);
        taken.path = source_recipe(r->arena, from, word->text, r->options->models_dir, here, &folder);
        if (!taken.path)
            diag_error(r->diags, word->loc,
                       "there is no recipe '%s', nor is it the folder of a run, which has a recipe.yaml",
                       word->text);
        if (!taken.path || circle(r, word->loc, taken.path)) return NULL;
    }
    const ParsedRecipe *inner = read_taken(r, &taken);
    if (inner && folder) take_checkpoint(r, form, folder, word->loc);
    if (inner && !taken.part && inner->n_weights && !tree_get(form, "from"))
        diag_warning(
            r->diags, word->loc,
            "the files that networks of '%s' begin with are not taken: `from:` of network '%s' names one",
            inner->name, name);
    return inner;
}

void read_encoders(ParsedRecipe *r, const Tree *root) {
    const Tree *map = tree_get(root, "networks");
    for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
        const Tree *key = map->items[i].key;
        Tree *form = map->items[i].value;
        if (form->kind != TREE_MAP || !tree_get(form, "recipe")) continue;
        const char *name = arena_strndup(r->arena, key->text, strcspn(key->text, "( "));
        Definition network = {.signature = {.name = name}, .loc = key->loc, .recipe_form = form};
        network.recipe = take(r, root, name, form);
        if (!network.recipe) r->no_values = true; /* sizes are made of its facts */
        ARENA_PUSH(r->arena, r->encoders, r->n_encoders, r->encoders_capacity, network);
    }
}
