/* The loops of a kernel, made with its emitter: see emit.h. */
#ifndef VITC_CODEGEN_NEST_H
#define VITC_CODEGEN_NEST_H

#include "codegen/emit/emit.h"

/* Sets e->kernel to a copy of `kernel` without loops of extent 1, and e->nest to its loops. apart: see emitter_make. */
void nest_make(Emitter *e, const Kernel *kernel, int64_t apart);

#endif
