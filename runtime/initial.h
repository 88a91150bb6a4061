/* Initial values of states, inside runtime/. */
#ifndef VITC_RUNTIME_INITIAL_H
#define VITC_RUNTIME_INITIAL_H

#include "runtime/runtime.h"

/* Fills `out` with a state's constant or drawn values: a function of (seed, name), on all threads, each a contiguous share, which it so
 * touches first. `fresh`: the memory is zero and untouched, and stays so where the value is zero. */
void vt_initial_fill(const VtState *state, uint64_t seed, bool fresh, void *out);
/* memcpy in the same shares. */
void vt_initial_copy(void *to, const void *from, size_t bytes);

#endif
