/* What of a recipe can be set: its knobs and the options of `train`, and the one that a word may have meant. */
#include "frontend/text/settings.h"

#include <ctype.h>
#include <string.h>

static bool same_word(const char *a, const char *b, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char x = a[i] == '-' ? '_' : a[i], y = b[i] == '-' ? '_' : b[i];
        if (tolower((unsigned char)x) != tolower((unsigned char)y)) return false;
    }
    return true;
}

const char *recipe_setting_near(Arena *arena, const char *word, const char *const *names, size_t n) {
    static const char *const before[] = {"", "train.", "_"}; /* the whole name, or its end */
    size_t length = strlen(word);
    for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < n && length > 1; i++) {
            size_t lead = strlen(before[b]), size = strlen(names[i]), from = size - length;
            if (size < length + lead || !same_word(names[i] + from, word, length)) continue;
            bool begins =
                b == 2 ? names[i][from - 1] == '_' : from == lead && strncmp(names[i], before[b], lead) == 0;
            if (begins) return names[i];
        }
    /* a key inside an option of train: knn.k */
    for (size_t i = 0; i < n; i++) {
        const char *dot = strchr(names[i], '.'), *end = strchr(word, '.');
        if (dot && end && strlen(dot + 1) == (size_t)(end - word) &&
            strncmp(dot + 1, word, (size_t)(end - word)) == 0)
            return arena_printf(arena, "%s%s", names[i], end);
    }
    return diag_nearest(word, names, n);
}

size_t tree_settings(Arena *arena, const Tree *root, const char *const **out) {
    static const char *const always[] = {"train.seed", "train.precision", "train.memory"};
    const Tree *knobs = tree_get(root, "knobs"), *train = tree_get(root, "train"), *maps[] = {knobs, train};
    size_t n = 0, n_always = sizeof always / sizeof *always;
    const char **names =
        ARENA_ARRAY(arena, const char *, (knobs ? knobs->count : 0) + (train ? train->count : 0) + n_always);
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; maps[m] && maps[m]->kind == TREE_MAP && i < maps[m]->count; i++)
            names[n++] = arena_printf(arena, "%s%s", m ? "train." : "", maps[m]->items[i].key->text);
    for (size_t i = 0; i < n_always; i++)
        names[n++] = always[i]; /* whether or not the recipe mentions them */
    *out = names;
    return n;
}

size_t recipe_settings(Arena *arena, const char *path, const char *const **out) {
    Diags *diags = diags_new(arena);
    RecipeSources sources;
    RecipeOptions options = {0};
    recipe_sources(arena, path, &options, &sources); /* its own text is enough: what it uses may be missing */
    if (!sources.count) return 0;
    const RecipeSource *own = &sources.items[0];
    Tree *root =
        tree_parse(arena, diags, diags_add_source(diags, path, own->text, own->size), own->text, own->size);
    return root && root->kind == TREE_MAP ? tree_settings(arena, root, out) : 0;
}
