/* The names of what can be set in a recipe, for messages. */
#ifndef VITC_FRONTEND_TEXT_SETTINGS_H
#define VITC_FRONTEND_TEXT_SETTINGS_H

#include "frontend/frontend.h"
#include "frontend/text/tree.h"

/* Those of a recipe that was read, as recipe_settings has them. */
size_t tree_settings(Arena *arena, const Tree *root, const char *const **out);

#endif
