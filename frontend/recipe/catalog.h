/* The rows of runtime/catalog.def, as recipes are checked against them. */
#ifndef VITC_FRONTEND_RECIPE_CATALOG_H
#define VITC_FRONTEND_RECIPE_CATALOG_H

#include "ir/ir.h"
#include "runtime/program.h"

typedef enum { AUGMENTATIONS, SAMPLERS } CatalogTable;

typedef struct {
    const char *name, *params;
    DType dtype; /* of what a sampler fills */
} CatalogRow;

/* One parameter of a row: "name:kind=default in low..high" and what stands behind. */
typedef struct {
    char name[32], choices[64]; /* choices: "a|b|c" */
    int slot, slots; /* the first of its doubles in VtDraw.params or VtAugment.params, and how many */
    bool is_int, is_bool, is_choice, by_channel;
    double fallback[3], low, high; /* by_channel: of three channels */
    char other[32]; /* "> other", ">= other": the parameter of this row that the value is compared with */
    bool strictly;  /* ">" */
    bool upper;     /* "upper > 0" */
    bool divides;   /* "divides" */
    bool color;     /* "colour" */
} CatalogParam;

int catalog_find(CatalogTable table, const char *name); /* number of the row, or -1 */
const CatalogRow *catalog_row(CatalogTable table, int row);
const char *const *catalog_names(CatalogTable table, size_t *n);

int catalog_params(const CatalogRow *row, CatalogParam out[VT_MAX_PARAMS]); /* how many there are */
void catalog_defaults(const CatalogRow *row, double *params);               /* fills VT_MAX_PARAMS doubles */
/* The parameter `key` among the n of the row; NULL, and *problem what to tell, if there is none. */
const CatalogParam *catalog_param(Arena *arena, const CatalogRow *row, const CatalogParam *list, int n,
                                  const char *key, const char **problem);
/* What is wrong with a number for this parameter; NULL: nothing. */
const char *catalog_range_problem(Arena *arena, const CatalogParam *param, double value);
/* Sets one parameter from a number. Returns what is wrong: no such parameter, or out of range; NULL: nothing. */
const char *catalog_set(Arena *arena, const CatalogRow *row, const char *key, double value, double *params);
/* What is wrong with the parameters together, and with a draw's type if that is known (else NULL); NULL: nothing.
 * keys: the two of the row, or the draw's "shape", that it is about. */
const char *catalog_problem(Arena *arena, const CatalogRow *row, const double *params, const Type *type,
                            const char *keys[2]);

#endif
