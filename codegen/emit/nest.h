/* The loops of a kernel, made with its emitter: see emit.h. */
#ifndef VITC_CODEGEN_NEST_H
#define VITC_CODEGEN_NEST_H

#include "codegen/emit/emit.h"

/* Gives the emitter a copy of the kernel, and the loops for it. apart: see emitter_make. */
void nest_make(Emitter *e, const Kernel *kernel, int64_t apart);

#endif
