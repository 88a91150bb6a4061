/* Prologues of products (ir/plan/prologue.h): the loops that make elements of the first operand, emitted where these
 * are packed. */
#ifndef VITC_CODEGEN_PROLOGUE_H
#define VITC_CODEGEN_PROLOGUE_H

#include "codegen/emit/emit.h"

typedef struct Prologue Prologue;

/* Of e->kernel; emits what in it depends on no loop. In the emitter's arena. */
Prologue *prologue_begin(Emitter *e);
/* A GemmPrologue; user: the prologue. */
void prologue_emit(void *user, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef column, LLVMValueRef columns,
                   int64_t k_block, LLVMValueRef to, int64_t stride);

#endif
