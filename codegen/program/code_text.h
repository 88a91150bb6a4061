/* The text of one generated function: LLVM IR, or its part of an assembly file, without what only machines read. */
#ifndef VITC_CODEGEN_CODE_TEXT_H
#define VITC_CODEGEN_CODE_TEXT_H

#include "ir/base/arena.h"

#include <llvm-c/Core.h>

/* LLVM IR. Instead of references to debug information, comments say where positions change. In the arena. */
const char *code_text_llvm(Arena *arena, LLVMValueRef function);

/* A function of an assembly file. */
typedef struct {
    const char *name, *text;
} AssemblyText;

/* The functions of an assembly file that LLVM wrote with comments, in their order, each with the constants that it
 * reads behind it; *n: how many. In the arena. */
AssemblyText *code_texts_assembly(Arena *arena, const char *file, size_t size, size_t *n);

#endif
