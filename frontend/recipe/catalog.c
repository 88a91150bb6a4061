/* The catalogue of augmentations and samplers: names, element types, and the numbers that their parameters may be. */
#include "frontend/recipe/catalog.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const CatalogRow AUGMENT_ROWS[] =
    {
#define AUGMENT(name, params, doc) {#name, params, DT_F32},
#include "runtime/catalog.def"
#undef AUGMENT
},
                        SAMPLER_ROWS[] = {
#define f32 DT_F32
#define i32 DT_I32
#define SAMPLER(name, dtype, params, doc) {#name, params, dtype},
#include "runtime/catalog.def"
#undef SAMPLER
#undef f32
#undef i32
};
enum {
    N_AUGMENTS = sizeof AUGMENT_ROWS / sizeof *AUGMENT_ROWS,
    N_SAMPLERS = sizeof SAMPLER_ROWS / sizeof *SAMPLER_ROWS,
    N_MOST = N_AUGMENTS > N_SAMPLERS ? N_AUGMENTS : N_SAMPLERS
};

const CatalogRow *catalog_row(CatalogTable table, int row) {
    return table == SAMPLERS ? &SAMPLER_ROWS[row] : &AUGMENT_ROWS[row];
}

const char *const *catalog_names(CatalogTable table, size_t *n) {
    static const char *names[2][N_MOST];
    *n = table == SAMPLERS ? N_SAMPLERS : N_AUGMENTS;
    for (size_t i = 0; i < *n; i++) names[table][i] = catalog_row(table, (int)i)->name;
    return names[table];
}

int catalog_find(CatalogTable table, const char *name) {
    size_t n;
    const char *const *names = catalog_names(table, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return (int)i;
    return -1;
}

/* What stands behind the range: "> other", ">= other", "upper > 0", "divides". */
static void parse_relation(const char *text, size_t size, CatalogParam *p) {
    char words[64] = {0};
    memcpy(words, text, size < sizeof words - 1 ? size : sizeof words - 1);
    p->divides = strcmp(words, " divides") == 0;
    p->upper = strcmp(words, " upper > 0") == 0;
    p->color = strcmp(words, " colour") == 0;
    p->strictly = strncmp(words, " > ", 3) == 0;
    if (p->strictly || strncmp(words, " >= ", 4) == 0)
        snprintf(p->other, sizeof p->other, "%s", words + (p->strictly ? 3 : 4));
}

int catalog_params(const CatalogRow *row, CatalogParam out[VT_MAX_PARAMS]) {
    int n = 0, slot = 0;
    const char *spec = row->params;
    while (*spec) {
        while (*spec == ' ' || *spec == ';') spec++;
        if (!*spec) break;
        CatalogParam *p = &out[n++];
        *p = (CatalogParam){.slot = slot, .slots = 1, .low = -INFINITY, .high = INFINITY};
        size_t length = strcspn(spec, ":");
        memcpy(p->name, spec, length);
        spec += length + 1;
        length = strcspn(spec, "=");
        p->is_int = strncmp(spec, "int", 3) == 0;
        p->is_bool = strncmp(spec, "bool", 4) == 0;
        p->is_choice = strncmp(spec, "choice", 6) == 0;
        if (strncmp(spec, "range", 5) == 0) p->slots = 2;
        p->by_channel = strncmp(spec, "channels", 8) == 0;
        if (p->by_channel) p->slots = VT_MAX_CHANNELS;
        spec += length + 1;
        size_t end = strcspn(spec, ";");
        if (p->is_choice)
            memcpy(p->choices, spec, end < 63 ? end : 63);
        else {
            char *at = (char *)spec;
            for (int i = 0; i < (p->by_channel ? 3 : p->slots); i++) {
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

void catalog_defaults(const CatalogRow *row, double *params) {
    CatalogParam list[VT_MAX_PARAMS];
    int n = catalog_params(row, list);
    memset(params, 0, sizeof(double) * VT_MAX_PARAMS);
    for (int i = 0; i < n; i++)
        memcpy(&params[list[i].slot], list[i].fallback,
               sizeof(double) * (size_t)(list[i].by_channel ? 3 : list[i].slots));
}

const char *catalog_range_problem(Arena *arena, const CatalogParam *p, double value) {
    if (!isfinite(value)) return arena_printf(arena, "%s is not a finite number", p->name);
    if (p->is_int && value != floor(value))
        return arena_printf(arena, "%s = %.15g must be a whole number", p->name, value);
    if (value >= p->low && value <= p->high) return NULL;
    return arena_printf(arena, "%s = %.15g is outside %.10g..%.10g", p->name, value, p->low, p->high);
}

const CatalogParam *catalog_param(Arena *arena, const CatalogRow *row, const CatalogParam *list, int n,
                                  const char *key, const char **problem) {
    const char *names[VT_MAX_PARAMS];
    for (int i = 0; i < n; i++) {
        names[i] = list[i].name;
        if (strcmp(list[i].name, key) == 0) return &list[i];
    }
    const char *near = diag_nearest(key, names, (size_t)n);
    *problem = arena_printf(arena, "%s has no parameter '%s'%s%s%s", row->name, key,
                            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

const char *catalog_problem(Arena *arena, const CatalogRow *row, const double *params, const Type *type,
                            const char *keys[2]) {
    CatalogParam list[VT_MAX_PARAMS];
    int n = catalog_params(row, list);
    for (int i = 0; i < n; i++) {
        const CatalogParam *p = &list[i];
        double value = params[p->slot];
        keys[0] = p->name;
        keys[1] = *p->other ? p->other : "shape";
        for (int k = 0; k < 2; k++) keys[k] = arena_strdup(arena, keys[k]);
        if (p->upper && params[p->slot + 1] <= 0)
            return arena_printf(arena, "%s: the upper end must be above 0", p->name);
        for (int k = 0; *p->other && k < n; k++) {
            double other = params[list[k].slot];
            if (strcmp(list[k].name, p->other) != 0 || (p->strictly ? value > other : value >= other))
                continue;
            return arena_printf(arena, "%s = %.15g must %s %s = %.15g", p->name, value,
                                p->strictly ? "be above" : "not be below", p->other, other);
        }
        if (!p->divides || !type) continue;
        if (type->rank < 2)
            return arena_printf(arena, "%s fills planes: a shape of 2 axes or more is wanted, not %s",
                                row->name, type_text(arena, type));
        int64_t h = type->dim[type->rank - 2], w = type->dim[type->rank - 1], unit = (int64_t)value;
        if (h % unit || w % unit)
            return arena_printf(arena, "%s = %lld does not divide the plane of %lld × %lld", p->name,
                                (long long)unit, (long long)h, (long long)w);
    }
    return NULL;
}

const char *catalog_set(Arena *arena, const CatalogRow *row, const char *key, double value, double *params) {
    CatalogParam list[VT_MAX_PARAMS];
    int n = catalog_params(row, list);
    const char *unknown;
    const CatalogParam *p = catalog_param(arena, row, list, n, key, &unknown);
    const char *problem = p ? catalog_range_problem(arena, p, value) : unknown;
    if (!problem) params[p->slot] = value;
    return problem;
}
