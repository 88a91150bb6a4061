/* Prologues of products (ir/plan/prologue.h): the loops that compute the first operand, emitted where it is packed. */
#ifndef VITC_CODEGEN_PROLOGUE_H
#define VITC_CODEGEN_PROLOGUE_H

#include "codegen/emit/emit.h"

typedef struct Prologue Prologue;

/* The prologue of e->kernel, in the emitter's arena. Emits what depends on no loop. */
Prologue *prologue_begin(Emitter *e);
/* A GemmPrologue; user: the prologue. */
void prologue_emit(void *user, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef column, LLVMValueRef columns,
                   int64_t k_block, LLVMValueRef to, int64_t stride);

#endif
