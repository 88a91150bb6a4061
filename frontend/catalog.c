/* The catalogue of augmentations and samplers (runtime/catalog.def): recipes are checked against its parameter lists. */
#include "frontend/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *params;
} AUGMENTS[] =
    {
#define AUGMENT(name, params, doc) {#name, params},
#include "runtime/catalog.def"
#undef AUGMENT
},
  SAMPLERS[] = {
#define SAMPLER(name, params, doc) {#name, params},
#include "runtime/catalog.def"
#undef SAMPLER
};
enum { N_AUGMENTS = sizeof AUGMENTS / sizeof *AUGMENTS, N_SAMPLERS = sizeof SAMPLERS / sizeof *SAMPLERS };

static const char *row_params(bool sampler, int row) {
    return sampler ? SAMPLERS[row].params : AUGMENTS[row].params;
}
static const char *row_name(bool sampler, int row) {
    return sampler ? SAMPLERS[row].name : AUGMENTS[row].name;
}

const char *const *catalog_names(bool samplers, size_t *n) {
    static const char *names[2][N_AUGMENTS > N_SAMPLERS ? N_AUGMENTS : N_SAMPLERS];
    *n = samplers ? N_SAMPLERS : N_AUGMENTS;
    for (size_t i = 0; i < *n; i++) names[samplers][i] = row_name(samplers, (int)i);
    return names[samplers];
}

