/* What a recipe gives names to, besides modules. */
#ifndef VITC_FRONTEND_RECIPE_OWN_NAMES_H
#define VITC_FRONTEND_RECIPE_OWN_NAMES_H

#include "frontend/recipe/recipe.h"

typedef struct {
    const char *name, *kind; /* kind: "a view" */
    Loc loc;
} OwnName;

typedef struct {
    const char *name;
    Loc loc;
} AssignedName;

/* What the recipe's own text says of names, run or not. */
typedef struct Mentions {
    Names read;           /* names of the recipe, its modules too */
    Names set;            /* by := */
    Names fields;         /* behind a dot */
    Names locals;         /* names of the body at hand that it reads */
    AssignedName *unread; /* names that an `update` assigns and does not read */
    size_t n_unread, unread_capacity;
} Mentions;

const Definition *network_named(const ParsedRecipe *recipe, const char *name); /* NULL: there is none */
bool own_name_find(const ParsedRecipe *recipe, const char *name, OwnName *out);

#endif
