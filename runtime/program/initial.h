/* Initial values of states; used inside runtime/ only. */
#ifndef VITC_RUNTIME_PROGRAM_INITIAL_H
#define VITC_RUNTIME_PROGRAM_INITIAL_H

#include "runtime/program.h"

/* Gives states their constant or drawn values: functions of (seed, name). All threads take a contiguous share of each,
 * which they so touch first. `fresh`: the states are zero and untouched, and stay so where the value is zero. */
void vt_initial_draw(const VtProgram *program, void *const *states, uint64_t seed, bool fresh);
/* memcpy in the same shares. */
void vt_initial_copy(void *to, const void *from, size_t bytes);

#endif
