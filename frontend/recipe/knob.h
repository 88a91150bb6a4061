/* Knobs by name, and in messages: an error names the knobs behind it and where each was set. */
#ifndef VITC_FRONTEND_RECIPE_KNOB_H
#define VITC_FRONTEND_RECIPE_KNOB_H

#include "frontend/recipe/recipe.h"

/* Lists of knobs have room for MAX_BLAMED and hold each once. */
enum { MAX_BLAMED = 4 };

const Knob *knob_find(const ParsedRecipe *recipe, const char *name); /* NULL: there is none */
/* Adds one to the n there are, if it is not among them and there is room; returns how many there are then. */
size_t knob_add(const Knob **knobs, size_t n, const Knob *knob);
/* The same for those that the scalars `$knob` and `$(expression)` of a tree name. */
size_t knobs_in(const ParsedRecipe *recipe, const Tree *tree, const Knob **knobs, size_t n);

const char *knob_value_text(const ParsedRecipe *recipe, const Knob *knob);
/* " (knobs heads=5, dim=192)", or "". */
const char *knobs_text(const ParsedRecipe *recipe, const Knob *const *knobs, size_t n);
/* Notes that tell where each was set. */
void knobs_notes(const ParsedRecipe *recipe, const Knob *const *knobs, size_t n);
/* An error about a value of the tree, which names the knobs it is made of. */
void tree_error(const ParsedRecipe *recipe, const Tree *tree, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
