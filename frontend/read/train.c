/* The section `train`. */
#include "frontend/read/read.h"
#include "frontend/recipe/scalars.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_EPOCHS = 1000000, MAX_NEIGHBOURS = 100000 };
#define MAX_SEED (INT64_C(1) << 52)
#define LEAST_EPOCHS 1e-6
#define LEAST_SHARE 1e-9
#define LEAST_TEMPERATURE 1e-4
#define MOST_TEMPERATURE 1e4

/* "600MB", "1.5 GiB": a number and its unit. */
static void read_memory(ParsedRecipe *r, const Tree *tree) {
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"B", 1},         {"kB", 1e3},      {"MB", 1e6},     {"GB", 1e9},
                 {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    const char *text = tree->kind == TREE_SCALAR ? tree->text : "";
    char *end;
    double number = strtod(text, &end), bytes = 0;
    while (*end == ' ') end++;
    for (size_t i = 0; i < COUNT(units); i++)
        if (strcmp(end, units[i].name) == 0) bytes = number * units[i].bytes;
    if (bytes >= 1 && bytes <= 0x1p53 && *text >= '0' && *text <= '9') {
        r->memory_limit = (int64_t)bytes;
        r->memory_loc = tree->loc;
    } else
        diag_error(r->diags, tree->loc,
                   "memory '%s' is no limit: a number and a unit were expected, as 600MB (B, kB, MB, GB, "
                   "KiB, MiB, GiB)",
                   tree->kind == TREE_SCALAR ? tree->text : "…");
}

static const char *const KEYS[] = {"batch",  "epochs",           "seed", "precision", "optimizer", "clip",
                                   "freeze", "checkpoint_every", "knn",  "memory",    "stop",      "repeat",
                                   "labels"};
static const char *const KNN_KEYS[] = {"every", "k", "temperature"};

bool is_train_option(const char *path) {
    for (size_t i = 0; i < COUNT(KEYS); i++)
        if (strncmp(path, "train.", 6) == 0 && strcmp(path + 6, KEYS[i]) == 0) return true;
    for (size_t i = 0; i < COUNT(KNN_KEYS); i++)
        if (strncmp(path, "train.knn.", 10) == 0 && strcmp(path + 10, KNN_KEYS[i]) == 0) return true;
    return strncmp(path, "train.freeze.", 13) == 0;
}

/* ---- options that may be others when the program runs ------------------------------------------------------------ */

static const struct {
    const char *key, *help;
    double least, most;
    bool whole, extent;
    int sets;
} OPTIONS[] = {
    {"train.epochs", "how long to train", LEAST_EPOCHS, MAX_EPOCHS, false, true, VT_SETS_EPOCHS},
    {"train.seed", "of all that is drawn at random", 0, (double)MAX_SEED, true, false, VT_SETS_SEED},
    {"train.checkpoint_every", "epochs; 0: at the end alone", 0, MAX_EPOCHS, false, false,
     VT_SETS_CHECKPOINT_EVERY},
    {"train.knn.every", "epochs; 0: never", 0, MAX_EPOCHS, false, false, VT_SETS_KNN_EVERY},
    {"train.knn.k", "neighbours that vote", 1, MAX_NEIGHBOURS, true, false, VT_SETS_KNN_K},
    {"train.knn.temperature", "of their votes", LEAST_TEMPERATURE, MOST_TEMPERATURE, false, false,
     VT_SETS_KNN_TEMPERATURE},
};

/* The knob that an option is, if it is that alone: `$epochs`. */
static const Knob *knob_of(const ParsedRecipe *r, const Tree *tree) {
    const Knob *knob = tree && is_formula(tree) ? knob_find(r, tree->text + 1) : NULL;
    return knob && knob->scalar ? knob : NULL;
}

/* An option that is about to be read: it leaves such a knob as free as it is. */
static const Tree *option(ParsedRecipe *r, const Tree *tree) {
    r->scalars->reading = tree && tree->kind == TREE_SCALAR && knob_of(r, tree);
    return tree;
}

static double value_of_option(const VtTrain *t, int sets) {
    switch (sets) {
    case VT_SETS_EPOCHS: return t->epochs;
    case VT_SETS_SEED: return (double)t->seed;
    case VT_SETS_CHECKPOINT_EVERY: return t->checkpoint_every;
    case VT_SETS_KNN_EVERY: return t->knn_every;
    case VT_SETS_KNN_K: return t->knn_k;
    default: return t->knn_temperature;
    }
}

