/* A module's functions as lists of calls, and the distinct kernels that they call, before these are compiled.
 *
 * Kernels are compared by their canonical text (ir/plan/canonical.h), so that twelve equal blocks are compiled once.
 * The calls are data (runtime/program.h) that the runtime walks; they follow from the plan alone. */
#ifndef VITC_CODEGEN_CALLS_H
#define VITC_CODEGEN_CALLS_H

#include "codegen/program/unit.h"
#include "codegen/target.h"
#include "runtime/program.h"

typedef struct {
    VtProgram program;  /* whole, but for the calls' kernels and, before calls_find_scratch, scratch_bytes */
    KernelCode **codes; /* of the kernels to generate, by number */
    int n_codes;
    /* Of all functions' calls, one after the other: kernel_NUMBER; -1 - i: irregular kernel i. */
    int32_t *kernels;
    int32_t *
        *code_of; /* [f][k]: of kernel k of Module.funcs[f]; -1: a C function, a loop, or nobody calls it */
    const CallOrigin **origins; /* by function of the program, of its calls */
    int64_t *constant_bytes;    /* of the program's constants */
    int64_t *irregular_room;    /* by function: bytes of scratch that its C functions want */
} Calls;

/* `plan`: the program without functions. In the arena; NULL with a message. */
Calls *calls_make(Arena *arena, const Module *module, const VtProgram *plan, const Target *target,
                  char *error, size_t size);
/* Once the codes are emitted. */
void calls_find_scratch(Calls *calls);

#endif
