/* LLVM's ORC JIT, in one place: a module in, addresses out. Symbols of the C library are found in this process. */
#ifndef VITC_CODEGEN_JIT_H
#define VITC_CODEGEN_JIT_H

#include "codegen/target.h"
#include <llvm-c/Core.h>
#include <stdint.h>

typedef struct Jit Jit;

/* Takes the module over, with its context; both are of `jit_context`. NULL with a message. */
Jit *jit_load(LLVMModuleRef module, LLVMContextRef context, Target *target, char *error, size_t size);
uint64_t jit_address(Jit *jit, const char *name); /* 0: no such function */
typedef struct {
    double optimize, object, link; /* seconds spent so far */
} JitTimes;
JitTimes jit_times(const Jit *jit);
void jit_free(Jit *jit);

#endif
