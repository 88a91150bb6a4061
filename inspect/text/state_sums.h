/* The states of a module, summed by role and module: what a view says of them instead of listing hundreds. */
#ifndef VITC_INSPECT_TEXT_STATE_SUMS_H
#define VITC_INSPECT_TEXT_STATE_SUMS_H

#include "ir/ir.h"

typedef struct {
    StateRole role;
    const char *module; /* the first part of the names, of what optimizers keep the first two */
    int64_t tensors, frozen, elements, bytes;
} StateSum;

/* In the order of roles, then of the states. In the arena; *n: how many. */
const StateSum *state_sums(Arena *arena, const Module *module, size_t *n);

#endif
