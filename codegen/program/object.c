/* Objects: see object.h. */
#include "codegen/program/object.h"
#include "ir/base/clock.h"

#include <llvm-c/Error.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>

LLVMModuleRef object_module(const TargetMachine *target, LLVMContextRef context) {
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("vitc", context);
    LLVMSetTarget(module, target->triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(target->llvm);
    LLVMSetModuleDataLayout(module, layout);
    LLVMDisposeTargetData(layout);
    return module;
}

/* What our emitter leaves to LLVM: common addresses, loop-invariant code, dead code. */
bool object_optimize(LLVMModuleRef module, const TargetMachine *target, char *error, size_t size) {
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    const char *passes = "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint;max-iterations=1>,"
                         "loop-mssa(licm<allowspeculation>),early-cse,adce,simplifycfg)";
    LLVMErrorRef problem = LLVMRunPasses(module, passes, target->llvm, options);
    LLVMDisposePassBuilderOptions(options);
    if (!problem) return true;
    char *message = LLVMGetErrorMessage(problem);
    snprintf(error, size, "LLVM: passes: %s", message);
    LLVMDisposeErrorMessage(message);
    return false;
}

LLVMMemoryBufferRef object_file(LLVMModuleRef module, const TargetMachine *target, LLVMCodeGenFileType type,
                                char *error, size_t size) {
    char *message = NULL;
    LLVMMemoryBufferRef file = NULL;
    if (!LLVMTargetMachineEmitToMemoryBuffer(target->llvm, module, type, &message, &file)) return file;
    snprintf(error, size, "LLVM: %s", message);
    LLVMDisposeMessage(message);
    return NULL;
}

/* Of a copy, for making code changes the module. */
static void print_assembly(LLVMModuleRef module, const TargetMachine *target) {
    char error[256];
    LLVMModuleRef copy = LLVMCloneModule(module);
    LLVMMemoryBufferRef text = object_file(copy, target, LLVMAssemblyFile, error, sizeof error);
    if (text) {
        fwrite(LLVMGetBufferStart(text), 1, LLVMGetBufferSize(text), stderr);
        LLVMDisposeMemoryBuffer(text);
    } else
        fprintf(stderr, "%s\n", error);
    LLVMDisposeModule(copy);
}

LLVMMemoryBufferRef object_emit(LLVMModuleRef module, LLVMContextRef context, const TargetMachine *target,
                                ObjectTimes *times, bool print, char *error, size_t size) {
    LLVMMemoryBufferRef object = NULL;
    double start = seconds_now();
    bool good = object_optimize(module, target, error, size);
    double optimized = seconds_now();
    if (good && print) print_assembly(module, target);
    if (good) object = object_file(module, target, LLVMObjectFile, error, size);
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    *times = (ObjectTimes){optimized - start, seconds_now() - optimized};
    return object;
}
