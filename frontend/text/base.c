/* A recipe that begins with another: see base.h. */
#include "frontend/text/base.h"
#include "frontend/text/sources.h"
#include "ir/base/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BASES = 8 };

/* ---- two trees as one -------------------------------------------------------------------------------------------- */

/* The keys of a map by name: `encoder(x, drop)` is encoder. */
static const char *name_of(Arena *arena, const Tree *key) {
    size_t n = strcspn(key->text, "( ");
    return key->text[n] ? arena_strndup(arena, key->text, n) : key->text;
}

static Names names_of(Arena *arena, const Tree *map) {
    Names names = {0};
    for (size_t i = map->count; i-- > 0;) /* of two alike the first */
        names_set(arena, &names, name_of(arena, map->items[i].key), (uint32_t)i);
    return names;
}

static bool is_one_of(const char *key, const char *const *words, size_t n) {
    for (size_t i = 0; key && i < n; i++)
        if (strcmp(key, words[i]) == 0) return true;
    return false;
}
#define IS_ONE_OF(key, ...)                                                                                  \
    is_one_of(key, (const char *const[]){__VA_ARGS__},                                                       \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static Tree *empty(Arena *arena, const Tree *like, TreeKind kind, size_t most) {
    Tree *tree = ARENA_NEW(arena, Tree);
    *tree = (Tree){.kind = kind, .loc = like->loc, .key = like->key};
    tree->items = ARENA_ARRAY(arena, TreeItem, most + 1);
    return tree;
}

static void add(Tree *tree, Tree *key, Tree *value) {
    if (value->height >= tree->height) tree->height = value->height + 1;
    tree->items[tree->count++] = (TreeItem){key, value};
}

/* Takes the place of the base's whole entry in a section. */
static bool replaces(const char *section, const Tree *base, const Tree *own) {
    if (base->kind != TREE_MAP || own->kind != TREE_MAP || IS_ONE_OF(section, "draws", "inputs")) return true;
    return IS_ONE_OF(section, "networks") &&
           (tree_get(own, "body") || tree_get(own, "ema") || tree_get(own, "recipe"));
}

/* The knob of the base with another default. */
static Tree *with_default(Arena *arena, const Tree *knob, Tree *value) {
    Tree *made = empty(arena, knob, TREE_MAP, knob->count), *old = tree_get(knob, "default");
    for (size_t i = 0; i < knob->count; i++)
        add(made, knob->items[i].key, knob->items[i].value == old ? value : knob->items[i].value);
    return old ? made : value;
}

/* section: that the maps are, or NULL further inside. */
static Tree *merge(Arena *arena, const Tree *base, const Tree *own, const char *section) {
    Tree *made = empty(arena, own, TREE_MAP, base->count + own->count);
    Names of_base = names_of(arena, base), of_own = names_of(arena, own);
    for (size_t i = 0; i < base->count; i++) {
        Tree *key = base->items[i].key, *value = base->items[i].value;
        uint32_t found = names_find(&of_own, name_of(arena, key));
        if (found == NAMES_NONE) {
            add(made, key, value);
            continue;
        }
        const TreeItem *item = &own->items[found];
        if (tree_is_null(item->value)) continue;
        if (IS_ONE_OF(section, "knobs") && value->kind == TREE_MAP && item->value->kind != TREE_MAP)
            add(made, item->key, with_default(arena, value, item->value));
        else if (replaces(section, value, item->value))
            add(made, item->key, item->value);
        else
            add(made, item->key, merge(arena, value, item->value, NULL));
    }
    for (size_t i = 0; i < own->count; i++) {
        const char *name = name_of(arena, own->items[i].key);
        bool again = names_find(&of_own, name) != i; /* is an error, to be told where all of them are read */
        if (again || names_find(&of_base, name) == NAMES_NONE)
            add(made, own->items[i].key, own->items[i].value);
    }
    return made;
}

/* The texts of one behind those of the other. */
static Tree *both(Arena *arena, Tree *base, Tree *own) {
    Tree *trees[] = {base, own}, *made = empty(arena, own, TREE_LIST, base->count + own->count + 2);
    for (int t = 0; t < 2; t++) {
        bool list = trees[t]->kind == TREE_LIST;
        for (size_t i = 0; i < (list ? trees[t]->count : 1); i++)
            add(made, NULL, list ? trees[t]->items[i].value : trees[t]);
    }
    return made;
}

/* What a recipe says of itself, and does not take from its base. */
static bool is_own(const char *section) {
    return IS_ONE_OF(section, "recipe", "about", "use", "base");
}

static Tree *merge_roots(Arena *arena, const Tree *base, const Tree *own) {
    Tree *made = empty(arena, own, TREE_MAP, base->count + own->count);
    for (size_t i = 0; i < own->count; i++) /* what it says of itself comes first */
        if (IS_ONE_OF(own->items[i].key->text, "recipe", "about", "use"))
            add(made, own->items[i].key, own->items[i].value);
    for (size_t i = 0; i < base->count; i++) {
        const char *section = base->items[i].key->text;
        Tree *of_base = base->items[i].value, *of_own = tree_get(own, section);
        if (is_own(section)) continue;
        if (!of_own)
            add(made, base->items[i].key, of_base);
        else if (tree_is_null(of_own))
            continue;
        else if (strcmp(section, "check") == 0)
            add(made, base->items[i].key, both(arena, of_base, of_own));
        else if (of_base->kind == TREE_MAP && of_own->kind == TREE_MAP)
            add(made, base->items[i].key, merge(arena, of_base, of_own, section));
        else
            add(made, base->items[i].key, of_own);
    }
    for (size_t i = 0; i < own->count; i++) {
        const char *section = own->items[i].key->text;
        if (!is_own(section) && !tree_get(base, section)) add(made, own->items[i].key, own->items[i].value);
    }
    return made;
}

/* ---- the files --------------------------------------------------------------------------------------------------- */

/* NULL after an error. */
static const char *find_base(Arena *arena, Diags *diags, const char *from, const Tree *word,
                             const char *models_dir) {
    const char *folder;
    if (!tree_word(diags, word, "base")) return NULL;
    const char *path =
        *word->text ? source_recipe(arena, from, word->text, models_dir, false, &folder) : NULL;
    if (!path)
        diag_error(diags, word->loc, "there is no recipe '%s' to begin with", word->text);
    else if (folder)
        diag_error(diags, word->loc, "'%s' is a run: a recipe begins with another recipe", word->text);
    return path && !folder ? path : NULL;
}

/* Whether what was found can be begun with; `word` names it. */
static bool check_base(Diags *diags, const Tree *word, const Tree *root) {
    if (root->kind != TREE_MAP || tree_get(root, "library"))
        diag_error(diags, word->loc,
                   root->kind == TREE_MAP ? "'%s' is a library: `use` takes it, `base` a recipe"
                                          : "'%s' is no recipe",
                   word->text);
    else if (tree_get(root, "libraries") || tree_get(root, "encoders"))
        diag_error(diags, word->loc,
                   "'%s' is the recipe of a run, with its libraries in it: begin with the one it was made of",
                   word->text);
    else
        return true;
    return false;
}

static bool same_file(const char *a, const char *b) {
    char *x = realpath(a, NULL), *y = realpath(b, NULL);
    bool same = x && y && strcmp(x, y) == 0;
    free(x);
    free(y);
    return same;
}

static bool is_circle(const char *path, const char *base, const RecipeBases *bases) {
    bool found = same_file(path, base);
    for (size_t i = 0; i < bases->count; i++) found = found || same_file(bases->items[i].path, base);
    return found;
}

Tree *tree_on_bases(Arena *arena, Diags *diags, const char *path, const char *models_dir, Tree *root,
                    RecipeBases *out) {
    *out = (RecipeBases){0};
    Tree *levels[MAX_BASES + 1] = {root};
    const Tree *word;
    const char *from = path;
    while ((word = tree_get(levels[out->count], "base"))) {
        RecipeBase base = {.path = find_base(arena, diags, from, word, models_dir)};
        if (!base.path) return NULL;
        if (out->count == MAX_BASES || is_circle(path, base.path, out)) {
            diag_error(diags, word->loc,
                       out->count == MAX_BASES ? "recipes begin with others more than %d deep"
                                               : "the recipe begins with itself",
                       MAX_BASES);
            return NULL;
        }
        base.text = source_read(arena, base.path, &base.size);
        if (!base.text) {
            diag_error(diags, word->loc, "cannot read recipe '%s': %s", base.path, strerror(errno));
            return NULL;
        }
        base.text = tree_skip_mark(base.text, &base.size);
        base.file = diags_add_source(diags, base.path, base.text, base.size);
        Tree *tree = tree_parse(arena, diags, base.file, base.text, base.size);
        if (!tree) diag_note(diags, word->loc, "begun with here");
        if (!tree || !check_base(diags, word, tree)) return NULL;
        tree_mend_lists(arena, diags, tree);
        base.use = tree_get(tree, "use");
        ARENA_PUSH(arena, out->items, out->count, out->capacity, base);
        levels[out->count] = tree;
        from = base.path;
    }
    Tree *whole = levels[out->count];
    for (size_t i = out->count; i-- > 0;) whole = merge_roots(arena, whole, levels[i]);
    return whole;
}

Tree *tree_of_recipe(Arena *arena, Diags *diags, const char *path, const char *text, size_t size,
                     const char *models_dir) {
    RecipeBases bases;
    Tree *root = tree_parse(arena, diags, diags_add_source(diags, path, text, size), text, size);
    return root && root->kind == TREE_MAP ? tree_on_bases(arena, diags, path, models_dir, root, &bases)
                                          : NULL;
}
