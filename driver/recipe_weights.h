/* What recipes and files of YAML say of initial weights (command/weights.h): rules by which files name tensors, and the
 * recipe that says for ever what the weights were. */
#ifndef VITC_DRIVER_RECIPE_WEIGHTS_H
#define VITC_DRIVER_RECIPE_WEIGHTS_H

#include "command/weights.h"
#include "driver/driver.h"
#include "frontend/text/tree.h"

typedef struct {
    const VtRename *items;
    int count;
} Renames;
/* A YAML map of names in a file (one * allowed) to names here, in the arena. False after telling what is wrong. */
bool read_renames(Arena *arena, Diags *diags, const char *path, Renames *out);

/* The states of a recipe of which no program was made, as far as weights are concerned. */
const VtProgram *states_of_recipe(const Session *session);

/* The resolved recipe with what its `from:` mean now: absolute paths, hashes and all rules in it. weights NULL: the run
 * goes on, and its files are not needed: what `saved` (NULL: nothing) says of the same file is taken. NULL after
 * telling. */
const char *weights_resolved(Session *session, const Weights *weights, const Tree *saved);
/* Elaborates a session's recipe anew from that text, so that a program of it needs no file of rules and knows the bytes
 * of its weights. False after telling. */
bool pin_weights(Session *session, const char *path, const RecipeOptions *options);

#endif
