/* What of a recipe can be set: its knobs and the options of `train`, and the one that a word may have meant. */
#include "frontend/text/settings.h"
#include "frontend/text/base.h"
#include "ir/base/stream.h"

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

/* Its own text, and those of recipes that it begins with, are enough: what they use may be missing. NULL: it cannot be
 * read. */
static Tree *read_own(Arena *arena, const char *path, const char *models_dir) {
    Diags *diags = diags_new(arena);
    size_t size;
    const char *text = path ? stream_read_file(arena, path, (size_t)16 << 20, &size) : NULL;
    Tree *root =
        text ? tree_parse(arena, diags, diags_add_source(diags, path, text, size), text, size) : NULL;
    if (!root || root->kind != TREE_MAP) return NULL;
    RecipeBases bases;
    Tree *whole = tree_on_bases(arena, diags, path, models_dir, root, &bases);
    return whole ? whole : root;
}

size_t recipe_settings(Arena *arena, const char *path, const char *models_dir, const char *const **out) {
    Tree *root = read_own(arena, path, models_dir);
    return root ? tree_settings(arena, root, out) : 0;
}

/* ---- what the recipe says of them -------------------------------------------------------------------------------- */

/* A scalar, or a list of them; "" for what is longer. */
static const char *short_text(Arena *arena, const Tree *value) {
    const char *text = "[";
    if (!value || value->kind == TREE_MAP) return "";
    if (value->kind == TREE_SCALAR) return value->block || value->lines ? "" : value->text;
    for (size_t i = 0; i < value->count; i++) {
        const Tree *item = value->items[i].value;
        if (item->kind != TREE_SCALAR) return "";
        text = arena_printf(arena, "%s%s%s", text, i ? "," : "", item->text);
    }
    return arena_printf(arena, "%s]", text);
}

static bool is_word(const Tree *tree, const char *word) {
    return tree && tree->kind == TREE_SCALAR && strcmp(tree->text, word) == 0;
}

/* The scalars of a list, or the keys of a map. */
static void take_choices(Arena *arena, const Tree *tree, RecipeSetting *row) {
    const char **choices = ARENA_ARRAY(arena, const char *, tree->count);
    row->choices = choices;
    for (size_t i = 0; i < tree->count; i++) {
        const Tree *choice = tree->kind == TREE_MAP ? tree->items[i].key : tree->items[i].value;
        if (choice->kind == TREE_SCALAR) choices[row->n_choices++] = choice->text;
    }
}

static const Tree *option_of(const Tree *root, const char *name) {
    return strncmp(name, "train.", 6) == 0 ? tree_get(tree_get(root, "train"), name + 6) : NULL;
}

static RecipeSetting setting_row(Arena *arena, const Tree *root, const char *name) {
    static const char *const truths[] = {"false", "true"}, *const precisions[] = {"fp32", "bf16", "bf16x3"};
    const Tree *option = option_of(root, name),
               *form = option ? option : tree_get(tree_get(root, "knobs"), name);
    bool full = !option && form && form->kind == TREE_MAP;
    const Tree *value = full ? tree_get(form, "default") : form;
    const char *help = full ? short_text(arena, tree_get(form, "help")) : "";
    RecipeSetting row = {.name = name, .value = short_text(arena, value), .help = help};
    if (full && tree_get(form, "choices"))
        take_choices(arena, tree_get(form, "choices"), &row);
    else if (strcmp(name, "train.precision") == 0)
        row.choices = precisions, row.n_choices = 3;
    else if (is_word(value, "true") || is_word(value, "false"))
        row.choices = truths, row.n_choices = 2;
    return row;
}

typedef struct {
    RecipeSetting *items;
    size_t count, capacity;
} SettingRows;

/* An option that is a map is set a key at a time: train.knn.every. */
static void add_map(Arena *arena, SettingRows *rows, const char *name, const Tree *map) {
    for (size_t i = 0; i < map->count; i++) {
        const char *key = map->items[i].key->text;
        RecipeSetting row = {.value = short_text(arena, map->items[i].value), .help = ""};
        if (strchr(key, '.')) continue; /* a pattern of names */
        row.name = arena_printf(arena, "%s.%s", name, key);
        ARENA_PUSH(arena, rows->items, rows->count, rows->capacity, row);
    }
}

size_t recipe_setting_rows(Arena *arena, const char *path, const char *models_dir,
                           const RecipeSetting **out) {
    const char *const *names;
    const Tree *root = read_own(arena, path, models_dir), *presets = root ? tree_get(root, "presets") : NULL;
    size_t n = root ? tree_settings(arena, root, &names) : 0;
    SettingRows rows = {0};
    if (presets && presets->kind == TREE_MAP) {
        RecipeSetting row = {.name = "preset", .value = "", .help = "several knobs at once"};
        take_choices(arena, presets, &row);
        ARENA_PUSH(arena, rows.items, rows.count, rows.capacity, row);
    }
    for (size_t i = 0; i < n; i++) {
        bool again = false; /* train.seed where the recipe has it too */
        const Tree *option = option_of(root, names[i]);
        for (size_t k = 0; k < rows.count; k++) again = again || strcmp(rows.items[k].name, names[i]) == 0;
        if (again) continue;
        if (option && option->kind == TREE_MAP)
            add_map(arena, &rows, names[i], option);
        else {
            RecipeSetting row = setting_row(arena, root, names[i]);
            ARENA_PUSH(arena, rows.items, rows.count, rows.capacity, row);
        }
    }
    *out = rows.items;
    return rows.count;
}
