/* What differs between the recipe of a saved run and the one that is to continue it. */
#ifndef VITC_DRIVER_CHANGES_H
#define VITC_DRIVER_CHANGES_H

#include "frontend/text/tree.h"

typedef enum {
    CHANGE_HARMLESS, /* what the weights become does not depend on it */
    CHANGE_EXTENT,   /* the number of epochs, the batch: schedules go by the new ones from here on */
    CHANGE_MEANING,  /* the rest: networks, losses, optimisers … */
} ChangeKind;

typedef struct {
    const char *key;            /* "knobs.dim" */
    const char *before, *after; /* short texts; "(none)" */
    ChangeKind kind;
} Change;

/* In the order of the recipes' keys; *changes is the arena's. */
size_t recipe_changes(Arena *arena, const Tree *before, const Tree *after, const Change **changes);

#endif
