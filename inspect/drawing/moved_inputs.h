/* Which inputs a value has whose elements are only moved: passes put the views of several inputs behind each other, and
 * networks read slices of that. */
#ifndef VITC_INSPECT_DRAWING_MOVED_INPUTS_H
#define VITC_INSPECT_DRAWING_MOVED_INPUTS_H

#include "ir/ir.h"

/* By value: bits of the inputs that a moved value has elements of, 0 of others. `moved`: by value, an input or one that
 * only moves what moved values have; bits: by input, its bit or 0. What cannot be told apart is counted as read. */
uint64_t *moved_inputs(Arena *arena, const Func *func, const bool *moved, const uint64_t *bits);

#endif
