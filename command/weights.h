/* Initial weights as a recipe or the command line asks for them: rules by which files name tensors, what the files are,
 * and the recipe that says so for ever. */
#ifndef VITC_COMMAND_WEIGHTS_H
#define VITC_COMMAND_WEIGHTS_H

#include "driver/driver.h"
#include "frontend/text/tree.h"

typedef struct {
    const VtRename *items;
    int count;
} Renames;
/* A YAML map of names in a file (one * allowed) to names here, in the arena. False after telling what is wrong. */
bool read_renames(Arena *arena, Diags *diags, const char *path, Renames *out);

typedef struct {
    const char *path, *rename,
        *only;        /* --init, --rename, --only; NULL: not given. only: patterns with commas between */
    const char *hash; /* that the file must have, or NULL */
} InitFlags;
bool init_flags(const Flag *init, const Flag *rename, const Flag *only,
                InitFlags *out); /* false after telling */

/* All files that initial values come from: those of the recipe, then the command line's. */
typedef struct {
    VtWeights *items; /* with all their rules, and with the hashes that the files have */
    int count;
    VtInitialWeights *open; /* the caller closes it; NULL: there is no file */
} Weights;
/* Reads rules, hashes the files and finds what of them is for what. of_recipe: also those that the recipe names. False
 * after telling. */
bool weights_open(Session *session, const InitFlags *init, bool of_recipe, Weights *out);
void weights_tell(const Weights *weights, FILE *out); /* a line a file */

/* The resolved recipe with what its `from:` mean now: absolute paths, hashes and all rules in it. weights NULL: the run
 * goes on, and its files are not needed: what `saved` (NULL: nothing) says of the same file is taken. NULL after
 * telling. */
const char *weights_resolved(Session *session, const Weights *weights, const Tree *saved);

#endif
