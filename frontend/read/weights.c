/* `from:` of networks and states: files that their initial values come from. What the files hold is not looked at
 * here: that is for who trains or evaluates (command/weights.c). */
#include "frontend/read/read.h"

#include <string.h>

bool check_keys_and_weights(ParsedRecipe *r, const Tree *form, const char *what, const char *const *own,
                            size_t n) {
    static const char *const more[] = {"from", "rename", "only", "hash"};
    const char **keys = ARENA_ARRAY(r->arena, const char *, n + COUNT(more));
    memcpy(keys, own, sizeof *own * n);
    memcpy(keys + n, more, sizeof more);
    return check_keys(r, form, what, keys, n + COUNT(more));
}

/* The text of a scalar, which may be a knob's: `from: $weights`. NULL after an error. */
static const char *word_of(ParsedRecipe *r, const Tree *tree, const char *what, Loc *set) {
    const char *text = tree_word(r->diags, tree, what);
    *set = tree->loc;
    if (!text || text[0] != '$' || tree->quoted) return text;
    const Knob *knob = knob_find(r, text + 1);
    if (!knob)
        diag_error(r->diags, tree->loc, "there is no knob '%s'", text + 1);
    else if (knob->type != KNOB_STRING)
        tree_error(r, tree, "%s wants a word, which knob '%s' is not", what, knob->name);
    if (!knob || knob->type != KNOB_STRING) return NULL;
    *set = knob->set;
    return knob->text;
}

/* A path is relative to the folder of the file in which it stands, one from the command line to the current folder. */
static const char *path_of(ParsedRecipe *r, const char *text, Loc set) {
    const char *source = diags_source_name(r->diags, set.file), *from = source ? source : r->path;
    const char *slash = strrchr(from, '/');
    bool as_is = text[0] == '/' || !slash || strcmp(from, "command line") == 0;
    return as_is ? text : arena_printf(r->arena, "%.*s/%s", (int)(slash - from), from, text);
}

static bool read_rules(ParsedRecipe *r, const Tree *map, VtWeights *w) {
    VtRename *rules = ARENA_ARRAY(r->arena, VtRename, map->count + 1);
    for (size_t i = 0; i < map->count; i++) {
        const char *to = tree_word(r->diags, map->items[i].value, "a name here");
        if (!to) return false;
        rules[w->n_rules++] = (VtRename){map->items[i].key->text, to};
    }
    w->rules = rules;
    return true;
}

static bool read_only(ParsedRecipe *r, const Tree *tree, VtWeights *w) {
    bool list = tree->kind == TREE_LIST;
    size_t n = list ? tree->count : 1;
    const char **only = ARENA_ARRAY(r->arena, const char *, n + 1);
    Loc unused;
    for (size_t i = 0; i < n; i++)
        if (!(only[w->n_only++] = word_of(r, list ? tree->items[i].value : tree, "only", &unused)))
            return false;
    w->only = only;
    if (n) return true;
    diag_error(r->diags, tree->loc, "`only` is a pattern, or a list of them");
    return false;
}

void read_weights(ParsedRecipe *r, const char *target, const Tree *form) {
    const Tree *from = tree_get(form, "from"), *rename = tree_get(form, "rename"),
               *only = tree_get(form, "only"), *hash = tree_get(form, "hash");
    const Tree *alone = rename ? rename : only ? only : hash;
    VtWeights w = {.target = target};
    Loc set;
    if (!from && alone)
        diag_error(r->diags, alone->loc, "rename, only and hash go with `from: FILE.safetensors`");
    if (!from || tree_is_null(from)) return;
    const char *path = word_of(r, from, "from", &set);
    if (!path || !path[0]) return; /* a knob that names no file, as '' */
    w.path = path_of(r, path, set);
    if (rename && rename->kind == TREE_MAP) {
        if (!read_rules(r, rename, &w)) return;
    } else if (rename) {
        const char *rules = word_of(r, rename, "rename", &set);
        if (!rules) return;
        w.rename = path_of(r, rules, set);
    }
    if (only && !read_only(r, only, &w)) return;
    if (hash && !(w.hash = word_of(r, hash, "hash", &set))) return;
    ARENA_PUSH(r->arena, r->weights, r->n_weights, r->weights_capacity, w);
}
