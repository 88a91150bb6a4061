/* A compiled program, inside codegen. compile.c makes one from a module, image.c from the bytes of an image; both then
 * link it. */
#ifndef VITC_CODEGEN_COMPILED_H
#define VITC_CODEGEN_COMPILED_H

#include "codegen/codegen.h"
#include "codegen/program/debuggers.h"
#include "codegen/program/jit.h"
#include "codegen/program/unit.h"
#include "ir/base/arena.h"

struct Compiled {
    Arena *arena;
    VtProgram program; /* calls' kernels are NULL until linked */
    const char *target;
    int n_kernels;
    const char **symbols;             /* of the kernels: their functions */
    int32_t *call_kernels;            /* of all functions' calls: kernel_NUMBER; -1 - i: irregular kernel i */
    const CallOrigin *const *origins; /* by function, of its calls; NULL: loaded */
    int64_t *constant_bytes;
    JitObject *objects;
    int n_objects;
    CompileTimes times;
    Jit *jit;
    Registered registered; /* what debuggers know of it */
    CompileUnit *units;    /* own the objects' bytes; NULL: the caller of codegen_load does */
    int n_units;
};

/* Links the objects and gives every call its kernel. tell: CodegenTell. False with a message. */
bool compiled_link(Compiled *compiled, int tell, char *error, size_t size);

#endif
