/* Pass `memory`: offsets into one arena for the values that kernels hand to each other (Node.offset, Func.arena_bytes). */
#ifndef VITC_PASSES_MEMORY_H
#define VITC_PASSES_MEMORY_H

#include "passes/plan/live.h"

/* The bytes of an arena that holds the values while they live, and, unless `offsets` is NULL, where each lies in it. */
int64_t plan_lives(Arena *arena, const Lives *lives, int64_t *offsets);
/* The same, of two ways the one that takes less: what `memory` does. Its time is the square of the values, but for huge graphs. */
int64_t plan_least(Arena *arena, const Lives *lives, int64_t *offsets);

bool pass_memory(Module *module, Diags *diags);

#endif
