/* The work of a function as its recipe wrote it, to compare with what passes leave of it. */
#ifndef VITC_PASSES_WRITTEN_H
#define VITC_PASSES_WRITTEN_H

#include "ir/ir.h"

typedef struct {
    double all, products; /* FLOPs: of all operators, of matrix products and attentions */
} FlopCount;

/* Of a function: see func_flops. */
FlopCount flop_count(const Func *func);
/* Of the function called `name` of a module that no pass has changed, after PASSES_WRITTEN, which run over a copy.
 * Zeros: there is no such function, or the passes refuse the module; they will say so when they run over it. */
FlopCount flops_as_written(const Module *module, const char *name);

#endif
