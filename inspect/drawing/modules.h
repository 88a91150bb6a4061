/* The modules of a function as a drawing needs them: how far down each stands among those beside it, and which that
 * follow each other are drawn once. Used inside inspect/drawing/ alone. */
#ifndef VITC_INSPECT_DRAWING_MODULES_H
#define VITC_INSPECT_DRAWING_MODULES_H

#include "inspect/outline.h"
#include "inspect/phases.h"

typedef struct {
    Arena *arena;
    const Func *func;
    const uint8_t *phases; /* by value */
    const Outline *outline;
    bool *moved;       /* by value: an input, or one that only moves what inputs have */
    bool *data;        /* by value: it is computed from an input, not from states and settings alone */
    uint32_t *forward; /* by group: values of the forward pass in it, with those of groups within */
    uint32_t *own;     /* by group: those of exactly its scope */
    bool *list; /* by group: it has nothing of its own but a list of modules, or one: they are its parent's */
    uint32_t *
        parent; /* by group: that of the outline, or around it the first that is no list; IR_NONE: the root's */
    uint32_t *depth;      /* by group: lists not counted */
    uint32_t *rank;       /* by group: among what its parent has: below all that it reads */
    uint32_t *value_rank; /* by value, among what its group has */
    /* By group: the group that is drawn for it, itself if it is drawn. Within modules that are drawn once, those of the
     * same name. */
    uint32_t *drawn;
    uint32_t *times;      /* by group that is drawn: how many in a row it stands for */
    uint32_t *last_alike; /* by group that is drawn: the last of them */
} Modules;

Modules *modules_make(Arena *arena, const Inspection *inspection, const Func *func);

/* The nearest group, no list, that two are in, and the groups of it that they are in; IR_NONE: it is that one. */
typedef struct {
    uint32_t group, a, b;
} Meeting;
Meeting modules_meet(const Modules *modules, uint32_t group_a, uint32_t group_b);
/* The group of a value that is no list. */
uint32_t modules_group(const Modules *modules, ValueId id);

/* Whether the value counts in a drawing's structure: of the phase, no source or literal; of the forward pass also none
 * that is made of weights and settings alone, or only moves what an input has, which passes let modules share. */
bool modules_counts(const Modules *modules, ValueId id, Phase phase);

#endif
