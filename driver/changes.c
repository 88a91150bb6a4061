/* What differs between two recipes, key by key: see changes.h. */
#include "driver/changes.h"

#include <string.h>

typedef struct {
    Arena *arena;
    const Tree *before, *after; /* the whole recipes */
    Change *items;
    size_t count, capacity;
} Diff;

/* Keys, with all below them, that say how a run is watched and saved, not what it learns. */
static const char *const HARMLESS[] = {
    "about",     "presets",      "metrics",   "values", "embed", "log_images", "train.checkpoint_every",
    "train.knn", "train.memory", "train.stop"};

/* What a key means that is not there. */
static const struct {
    const char *key, *value;
} DEFAULTS[] = {{"train.seed", "0"},         {"train.labels", "1"},
                {"train.precision", "fp32"}, {"train.epochs", "100"},
                {"train.knn.every", "0"},    {"train.checkpoint_every", "1"},
                {"train.knn.k", "20"},       {"train.knn.temperature", "0.07"}};

static bool is_default(Arena *arena, const char *key, const Tree *value) {
    bool all = value && value->kind == TREE_MAP && value->count;
    for (size_t i = 0; all && i < value->count; i++)
        all = is_default(arena, arena_printf(arena, "%s.%s", key, value->items[i].key->text),
                         value->items[i].value);
    if (all) return true;
    for (size_t i = 0; value && value->kind == TREE_SCALAR && i < sizeof DEFAULTS / sizeof *DEFAULTS; i++)
        if (strcmp(key, DEFAULTS[i].key) == 0 && strcmp(value->text, DEFAULTS[i].value) == 0) return true;
    return false;
}

static bool is_below(const char *key, const char *root) {
    size_t n = strlen(root);
    return strncmp(key, root, n) == 0 && (!key[n] || key[n] == '.');
}

static bool same(const Tree *a, const Tree *b) {
    if (!a || !b) return a == b;
    if (a->kind != b->kind || a->count != b->count) return false;
    if (a->kind == TREE_SCALAR)
        return a->quoted == b->quoted && a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
    for (size_t i = 0; i < a->count; i++) {
        const Tree *other = a->kind == TREE_MAP ? tree_get(b, a->items[i].key->text) : b->items[i].value;
        if (!same(a->items[i].value, other)) return false;
    }
    return true;
}

/* A text of one line that ends when it is long; no control character reaches the terminal. */
typedef struct {
    char text[72];
    size_t size;
    bool full;
} Line;

static void add(Line *line, const char *text, size_t size) {
    for (size_t i = 0; i < size && !line->full; i++) {
        unsigned char c = (unsigned char)text[i];
        bool begins = (c & 0xC0) != 0x80; /* a character of UTF-8 */
        if (begins && line->size + 8 > sizeof line->text) {
            line->full = true;
            break;
        }
        line->text[line->size++] = c < ' ' || c == 127 ? ' ' : (char)c;
    }
}

static void add_tree(Line *line, const Tree *tree) {
    if (tree->kind == TREE_SCALAR) {
        add(line, tree->text, tree->size);
        return;
    }
    add(line, tree->kind == TREE_MAP ? "{" : "[", 1);
    for (size_t i = 0; i < tree->count && !line->full; i++) {
        if (i) add(line, ", ", 2);
        if (tree->kind == TREE_MAP) {
            add(line, tree->items[i].key->text, tree->items[i].key->size);
            add(line, ": ", 2);
        }
        add_tree(line, tree->items[i].value);
    }
    add(line, tree->kind == TREE_MAP ? "}" : "]", 1);
}

static const char *short_text(Arena *arena, const Tree *tree) {
    Line line = {.size = 0};
    if (!tree) return "(none)";
    add_tree(&line, tree);
    return arena_printf(arena, "%.*s%s", (int)line.size, line.text, line.full ? "…" : "");
}

/* Whether the key is an option of training, or the knob that it is: `train: {epochs: $NAME}`. */
static bool is_option(const Diff *d, const char *key, const char *option) {
    const Tree *train = tree_get(d->after, "train"), *value = train ? tree_get(train, option) : NULL;
    if (strcmp(key, arena_printf(d->arena, "train.%s", option)) == 0) return true;
    if (!value || value->kind != TREE_SCALAR || value->text[0] != '$') return false;
    return is_below(key, arena_printf(d->arena, "knobs.%s", value->text + 1));
}

/* Whether the key says where a recipe is whose encoder a network is: what is taken of it is compared under
 * `encoders`. */
static bool is_place_of_encoder(const Diff *d, const char *key) {
    const Tree *networks = tree_get(d->after, "networks");
    for (size_t i = 0; networks && networks->kind == TREE_MAP && i < networks->count; i++) {
        const Tree *recipe = tree_get(networks->items[i].value, "recipe");
        if (!recipe || recipe->kind != TREE_SCALAR) continue;
        if (strcmp(key, arena_printf(d->arena, "networks.%s.recipe", networks->items[i].key->text)) == 0)
            return true;
        if (recipe->text[0] == '$' && is_below(key, arena_printf(d->arena, "knobs.%s", recipe->text + 1)))
            return true;
    }
    return false;
}

static ChangeKind kind_of(const Diff *d, const char *key) {
    if (is_place_of_encoder(d, key)) return CHANGE_HARMLESS;
    for (size_t i = 0; i < sizeof HARMLESS / sizeof *HARMLESS; i++)
        if (is_below(key, HARMLESS[i])) return CHANGE_HARMLESS;
    return is_option(d, key, "epochs") || is_option(d, key, "batch") ? CHANGE_EXTENT : CHANGE_MEANING;
}

static void compare(Diff *d, const char *key, const Tree *before, const Tree *after);

static void compare_maps(Diff *d, const char *key, const Tree *before, const Tree *after) {
    for (int turn = 0; turn < 2; turn++) {
        const Tree *map = turn ? after : before, *other = turn ? before : after;
        for (size_t i = 0; i < map->count; i++) {
            const char *name = map->items[i].key->text;
            const Tree *value = map->items[i].value, *there = tree_get(other, name);
            if (turn && there) continue; /* compared already */
            const char *below = key[0] ? arena_printf(d->arena, "%s.%s", key, name) : name;
            compare(d, below, turn ? NULL : value, turn ? value : there);
        }
    }
}

static void compare(Diff *d, const char *key, const Tree *before, const Tree *after) {
    if (same(before, after) || (!before && is_default(d->arena, key, after)) ||
        (!after && is_default(d->arena, key, before)))
        return;
    if (before && after && before->kind == TREE_MAP && after->kind == TREE_MAP) {
        compare_maps(d, key, before, after);
        return;
    }
    size_t n = strlen(key), ending = strlen(".default");
    bool knob = is_below(key, "knobs") && n > ending && strcmp(key + n - ending, ".default") == 0;
    Change change = {.key = knob ? arena_printf(d->arena, "%.*s", (int)(n - ending), key) : key,
                     .kind = kind_of(d, key)};
    change.before = short_text(d->arena, before);
    change.after = short_text(d->arena, after);
    ARENA_PUSH(d->arena, d->items, d->count, d->capacity, change);
}

size_t recipe_changes(Arena *arena, const Tree *before, const Tree *after, const Change **changes) {
    Diff d = {.arena = arena, .before = before, .after = after};
    compare(&d, "", before, after);
    *changes = d.items;
    return d.count;
}
