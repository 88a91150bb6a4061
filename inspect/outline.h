/* The outline of a function: its values in groups by module path, a scope "student.blocks.0.norm1" being four groups
 * within each other; and which siblings are alike ("blocks.0 … blocks.11"). Takes time in proportion to the values
 * times the depth of their scopes. */
#ifndef VITC_INSPECT_OUTLINE_H
#define VITC_INSPECT_OUTLINE_H

#include "ir/plan/plan.h"

#define OUTLINE_ROOT 0

typedef struct {
    const char *name;  /* "norm1"; "" of the root */
    const char *scope; /* "student.blocks.0.norm1"; "" of the root */
    uint32_t parent, first_child,
        next_sibling;          /* groups, as their values appear, numbered ones by number; IR_NONE: none */
    uint32_t depth;            /* 0: the root */
    uint32_t first_own, n_own; /* values of exactly this scope: Outline.values[first_own …] */
    uint32_t n_all;            /* values with those of the groups within */
    double flops;              /* of n_all */
    /* Alike siblings have equal operators, attributes, types, and operands relative to the group; numbers that only
     * tell applications apart (node_is_literal, draws' keys) may differ. */
    uint64_t shape; /* equal for groups that are alike */
    uint32_t
        run; /* the first of the siblings that follow each other and are alike; itself where it is alone */
    uint32_t run_size; /* of that first one: how many; of others 0 */
} OutlineGroup;

typedef struct {
    const Func *func;
    OutlineGroup *groups; /* the root first; a group before those within it */
    size_t count;
    uint32_t
        *group_of;   /* by value: its group; IR_NONE: not in the outline (inputs, states, what is left out) */
    ValueId *values; /* group by group, in the order of the function */
} Outline;

typedef struct {
    const uint8_t *chosen; /* by value: only those that are not 0; NULL: all */
    bool
        kernels; /* a kernel is where the value is that it is named after (ir/plan/cost.h), with all its values */
} OutlineOptions;

/* Everything in the arena. options: NULL: none. */
Outline *outline_make(Arena *arena, const Func *func, const OutlineOptions *options);
/* The group of a scope; IR_NONE: there is none. */
uint32_t outline_find(const Outline *outline, const char *scope);
/* "student.blocks.0 … .11" of a run that `group` begins, else its scope. */
const char *outline_title(Arena *arena, const Outline *outline, uint32_t group);

#endif
