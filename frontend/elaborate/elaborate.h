/* From a parsed recipe to a module: the door of this folder. */
#ifndef VITC_FRONTEND_ELABORATE_ELABORATE_H
#define VITC_FRONTEND_ELABORATE_ELABORATE_H

#include "frontend/recipe/recipe.h"

/* Fills everything of `out` but `resolved`. False after errors. */
bool elaborate(ParsedRecipe *recipe, Recipe *out);

#endif
