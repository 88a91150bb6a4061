/* Which module a name means in which text: a recipe's own modules come first, then those of the libraries that it
 * names, then of those that these name. Libraries see theirs in the same way, and nothing of the recipe. */
#ifndef VITC_FRONTEND_RECIPE_MODULES_H
#define VITC_FRONTEND_RECIPE_MODULES_H

#include "frontend/recipe/recipe.h"

/* Once all modules were read. */
void find_modules(ParsedRecipe *recipe);

/* The module that a name means in a text, by the text's number; NULL: none. *other: one of the same name that is as
 * near, so that the name is ambiguous, or NULL. */
const Definition *module_seen(const ParsedRecipe *recipe, uint32_t text, const char *name,
                              const Definition **other);

/* The library of vitc's, as `use:` names it, that has a module of this name; NULL: none. */
const char *library_with(const ParsedRecipe *recipe, const char *module);

#endif
