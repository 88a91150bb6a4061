/* What differs between the recipe of a saved run and the one that is to continue it, key by key. */
#ifndef VITC_DRIVER_CHANGES_H
#define VITC_DRIVER_CHANGES_H

#include "command/changes.h"
#include "frontend/text/tree.h"

/* In the order of the recipes' keys; *changes is the arena's. */
size_t recipe_changes(Arena *arena, const Tree *before, const Tree *after, const Change **changes);

#endif
