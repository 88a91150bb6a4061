/* Structs of the table of fields (fields.def) as constants of an LLVM module: what a compiled program is, as data of an
 * object file. Padding is zero, pointers are relocations, equal texts are one. */
#ifndef VITC_CODEGEN_DESCRIPTOR_H
#define VITC_CODEGEN_DESCRIPTOR_H

#include "codegen/program/fields.h"
#include "ir/base/names.h"
#include <llvm-c/Core.h>

/* A pointer to what is a global of the module, or of another one, already. */
typedef struct {
    const void *pointer;
    LLVMValueRef global;
} KnownPointer;

typedef struct {
    Arena *arena;
    LLVMModuleRef module;
    LLVMContextRef context;
    Names texts; /* by text: its number in text_globals */
    LLVMValueRef *text_globals;
    size_t n_texts, texts_capacity;
    KnownPointer *known;
    size_t n_known, known_capacity;
    /* The functions that the pointers to code stand for, and the bytes of the constants, in the order of the walk. */
    const LLVMValueRef *codes;
    const int64_t *constant_bytes;
} Descriptor;

Descriptor descriptor_make(Arena *arena, LLVMModuleRef module);
/* From now on pointers to `pointer` are the global. */
void descriptor_know(Descriptor *d, const void *pointer, LLVMValueRef global);
/* A constant global, local to the module, of `n` structs; pointers to them are known from then on. The next codes and
 * constant_bytes are consumed. */
LLVMValueRef descriptor_global(Descriptor *d, const Record *record, const void *data, int n,
                               const char *name);

#endif
