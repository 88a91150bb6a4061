/* A library for LD_PRELOAD that hands out objects LLVM has made before: what several tests compile alike, one recipe in
 * several cases or one kernel in several programs, goes through LLVM once in a run of all tests. Everything before LLVM
 * runs each time, and so does what is linked. The folder OBJECTS_HERE holds an object for each hash of a module's
 * bitcode, its machine and the passes; ctest empties it first (tests/CMakeLists.txt), for how the passes and the
 * machine are made is not in the hash but the same in one build. OBJECTS, if it is set, is a folder in its place, for
 * several builds of one source; whoever sets it empties it. */
#include <dlfcn.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The module that this thread last asked LLVM to optimise, and where its object belongs. */
static _Thread_local struct {
    LLVMModuleRef module; /* NULL: none */
    const char *passes;
    char path[4096];
    bool found;
} last;

static void add_text(XXH3_state_t *state, char *text) {
    XXH3_128bits_update(state, text, strlen(text) + 1);
    LLVMDisposeMessage(text);
}

static XXH128_hash_t hash_of(LLVMModuleRef module, const char *passes, LLVMTargetMachineRef machine) {
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, passes, strlen(passes) + 1);
    add_text(&state, LLVMGetTargetMachineTriple(machine));
    add_text(&state, LLVMGetTargetMachineCPU(machine));
    add_text(&state, LLVMGetTargetMachineFeatureString(machine));
    LLVMMemoryBufferRef code = LLVMWriteBitcodeToMemoryBuffer(module);
    XXH3_128bits_update(&state, LLVMGetBufferStart(code), LLVMGetBufferSize(code));
    LLVMDisposeMemoryBuffer(code);
    return XXH3_128bits_digest(&state);
}

/* Files that `vitc build` writes get more after the passes, by which their functions are known. */
static bool is_whole(LLVMModuleRef module) {
    for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f) && LLVMGetLinkage(f) == LLVMExternalLinkage) return true;
    return false;
}

static LLVMErrorRef run_passes(LLVMModuleRef module, const char *passes, LLVMTargetMachineRef machine,
                               LLVMPassBuilderOptionsRef options) {
    return ((__typeof__(&LLVMRunPasses))dlsym(RTLD_NEXT, "LLVMRunPasses"))(module, passes, machine, options);
}

LLVMErrorRef LLVMRunPasses(LLVMModuleRef module, const char *passes, LLVMTargetMachineRef machine,
                           LLVMPassBuilderOptionsRef options) {
    const char *folder = getenv("OBJECTS");
    if (!folder) folder = getenv("OBJECTS_HERE");
    last.module = NULL;
    if (folder && is_whole(module)) {
        XXH128_hash_t hash = hash_of(module, passes, machine);
        snprintf(last.path, sizeof last.path, "%s/%016llx%016llx", folder, (unsigned long long)hash.high64,
                 (unsigned long long)hash.low64);
        last.module = module;
        last.passes = passes;
        last.found = access(last.path, R_OK) == 0;
        if (last.found) return NULL;
    }
    LLVMErrorRef problem = run_passes(module, passes, machine, options);
    if (problem) last.module = NULL;
    return problem;
}

/* Other processes see all of an object or none. Without room for it the next one compiles it again. */
static void keep(LLVMMemoryBufferRef object) {
    char temporary[sizeof last.path + 16];
    snprintf(temporary, sizeof temporary, "%s-XXXXXX", last.path);
    int file = mkstemp(temporary);
    size_t size = LLVMGetBufferSize(object);
    if (file < 0) return;
    bool good = write(file, LLVMGetBufferStart(object), size) == (ssize_t)size;
    if (close(file) != 0 || !good || rename(temporary, last.path) != 0) unlink(temporary);
}

LLVMBool LLVMTargetMachineEmitToMemoryBuffer(LLVMTargetMachineRef machine, LLVMModuleRef module,
                                             LLVMCodeGenFileType kind, char **message,
                                             LLVMMemoryBufferRef *out) {
    __typeof__(&LLVMTargetMachineEmitToMemoryBuffer) real =
        (__typeof__(&LLVMTargetMachineEmitToMemoryBuffer))dlsym(RTLD_NEXT,
                                                                "LLVMTargetMachineEmitToMemoryBuffer");
    if (last.module && last.found && kind != LLVMObjectFile) { /* a copy, to be shown: optimised now */
        LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
        LLVMErrorRef problem = run_passes(module, last.passes, machine, options);
        LLVMDisposePassBuilderOptions(options);
        if (problem) abort();
    }
    if (kind != LLVMObjectFile) return real(machine, module, kind, message, out);
    bool known = last.module && last.module == module;
    last.module = NULL;
    if (known && last.found) return LLVMCreateMemoryBufferWithContentsOfFile(last.path, out, message);
    LLVMBool failed = real(machine, module, kind, message, out);
    if (known && !failed) keep(*out);
    return failed;
}
