/* What of a function a view is of: modules by patterns, groups of states. */
#ifndef VITC_INSPECT_TEXT_SELECTION_H
#define VITC_INSPECT_TEXT_SELECTION_H

#include "ir/ir.h"

/* States that are listed: those of some roles. */
typedef struct {
    const char *name; /* "trained", "all", "none", or that of a role */
    unsigned roles;   /* bit StateRole */
    bool frozen;      /* also those that are not trained */
} StateGroup;

/* NULL: there is none of that name. */
const StateGroup *state_group_find(const char *name);
bool state_group_has(const StateGroup *group, const State *state);

/* Patterns of module paths, with commas between: '*' stands for any letters, '?' for one. One that names a module, as
 * it stands or with ".*" behind it, means all that is in the module too. */
bool only_matches(const char *patterns, const char *path);
/* Why no value of the functions (NULL: all of the module) is in a module that a pattern of `patterns` matches, with the
 * nearest paths; NULL: each pattern matches some. */
const char *only_refusal(Arena *arena, const Module *module, const Func *func, const char *patterns);

#endif
