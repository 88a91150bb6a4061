/* The parameters of an augmentation or a sampler, read from a map of the recipe. */
#include "frontend/read/read.h"

#include <string.h>

/* A number of the tree within its range. */
static bool read_param(ParsedRecipe *recipe, const CatalogParam *p, const Tree *tree, double *out) {
    bool is_int;
    if (!tree_number(recipe, tree, out, &is_int)) return false;
    const char *problem = catalog_range_problem(recipe->arena, p, *out);
    if (problem) tree_error(recipe, tree, "%s", problem);
    return !problem;
}

static bool set_choice(ParsedRecipe *recipe, const CatalogParam *p, const Tree *value, double *out) {
    const char *at = p->choices;
    for (int i = 0; *at; i++) {
        size_t n = strcspn(at, "|");
        if (value->kind == TREE_SCALAR && strlen(value->text) == n && strncmp(at, value->text, n) == 0) {
            *out = i;
            return true;
        }
        at += n + (at[n] == '|');
    }
    diag_error(recipe->diags, value->loc, "%s must be one of %s", p->name, p->choices);
    return false;
}

/* A number for each channel, or one for all. */
static bool set_channels(ParsedRecipe *recipe, const CatalogParam *p, const Tree *value, int channels,
                         double *out) {
    bool list = value->kind == TREE_LIST, one = value->kind == TREE_SCALAR;
    if (list ? (int)value->count != channels : !one) {
        diag_error(recipe->diags, value->loc,
                   "%s takes one number, or a list of %d: one for each channel of the view", p->name,
                   channels);
        return false;
    }
    for (int c = 0; c < channels; c++)
        if (!read_param(recipe, p, list ? value->items[c].value : value, &out[c])) return false;
    return true;
}

static bool set_param(ParsedRecipe *recipe, const CatalogParam *p, const Tree *value, int channels,
                      double *params) {
    double *out = &params[p->slot];
    if (p->by_channel) return set_channels(recipe, p, value, channels, out);
    if (p->is_choice) return set_choice(recipe, p, value, out);
    if (p->is_bool && value->kind == TREE_SCALAR &&
        (!strcmp(value->text, "true") || !strcmp(value->text, "false"))) {
        *out = value->text[0] == 't';
        return true;
    }
    if (value->kind == TREE_LIST && (int)value->count == p->slots) {
        for (int i = 0; i < p->slots; i++)
            if (!read_param(recipe, p, value->items[i].value, &out[i])) return false;
        if (p->slots == 2 && out[0] > out[1]) {
            diag_error(recipe->diags, value->loc, "%s: the lower end comes first", p->name);
            return false;
        }
        return true;
    }
    if (value->kind != TREE_SCALAR) {
        diag_error(recipe->diags, value->loc, "%s takes %d number%s", p->name, p->slots,
                   p->slots > 1 ? "s in a list" : "");
        return false;
    }
    if (!read_param(recipe, p, value, out)) return false;
    if (p->slots == 2) out[1] = out[0];
    return true;
}

bool check_params(ParsedRecipe *recipe, const CatalogRow *row, const Tree *map, const double *params,
                  const Type *type) {
    const char *keys[2], *problem = catalog_problem(recipe->arena, row, params, type, keys);
    if (!problem) return true;
    TreeItem items[4]; /* one or two parameters that the message is about, or one and the last two sizes */
    Tree parts = {.kind = TREE_LIST, .loc = map->loc, .items = items};
    for (int k = 0; k < 2; k++) {
        Tree *value = tree_get(map, keys[k]);
        for (size_t i = 0; value && k == 1 && type && i < value->count; i++)
            if (i + 2 >= value->count) items[parts.count++] = value->items[i];
        if (value && !(k == 1 && type)) items[parts.count++] = (TreeItem){NULL, value};
    }
    tree_error(recipe, &parts, "%s", problem);
    return false;
}

static bool is_passed(const char *const *passed, const char *key) {
    for (; passed && *passed; passed++)
        if (strcmp(*passed, key) == 0) return true;
    return false;
}

/* The default of one channel is the mean of those of three, as 0.449 and 0.226 of ImageNet's. */
static void set_gray_defaults(const CatalogParam *list, int n, double *params) {
    for (int i = 0; i < n; i++)
        if (list[i].by_channel)
            params[list[i].slot] = (list[i].fallback[0] + list[i].fallback[1] + list[i].fallback[2]) / 3;
}

/* What a view of other than three channels cannot have: colours, and defaults that are of three. */
static bool check_channels(ParsedRecipe *recipe, const CatalogRow *row, Loc loc, const Tree *map,
                           const CatalogParam *list, int n, int channels, const double *params) {
    for (int i = 0; i < n && channels != 3; i++) {
        const CatalogParam *p = &list[i];
        const Tree *given = map ? tree_get(map, p->name) : NULL;
        if (p->by_channel && !given && channels != 1) {
            diag_error(recipe->diags, loc,
                       "%s: the default of %s is of 3 channels, the view has %d: give `%s`, one number for "
                       "all or a list",
                       row->name, p->name, channels, p->name);
            return false;
        }
        if (!p->color || params[p->slot] == 0) continue;
        diag_error(recipe->diags, given ? given->loc : loc,
                   "%s: %s is of colours and wants a view of 3 channels, this one has %d: set `%s: 0`%s",
                   row->name, p->name, channels, p->name,
                   strcmp(p->name, "p") == 0 ? ", or leave it out" : "");
        return false;
    }
    return true;
}

bool read_params(ParsedRecipe *recipe, const CatalogRow *row, Loc loc, const Tree *map,
                 const char *const *passed, ParamsOf of, double *params) {
    CatalogParam list[VT_MAX_PARAMS];
    int n = catalog_params(row, list);
    bool good = true;
    catalog_defaults(row, params);
    if (of.channels == 1) set_gray_defaults(list, n, params);
    for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
        const char *key = map->items[i].key->text;
        const Tree *value = map->items[i].value;
        if (is_passed(passed, key)) continue;
        const char *unknown;
        const CatalogParam *p = catalog_param(recipe->arena, row, list, n, key, &unknown);
        if (!p) diag_error(recipe->diags, map->items[i].key->loc, "%s", unknown);
        const Tree *each = p ? tree_get(value, "each") : NULL;
        if (each) {
            if (each->kind != TREE_LIST || (int)each->count != of.copies) {
                diag_error(recipe->diags, each->loc,
                           "`each` wants one value for each of the view's %d copies", of.copies);
                good = false;
                continue;
            }
            value = each->items[of.copy].value;
        }
        good = p && set_param(recipe, p, value, of.channels, params) && good;
    }
    good = good && check_channels(recipe, row, loc, map, list, n, of.channels, params);
    return good && (!map || check_params(recipe, row, map, params, NULL));
}
