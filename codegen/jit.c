/* The JIT: see jit.h. The module is compiled to an object in memory by our own target machine (so that features are what
 * the target table chose), which LLJIT then links. */
#include "codegen/jit.h"
#include "ir/clock.h"

#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>
#include <stdlib.h>

struct Jit {
    LLVMOrcLLJITRef lljit;
    JitTimes times;
};

static bool failed(LLVMErrorRef problem, const char *what, char *error, size_t size) {
    if (!problem) return false;
    char *message = LLVMGetErrorMessage(problem);
    snprintf(error, size, "LLVM: %s: %s", what, message);
    LLVMDisposeErrorMessage(message);
    return true;
}

/* What our emitter leaves to LLVM: common addresses, loop-invariant code, dead code. */
static bool optimize(LLVMModuleRef module, Target *target, char *error, size_t size) {
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    const char *passes = "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint;max-iterations=1>,"
                         "loop-mssa(licm<allowspeculation>),early-cse,adce,simplifycfg)";
    LLVMErrorRef problem = LLVMRunPasses(module, passes, target->machine, options);
    LLVMDisposePassBuilderOptions(options);
    return !failed(problem, "passes", error, size);
}

static bool link_object(Jit *jit, LLVMMemoryBufferRef object, char *error, size_t size) {
    LLVMOrcDefinitionGeneratorRef generator;
    char prefix = LLVMOrcLLJITGetGlobalPrefix(jit->lljit);
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit->lljit);
    if (failed(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&generator, prefix, NULL, NULL),
               "symbols", error, size))
        return false;
    LLVMOrcJITDylibAddGenerator(library, generator);
    return !failed(LLVMOrcLLJITAddObjectFile(jit->lljit, library, object), "link", error, size);
}

Jit *jit_load(LLVMModuleRef module, LLVMContextRef context, Target *target, char *error, size_t size) {
    Jit *jit = calloc(1, sizeof *jit);
    char *message = NULL;
    LLVMMemoryBufferRef object = NULL;
    double start = seconds_now();
    bool good = jit && optimize(module, target, error, size);
    double optimized = seconds_now();
    if (good &&
        LLVMTargetMachineEmitToMemoryBuffer(target->machine, module, LLVMObjectFile, &message, &object)) {
        snprintf(error, size, "LLVM: %s", message);
        LLVMDisposeMessage(message);
        good = false;
    }
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    double emitted = seconds_now();
    good = good && !failed(LLVMOrcCreateLLJIT(&jit->lljit, NULL), "JIT", error, size);
    good = good && link_object(jit, object, error, size);
    if (good) {
        jit->times = (JitTimes){optimized - start, emitted - optimized, seconds_now() - emitted};
        return jit;
    }
    jit_free(jit);
    return NULL;
}

uint64_t jit_address(Jit *jit, const char *name) {
    LLVMOrcExecutorAddress address = 0;
    double start = seconds_now();
    LLVMErrorRef problem = LLVMOrcLLJITLookup(jit->lljit, &address, name); /* the first one links */
    jit->times.link += seconds_now() - start;
    if (!problem) return address;
    LLVMConsumeError(problem);
    return 0;
}

JitTimes jit_times(const Jit *jit) {
    return jit->times;
}

void jit_free(Jit *jit) {
    if (!jit) return;
    if (jit->lljit) LLVMConsumeError(LLVMOrcDisposeLLJIT(jit->lljit));
    free(jit);
}
