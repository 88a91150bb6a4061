/* Where the functions of linked objects lie: kernels, and what they call. For profilers and debuggers. */
#ifndef VITC_CODEGEN_SYMBOLS_H
#define VITC_CODEGEN_SYMBOLS_H

#include "codegen/program/jit.h"
#include "ir/base/arena.h"

typedef struct {
    const char *name; /* in the object */
    uint64_t address, size;
} CodeSymbol;

/* The functions of objects that the JIT has linked, by address; *n: how many. In the arena. */
CodeSymbol *code_symbols(Arena *arena, Jit *jit, const JitObject *objects, int n_objects, size_t *n);

#endif