void offer_options(ParsedRecipe *r, const Tree *map) {
    const Tree *knn = tree_get(map, "knn");
    for (size_t i = 0; i < COUNT(OPTIONS); i++) {
        const char *key = OPTIONS[i].key, *name = strrchr(key, '.') + 1;
        const Tree *tree = tree_get(strncmp(key, "train.knn.", 10) == 0 ? knn : map, name);
        const Knob *knob = tree && tree->kind == TREE_SCALAR ? knob_of(r, tree) : NULL;
        VtSetting setting = {.key = key,
                             .help = OPTIONS[i].help,
                             .value = value_of_option(&r->train, OPTIONS[i].sets),
                             .least = OPTIONS[i].least,
                             .most = OPTIONS[i].most,
                             .whole = OPTIONS[i].whole,
                             .extent = OPTIONS[i].extent,
                             .sets = OPTIONS[i].sets};
        int number;
        uint32_t scalar = scalars_candidate(r, &setting, &number);
        if (knob) r->scalars->candidates[number].follows = r->scalars->items[knob->scalar - 1].a;
        if (setting.sets == VT_SETS_EPOCHS) r->epochs_scalar = scalar;
    }
}

/* ---- the section ------------------------------------------------------------------------------------------------- */

static void read_knn(ParsedRecipe *r, const Tree *knn) {
    int64_t number;
    bool is_int;
    if (!check_keys(r, knn, "knn", KNN_KEYS, COUNT(KNN_KEYS))) return;
    const Tree *every = tree_get(knn, "every"), *temperature = tree_get(knn, "temperature");
    if (every && tree_number(r, option(r, every), &r->train.knn_every, &is_int) &&
        !(r->train.knn_every >= 0 && r->train.knn_every <= MAX_EPOCHS))
        diag_error(r->diags, every->loc, "knn: every is a number of epochs, or 0 for never, not %g",
                   r->train.knn_every);
    double *t = &r->train.knn_temperature;
    if (temperature && tree_number(r, option(r, temperature), t, &is_int) &&
        !(*t >= LEAST_TEMPERATURE && *t <= MOST_TEMPERATURE))
        diag_error(r->diags, temperature->loc,
                   "knn: temperature %g: a number from 0.0001 to 10000 was expected", *t);
    if (tree_get(knn, "k") && read_int(r, option(r, tree_get(knn, "k")), "k", 1, MAX_NEIGHBOURS, &number))
        r->train.knn_k = (int32_t)number;
}

/* A share, "0.1" or "10%". */
static void read_labels(ParsedRecipe *r, const Tree *tree) {
    const char *percent = tree->kind == TREE_SCALAR ? strchr(tree->text, '%') : NULL;
    char *end;
    double share = percent ? strtod(tree->text, &end) / 100 : 0;
    bool is_int, good = percent ? end == percent && !percent[1] : tree_number(r, tree, &share, &is_int);
    if (!percent && !good) return;
    if (good && share >= LEAST_SHARE && share <= 1)
        r->train.labels = share < 1 ? share : 0;
    else
        diag_error(r->diags, tree->loc, "labels is a share above 0 and up to 1, as 0.1 or 10%%");
}

void read_train(ParsedRecipe *r, const Tree *map) {
    int64_t number;
    if (!check_keys(r, map, "train", KEYS, COUNT(KEYS)) && map->kind != TREE_MAP) return;
    if (tree_get(map, "batch") && read_int(r, tree_get(map, "batch"), "batch", 1, 1 << 20, &number))
        r->train.batch = number;
    else if (tree_get(map, "batch"))
        r->no_values = true; /* all sizes depend on it */
    if (tree_get(map, "repeat")) read_int(r, tree_get(map, "repeat"), "repeat", 1, MAX_REPEAT, &r->repeat);
    if (tree_get(map, "seed") && read_int(r, option(r, tree_get(map, "seed")), "seed", 0, MAX_SEED, &number))
        r->train.seed = number;
    if (tree_get(map, "epochs"))
        read_real(r, option(r, tree_get(map, "epochs")), "epochs", LEAST_EPOCHS, MAX_EPOCHS,
                  &r->train.epochs);
    if (tree_get(map, "checkpoint_every"))
        read_real(r, option(r, tree_get(map, "checkpoint_every")), "checkpoint_every", 0, MAX_EPOCHS,
                  &r->train.checkpoint_every);
    const Tree *precision = tree_get(map, "precision"), *knn = tree_get(map, "knn"),
               *freeze = tree_get(map, "freeze");
    if (precision && (precision->kind != TREE_SCALAR || !precision_find(precision->text, &r->precision)))
        diag_error(r->diags, precision->loc, "precision '%s' is not known: fp32, bf16 or bf16x3",
                   precision->kind == TREE_SCALAR ? precision->text : "…");
    if (tree_get(map, "labels")) read_labels(r, tree_get(map, "labels"));
    if (tree_get(map, "memory")) read_memory(r, tree_get(map, "memory"));
    if (tree_get(map, "optimizer")) r->optimizer = read_expr(r, tree_get(map, "optimizer"), "optimizer");
    if (tree_get(map, "clip")) r->clip = read_expr(r, tree_get(map, "clip"), "clip");
    if (tree_get(map, "stop")) read_stop(r, tree_get(map, "stop"));
    if (freeze) read_entries(r, freeze, "freeze", &r->freeze);
    if (knn) read_knn(r, knn);
    r->scalars->reading = false;
}
