/* From an LLVM module to an object file in memory: LLVM's passes, then machine code by our own target machine (so that
 * features are what the target table chose). */
#ifndef VITC_CODEGEN_OBJECT_H
#define VITC_CODEGEN_OBJECT_H

#include "codegen/target/host.h"
#include <llvm-c/Core.h>
#include <stddef.h>

/* An empty module of the target's triple and data layout. */
LLVMModuleRef object_module(const TargetMachine *target, LLVMContextRef context);

/* LLVM's passes over the module. False with a message. */
bool object_optimize(LLVMModuleRef module, const TargetMachine *target, char *error, size_t size);

/* What the module is as a file: an object, assembly. The caller's (LLVMDisposeMemoryBuffer); NULL with a message. */
LLVMMemoryBufferRef object_file(LLVMModuleRef module, const TargetMachine *target, LLVMCodeGenFileType type,
                                char *error, size_t size);

typedef struct {
    double optimize, object; /* seconds: LLVM's passes, machine code */
} ObjectTimes;

/* Takes the module over, with its context. The object is the caller's (LLVMDisposeMemoryBuffer); NULL with a
 * message. print: the assembly to stderr too. Safe on several threads, each with a context and a target of its own. */
LLVMMemoryBufferRef object_emit(LLVMModuleRef module, LLVMContextRef context, const TargetMachine *target,
                                ObjectTimes *times, bool print, char *error, size_t size);

#endif
