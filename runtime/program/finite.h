/* Whether states are made of numbers. */
#ifndef VITC_RUNTIME_PROGRAM_FINITE_H
#define VITC_RUNTIME_PROGRAM_FINITE_H

#include "runtime/program/instance.h"

/* False names the first state that holds NaN or infinities. Scans on all threads. */
bool vt_states_finite(const VtInstance *instance, const VtProgram *program, VtError *error);
/* The largest |value| of a parameter, and whose it is. */
double vt_largest_parameter(const VtInstance *instance, const VtProgram *program, const char **name);

#endif
