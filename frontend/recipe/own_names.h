/* What a recipe gives names to, besides modules. */
#ifndef VITC_FRONTEND_RECIPE_OWN_NAMES_H
#define VITC_FRONTEND_RECIPE_OWN_NAMES_H

#include "frontend/recipe/recipe.h"

typedef struct {
    const char *name, *kind; /* kind: "a view" */
    Loc loc;
} OwnName;

/* The i-th; false: there are fewer. */
bool own_name(const ParsedRecipe *recipe, size_t i, OwnName *out);
bool own_name_find(const ParsedRecipe *recipe, const char *name, OwnName *out);

#endif
