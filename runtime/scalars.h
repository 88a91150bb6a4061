/* What a row of scalars.def computes. The frontend and the runtime compute settings by it, to the same bits. */
#ifndef VITC_RUNTIME_SCALARS_H
#define VITC_RUNTIME_SCALARS_H

#include <math.h>

/* Row number `row` of three operands, those it has not being any number; NAN: there is no such row. */
static inline double vt_scalar_value(int row, const double *x) {
    int at = 0;
#define SCALAR(name, n, value)                                                                               \
    if (row == at++) return value;
#include "runtime/scalars.def"
    return NAN;
}

#endif