static int find(bool samplers, const char *name) {
    size_t n;
    const char *const *names = catalog_names(samplers, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return (int)i;
    return -1;
}

int catalog_augment(const char *name) {
    return find(false, name);
}
int catalog_sampler(const char *name) {
    return find(true, name);
}

/* One parameter of a row: "name:kind=default in low..high". */
typedef struct {
    char name[32], choices[64];
    int slot, slots;
    bool is_int, is_bool, is_choice;
    double fallback[3], low, high;
} Param;

static int parse_params(const char *spec, Param *out) {
    int n = 0, slot = 0;
    while (*spec) {
        while (*spec == ' ' || *spec == ';') spec++;
        if (!*spec) break;
        Param *p = &out[n++];
        *p = (Param){.slot = slot, .slots = 1, .low = -INFINITY, .high = INFINITY};
        size_t length = strcspn(spec, ":");
        memcpy(p->name, spec, length);
        spec += length + 1;
        length = strcspn(spec, "=");
        p->is_int = strncmp(spec, "int", 3) == 0;
        p->is_bool = strncmp(spec, "bool", 4) == 0;
        p->is_choice = strncmp(spec, "choice", 6) == 0;
        if (strncmp(spec, "range", 5) == 0) p->slots = 2;
        if (strncmp(spec, "triple", 6) == 0) p->slots = 3;
        spec += length + 1;
        size_t end = strcspn(spec, ";");
        if (p->is_choice)
            memcpy(p->choices, spec, end < 63 ? end : 63);
        else {
            char *at = (char *)spec;
            for (int i = 0; i < p->slots; i++) {
                p->fallback[i] = strtod(at, &at);
                if (*at == ',') at++;
            }
            if (strncmp(at, " in ", 4) == 0) {
                char low[32] = {0};
                const char *dots = strstr(at, "..");
                memcpy(low, at + 4, (size_t)(dots - at - 4));
                p->low = strtod(low, NULL);
                p->high = strtod(dots + 2, NULL);
            }
        }
        slot += p->slots;
        spec += end;
    }
    return n;
}

void catalog_defaults(bool sampler, int row, double *params) {
    Param list[VT_MAX_PARAMS];
    int n = parse_params(row_params(sampler, row), list);
    memset(params, 0, sizeof(double) * VT_MAX_PARAMS);
    for (int i = 0; i < n; i++)
        memcpy(&params[list[i].slot], list[i].fallback, sizeof(double) * (size_t)list[i].slots);
}

static bool check_range(ParsedRecipe *recipe, const Param *p, double value, Loc loc) {
    if (p->is_int && value != floor(value)) {
        diag_error(recipe->diags, loc, "%s must be a whole number", p->name);
        return false;
    }
    if (value >= p->low && value <= p->high) return true;
    diag_error(recipe->diags, loc, "%s = %g is outside %g..%g", p->name, value, p->low, p->high);
    return false;
}

static bool set_choice(ParsedRecipe *recipe, const Param *p, const Tree *value, double *out) {
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

static bool set_param(ParsedRecipe *recipe, const Param *p, const Tree *value, double *params) {
    double *out = &params[p->slot];
    bool is_int;
    if (p->is_choice) return set_choice(recipe, p, value, out);
    if (p->is_bool && value->kind == TREE_SCALAR &&
        (!strcmp(value->text, "true") || !strcmp(value->text, "false"))) {
        *out = value->text[0] == 't';
        return true;
    }
    if (value->kind == TREE_LIST && (int)value->count == p->slots) {
        for (int i = 0; i < p->slots; i++)
            if (!tree_number(recipe, value->items[i].value, &out[i], &is_int) ||
                !check_range(recipe, p, out[i], value->items[i].value->loc))
                return false;
        if (p->slots == 2 && out[0] > out[1]) {
            diag_error(recipe->diags, value->loc, "%s: the lower end comes first", p->name);
            return false;
        }
        return true;
    }
    if (value->kind != TREE_SCALAR || p->slots == 3) {
        diag_error(recipe->diags, value->loc, "%s takes %d number%s", p->name, p->slots,
                   p->slots > 1 ? "s in a list" : "");
        return false;
    }
    if (!tree_number(recipe, value, out, &is_int) || !check_range(recipe, p, *out, value->loc)) return false;
    if (p->slots == 2) out[1] = out[0];
    return true;
}

static const Param *find_param(ParsedRecipe *recipe, bool sampler, int row, const Param *list, int n,
                               const char *key, Loc loc) {
    const char *names[VT_MAX_PARAMS];
    for (int i = 0; i < n; i++) {
        names[i] = list[i].name;
        if (strcmp(list[i].name, key) == 0) return &list[i];
    }
    const char *near = diag_nearest(key, names, (size_t)n);
    diag_error(recipe->diags, loc, "%s has no parameter '%s'%s%s%s", row_name(sampler, row), key,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

/* Of a range that is given by two parameters. */
static bool check_order(ParsedRecipe *recipe, const Param *list, int n, const double *params, Loc loc) {
    double low = -INFINITY, high = INFINITY;
    for (int i = 0; i < n; i++) {
        if (strcmp(list[i].name, "low") == 0) low = params[list[i].slot];
        if (strcmp(list[i].name, "high") == 0) high = params[list[i].slot];
    }
    if (low < high) return true;
    diag_error(recipe->diags, loc, "low = %g must be below high = %g", low, high);
    return false;
}

bool catalog_order(ParsedRecipe *recipe, bool sampler, int row, const double *params, Loc loc) {
    Param list[VT_MAX_PARAMS];
    return check_order(recipe, list, parse_params(row_params(sampler, row), list), params, loc);
}

bool catalog_params(ParsedRecipe *recipe, bool sampler, int row, const Tree *map, int copy, int copies,
                    double *params) {
    Param list[VT_MAX_PARAMS];
    int n = parse_params(row_params(sampler, row), list);
    bool good = true;
    catalog_defaults(sampler, row, params);
    for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
        const char *key = map->items[i].key->text;
        const Tree *value = map->items[i].value;
        if (sampler && (!strcmp(key, "sampler") || !strcmp(key, "shape") || !strcmp(key, "count"))) continue;
        const Param *p = find_param(recipe, sampler, row, list, n, key, map->items[i].key->loc);
        const Tree *each = p ? tree_get(value, "each") : NULL;
        if (each) {
            if (each->kind != TREE_LIST || (int)each->count != copies) {
                diag_error(recipe->diags, each->loc,
                           "`each` wants one value for each of the view's %d copies", copies);
                good = false;
                continue;
            }
            value = each->items[copy].value;
        }
        good = p && set_param(recipe, p, value, params) && good;
    }
    return good && check_order(recipe, list, n, params, map ? map->loc : (Loc){0, 0, 0});
}

bool catalog_set(ParsedRecipe *recipe, bool sampler, int row, const char *key, double value, Loc loc,
                 double *params) {
    Param list[VT_MAX_PARAMS];
    int n = parse_params(row_params(sampler, row), list);
    const Param *p = find_param(recipe, sampler, row, list, n, key, loc);
    if (!p || !check_range(recipe, p, value, loc)) return false;
    params[p->slot] = value;
    return true;
}
