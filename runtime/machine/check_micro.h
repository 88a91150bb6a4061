/* Micro-kernels against plain C: each one of a target is run on panels of random numbers, of several lengths, where it
 * will be used. A compiler, a linker or a processor that computes something else is found before it trains. */
#ifndef VITC_RUNTIME_MACHINE_CHECK_MICRO_H
#define VITC_RUNTIME_MACHINE_CHECK_MICRO_H

#include "runtime/built.h"

#include <stdio.h>

typedef struct {
    double worst;    /* the largest error, as a part of what rounding allows */
    char wrong[160]; /* what is wrong, "" if nothing: "row 2, column 5 of 48 units: 1.25 instead of 2.5" */
} VtMicroCheck;

/* The processor must have what the kernel uses (choose.h). `wrong` may say that memory ran out. */
VtMicroCheck vt_check_micro(const VtMicro *micro);

/* All n of them, with a line each to `out` (NULL: none); how many are wrong. */
int vt_check_micros(const VtMicro *micros, int n, FILE *out);

#endif
