/* LLVM's ORC JIT, in one place: object files in, addresses out. Symbols of the C library are found in this process. */
#ifndef VITC_CODEGEN_JIT_H
#define VITC_CODEGEN_JIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Jit Jit;

/* An object file in memory. */
typedef struct {
    const char *bytes;
    size_t size;
} JitObject;

/* The objects' bytes stay the caller's, and must live as long as the Jit. debugged: debuggers are told of the
 * objects by GDB's JIT interface. NULL with a message. */
Jit *jit_load(const JitObject *objects, int n, bool debugged, char *error, size_t size);
uint64_t jit_address(Jit *jit, const char *name); /* 0: no such function */
void jit_free(Jit *jit);

#endif
