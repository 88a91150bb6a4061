/* Compiling on threads: tasks side by side, on threads whose stacks are deep enough for our emitter and for LLVM. */
#ifndef VITC_CODEGEN_WORKERS_H
#define VITC_CODEGEN_WORKERS_H

#include <stdbool.h>

/* Runs task(user, i) for each i below n, on as many threads as there are cores, or, `alone`, one after the other. */
void workers_run(void (*task)(void *user, int i), void *user, int n, bool alone);

#endif
