/* The micro-kernels of a target as functions by themselves, so that they can be checked against plain C where they will
 * run (runtime/machine/check_micro.h). What kernels call are the same functions. */
#ifndef VITC_CODEGEN_GEMM_MICRO_ENTRIES_H
#define VITC_CODEGEN_GEMM_MICRO_ENTRIES_H

#include "codegen/emit/builder.h"
#include "runtime/built.h"

typedef struct {
    VtMicro *micros;         /* in the arena; `run` is NULL */
    LLVMValueRef *functions; /* what `run` shall be; named micro_entry_0, micro_entry_1, …, external */
    int n;
} MicroEntries;

/* Emits entries for every micro-kernel of fb->target: tiles of all heights, of full width and narrower, set and added
 * to, from panels and from lines in memory. Each sets up and releases tile registers itself. */
MicroEntries micro_entries_emit(FunctionBuilder *fb, Arena *arena);

#endif
