/* The text of a new recipe that begins with another: `base: NAME`. */
#ifndef VITC_DRIVER_INIT_BEGINS_WITH_H
#define VITC_DRIVER_INIT_BEGINS_WITH_H

#include "frontend/text/tree.h"

/* base: how the text names the other; tree: that one's, from which comments tell what it has. NAME stands where the new
 * recipe's name belongs. In the arena. */
char *begins_with(Arena *arena, const char *base, const Tree *tree);

#endif
