/* The JIT: see jit.h. */
#include "codegen/program/jit.h"
#include "ir/base/arena.h"

#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/LLJITUtils.h>
#include <llvm-c/Orc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct Jit {
    LLVMOrcLLJITRef lljit;
};

static bool failed(LLVMErrorRef problem, const char *what, char *error, size_t size) {
    if (!problem) return false;
    char *message = LLVMGetErrorMessage(problem);
    snprintf(error, size, "LLVM: %s: %s", what, message);
    LLVMDisposeErrorMessage(message);
    return true;
}

static bool add_objects(Jit *jit, const JitObject *objects, int n, char *error, size_t size) {
    LLVMOrcDefinitionGeneratorRef generator;
    char prefix = LLVMOrcLLJITGetGlobalPrefix(jit->lljit);
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit->lljit);
    if (failed(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&generator, prefix, NULL, NULL),
               "symbols", error, size))
        return false;
    LLVMOrcJITDylibAddGenerator(library, generator);
    for (int i = 0; i < n; i++) {
        LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(
            objects[i].bytes, objects[i].size, "vitc", false /* no NUL at its end */);
        if (failed(LLVMOrcLLJITAddObjectFile(jit->lljit, library, buffer), "link", error, size)) return false;
    }
    return true;
}

Jit *jit_load(const JitObject *objects, int n, bool debugged, char *error, size_t size) {
    Jit *jit = arena_must(calloc(1, sizeof *jit));
    if (!failed(LLVMOrcCreateLLJIT(&jit->lljit, NULL), "JIT", error, size) &&
        !(debugged && failed(LLVMOrcLLJITEnableDebugSupport(jit->lljit), "debuggers", error, size)) &&
        add_objects(jit, objects, n, error, size))
        return jit;
    jit_free(jit);
    return NULL;
}

uint64_t jit_address(Jit *jit, const char *name) {
    LLVMOrcExecutorAddress address = 0;
    LLVMErrorRef problem = LLVMOrcLLJITLookup(jit->lljit, &address, name); /* the first one links */
    if (!problem) return address;
    LLVMConsumeError(problem);
    return 0;
}

void jit_free(Jit *jit) {
    if (!jit) return;
    if (jit->lljit) LLVMConsumeError(LLVMOrcDisposeLLJIT(jit->lljit));
    free(jit);
}
