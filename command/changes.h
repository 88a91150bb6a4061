/* What differs between the recipe of a saved run and the one that is to continue it, and whether it may. */
#ifndef VITC_COMMAND_CHANGES_H
#define VITC_COMMAND_CHANGES_H

#include "command/command.h"

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

/* Tells them; false where --extend or --force would have to be given. */
bool judge_changes(const MakeRequest *request, const Change *changes, size_t n);

#endif
