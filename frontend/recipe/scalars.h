/* Numbers of a recipe that may be others when the program runs (VtSetting), and what is made of them while it is
 * elaborated. All such a number needs is here: that it is known does not fix it. What is done with it may, such as a
 * shape made of it, or a place where settings have no part: then the program has its value as a constant.
 *
 * A scalar is named by its number, from 1; 0 stands for none: a value that depends on no setting. */
#ifndef VITC_FRONTEND_RECIPE_SCALARS_H
#define VITC_FRONTEND_RECIPE_SCALARS_H

#include "frontend/recipe/recipe.h"

/* A knob, or an option of `train`. */
typedef struct {
    VtSetting setting; /* but for `at` and `length`; made: the number of a scalar here */
    uint32_t scalar;
    int follows;     /* an option that is `$knob`: the candidate that is the knob; -1: none */
    bool fixed;      /* what it is used for does not let it change */
    bool used;       /* functions of the module read it, or `train` does */
    Loc at;          /* of what fixed it */
    Loc decided;     /* where a way was chosen by it, or it was asserted of */
    const char *why; /* what fixed it where that is no place in a text, or NULL */
} Candidate;

typedef struct {
    uint32_t holds, *values;
    size_t n_values;
    const char *text; /* as of VtCondition */
} Demand;

typedef struct Scalars {
    VtScalar *items; /* operands are numbers of scalars here; a: of a setting, its candidate */
    size_t count, capacity;
    bool *fixed; /* by scalar: it was fixed before */
    size_t n_fixed, fixed_capacity;
    uint32_t *inputs; /* scalars that functions read, in the order met */
    size_t n_inputs, inputs_capacity;
    Names known; /* by their texts: what is made alike is one scalar */
    Candidate *candidates;
    size_t n_candidates, candidates_capacity;
    Demand *demands;
    size_t n_demands, demands_capacity;
    bool reading;  /* what is read now may change: an option of train that is `$knob` */
    uint32_t last; /* the scalar of the number that was read last */
} Scalars;

/* The scalar that a new candidate is; *number: of the candidate. */
uint32_t scalars_candidate(ParsedRecipe *recipe, const VtSetting *setting, int *number);
uint32_t scalars_number(ParsedRecipe *recipe, double value);
/* What an operator of scalars.def makes of n others. 0: it has none of that name, or one that gives another value. */
uint32_t scalars_make(ParsedRecipe *recipe, const char *op, const uint32_t *operands, size_t n, double value);
/* Its place among those that functions read, from 1. */
size_t scalars_input(ParsedRecipe *recipe, uint32_t scalar);
/* Marks the candidates that a scalar is made of. */
void scalars_leaves(const Scalars *scalars, uint32_t scalar, bool *candidates);
/* Fixes those it is made of. `why`: NULL: what stands at `at`. */
void scalars_fix(ParsedRecipe *recipe, uint32_t scalar, Loc at, const char *why);
bool scalars_fixed(const ParsedRecipe *recipe, uint32_t scalar); /* all of them are */
/* What has to hold when settings change, for what stands at `at`. The values are copied. */
void scalars_demand(ParsedRecipe *recipe, Loc at, uint32_t holds, const char *text, const uint32_t *values,
                    size_t n);

#endif
