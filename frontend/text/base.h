/* A recipe that begins with another, `base: NAME`: the trees of both as one.
 *
 * Maps of both are one map, key by key and at any depth; all else of the recipe takes the place of the base's. Keys
 * that only the base has stay, in its order; new ones follow. `~` takes one away. Beside that
 *
 *   recipe, about     are the recipe's own;
 *   use               is not merged: names are looked for beside the file that has them (RecipeBase.use);
 *   check             holds of both: a list of texts;
 *   knobs             `NAME: value` sets the base's default, whose type and range stay;
 *   draws, inputs     and networks that say what they are (`body`, `ema`, `recipe`) are replaced whole;
 *   networks, modules are told by the name before their parameters. */
#ifndef VITC_FRONTEND_TEXT_BASE_H
#define VITC_FRONTEND_TEXT_BASE_H

#include "frontend/text/tree.h"

typedef struct {
    const char *path;
    uint32_t file; /* among the sources of diags */
    const char *text;
    size_t size;
    const Tree *use; /* or NULL */
} RecipeBase;

typedef struct {
    RecipeBase *items; /* the nearest first */
    size_t count, capacity;
} RecipeBases;

/* The tree of the recipe at `path` with its bases in it, and which they are; the tree itself if it has none. Bases are
 * looked for beside the recipe's file, then in models_dir (NULL: nowhere else). NULL after errors. */
Tree *tree_on_bases(Arena *arena, Diags *diags, const char *path, const char *models_dir, Tree *root,
                    RecipeBases *out);

/* The same of a text, whose positions are in a source of its own. NULL after errors, and if it is no map. */
Tree *tree_of_recipe(Arena *arena, Diags *diags, const char *path, const char *text, size_t size,
                     const char *models_dir);

#endif
