/* The section `train`. */
#include "frontend/read/read.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_EPOCHS = 1000000 };

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
                                   "freeze", "checkpoint_every", "knn",  "memory",    "stop"};
static const char *const KNN_KEYS[] = {"every", "k", "temperature"};

bool is_train_option(const char *path) {
    for (size_t i = 0; i < COUNT(KEYS); i++)
        if (strncmp(path, "train.", 6) == 0 && strcmp(path + 6, KEYS[i]) == 0) return true;
    for (size_t i = 0; i < COUNT(KNN_KEYS); i++)
        if (strncmp(path, "train.knn.", 10) == 0 && strcmp(path + 10, KNN_KEYS[i]) == 0) return true;
    return strncmp(path, "train.freeze.", 13) == 0;
}

void read_train(ParsedRecipe *r, const Tree *map) {
    int64_t number;
    bool is_int;
    if (!check_keys(r, map, "train", KEYS, COUNT(KEYS)) && map->kind != TREE_MAP) return;
    if (tree_get(map, "batch") && read_int(r, tree_get(map, "batch"), "batch", 1, 1 << 20, &number))
        r->train.batch = number;
    else if (tree_get(map, "batch"))
        r->no_values = true; /* all sizes depend on it */
    if (tree_get(map, "seed") && read_int(r, tree_get(map, "seed"), "seed", 0, INT64_C(1) << 52, &number))
        r->train.seed = number;
    if (tree_get(map, "epochs"))
        read_real(r, tree_get(map, "epochs"), "epochs", 1e-6, MAX_EPOCHS, &r->train.epochs);
    if (tree_get(map, "checkpoint_every"))
        read_real(r, tree_get(map, "checkpoint_every"), "checkpoint_every", 0, MAX_EPOCHS,
                  &r->train.checkpoint_every);
    const Tree *precision = tree_get(map, "precision"), *knn = tree_get(map, "knn"),
               *freeze = tree_get(map, "freeze");
    if (precision && (precision->kind != TREE_SCALAR || !precision_find(precision->text, &r->precision)))
        diag_error(r->diags, precision->loc, "precision '%s' is not known: fp32, bf16 or bf16x3",
                   precision->kind == TREE_SCALAR ? precision->text : "…");
    if (tree_get(map, "memory")) read_memory(r, tree_get(map, "memory"));
    if (tree_get(map, "optimizer")) r->optimizer = read_expr(r, tree_get(map, "optimizer"), "optimizer");
    if (tree_get(map, "clip")) r->clip = read_expr(r, tree_get(map, "clip"), "clip");
    if (tree_get(map, "stop")) read_stop(r, tree_get(map, "stop"));
    if (freeze) read_entries(r, freeze, "freeze", &r->freeze);
    if (!knn || !check_keys(r, knn, "knn", KNN_KEYS, COUNT(KNN_KEYS))) return;
    const Tree *every = tree_get(knn, "every"), *temperature = tree_get(knn, "temperature");
    if (every && tree_number(r, every, &r->train.knn_every, &is_int) &&
        !(r->train.knn_every >= 0 && r->train.knn_every <= MAX_EPOCHS))
        diag_error(r->diags, every->loc, "knn: every is a number of epochs, or 0 for never, not %g",
                   r->train.knn_every);
    double *t = &r->train.knn_temperature;
    if (temperature && tree_number(r, temperature, t, &is_int) && !(*t >= 1e-4 && *t <= 1e4))
        diag_error(r->diags, temperature->loc,
                   "knn: temperature %g: a number from 0.0001 to 10000 was expected", *t);
    if (tree_get(knn, "k") && read_int(r, tree_get(knn, "k"), "k", 1, 100000, &number))
        r->train.knn_k = (int32_t)number;
}
