/* The catalogue of augmentations and samplers (runtime/catalog.def): recipes are checked against its parameter lists. */
#include "frontend/recipe/recipe.h"

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
    char other[32]; /* of this row, which the value must not be below */
    bool strictly, upper,
        divides; /* above it; an upper end above 0; the draw's last two axes are multiples of it */
} Param;

/* What stands behind the range: "> other", ">= other", "upper > 0", "divides". */
static void parse_relation(const char *text, size_t size, Param *p) {
    char words[64] = {0};
    memcpy(words, text, size < sizeof words - 1 ? size : sizeof words - 1);
    p->divides = strcmp(words, " divides") == 0;
    p->upper = strcmp(words, " upper > 0") == 0;
    p->strictly = strncmp(words, " > ", 3) == 0;
    if (p->strictly || strncmp(words, " >= ", 4) == 0)
        snprintf(p->other, sizeof p->other, "%s", words + (p->strictly ? 3 : 4));
}

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
                p->high = strtod(dots + 2, &at);
            }
            parse_relation(at, (size_t)(spec + end - at), p);
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

/* What is wrong with a number for this parameter; NULL: nothing. */
static const char *range_problem(ParsedRecipe *recipe, const Param *p, double value) {
    if (!isfinite(value)) return arena_printf(recipe->arena, "%s is not a finite number", p->name);
    if (p->is_int && value != floor(value))
        return arena_printf(recipe->arena, "%s = %.15g must be a whole number", p->name, value);
    if (value >= p->low && value <= p->high) return NULL;
    return arena_printf(recipe->arena, "%s = %.15g is outside %.10g..%.10g", p->name, value, p->low, p->high);
}

/* A number of the tree within its range. */
static bool read_param(ParsedRecipe *recipe, const Param *p, const Tree *tree, double *out) {
    bool is_int;
    if (!tree_number(recipe, tree, out, &is_int)) return false;
    const char *problem = range_problem(recipe, p, *out);
    if (problem) tree_error(recipe, tree, "%s", problem);
    return !problem;
}

const char *catalog_problem(ParsedRecipe *recipe, bool sampler, int row, const double *params,
                            const Type *type, const char *keys[2]) {
    Param list[VT_MAX_PARAMS];
    int n = parse_params(row_params(sampler, row), list);
    for (int i = 0; i < n; i++) {
        const Param *p = &list[i];
        double value = params[p->slot];
        keys[0] = p->name;
        keys[1] = *p->other ? p->other : "shape";
        for (int k = 0; k < 2; k++) keys[k] = arena_strdup(recipe->arena, keys[k]);
        if (p->upper && params[p->slot + 1] <= 0)
            return arena_printf(recipe->arena, "%s: the upper end must be above 0", p->name);
        for (int k = 0; *p->other && k < n; k++) {
            double other = params[list[k].slot];
            if (strcmp(list[k].name, p->other) != 0 || (p->strictly ? value > other : value >= other))
                continue;
            return arena_printf(recipe->arena, "%s = %.15g must %s %s = %.15g", p->name, value,
                                p->strictly ? "be above" : "not be below", p->other, other);
        }
        if (!p->divides || !type) continue;
        if (type->rank < 2)
            return arena_printf(recipe->arena, "%s fills planes: a shape of 2 axes or more is wanted, not %s",
                                row_name(sampler, row), type_text(recipe->arena, type));
        int64_t h = type->dim[type->rank - 2], w = type->dim[type->rank - 1], unit = (int64_t)value;
        if (h % unit || w % unit)
            return arena_printf(recipe->arena, "%s = %lld does not divide the plane of %lld × %lld", p->name,
                                (long long)unit, (long long)h, (long long)w);
    }
    return NULL;
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
    if (value->kind != TREE_SCALAR || p->slots == 3) {
        diag_error(recipe->diags, value->loc, "%s takes %d number%s", p->name, p->slots,
                   p->slots > 1 ? "s in a list" : "");
        return false;
    }
    if (!read_param(recipe, p, value, out)) return false;
    if (p->slots == 2) out[1] = out[0];
    return true;
}

/* NULL, and what to tell, if the row has none of that name. */
static const Param *find_param(ParsedRecipe *recipe, bool sampler, int row, const Param *list, int n,
                               const char *key, const char **problem) {
    const char *names[VT_MAX_PARAMS];
    for (int i = 0; i < n; i++) {
        names[i] = list[i].name;
        if (strcmp(list[i].name, key) == 0) return &list[i];
    }
    const char *near = diag_nearest(key, names, (size_t)n);
    *problem = arena_printf(recipe->arena, "%s has no parameter '%s'%s%s%s", row_name(sampler, row), key,
                            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
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
        const char *unknown;
        const Param *p = find_param(recipe, sampler, row, list, n, key, &unknown);
        if (!p) diag_error(recipe->diags, map->items[i].key->loc, "%s", unknown);
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
    return good && (!map || catalog_check(recipe, sampler, row, map, params, NULL));
}

bool catalog_check(ParsedRecipe *recipe, bool sampler, int row, const Tree *map, const double *params,
                   const Type *type) {
    const char *keys[2], *problem = catalog_problem(recipe, sampler, row, params, type, keys);
    if (!problem) return true;
    TreeItem items[4]; /* what the message is about: one or two parameters, the last two sizes */
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

const char *catalog_set(ParsedRecipe *recipe, bool sampler, int row, const char *key, double value,
                        double *params) {
    Param list[VT_MAX_PARAMS];
    int n = parse_params(row_params(sampler, row), list);
    const char *unknown;
    const Param *p = find_param(recipe, sampler, row, list, n, key, &unknown);
    const char *problem = p ? range_problem(recipe, p, value) : unknown;
    if (!problem) params[p->slot] = value;
    return problem;
}
