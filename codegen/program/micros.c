/* The micro-kernels of a target, compiled just in time. */
#include "codegen/codegen.h"
#include "codegen/gemm/micro_entries.h"
#include "codegen/program/jit.h"
#include "codegen/program/unit.h"

#include <llvm-c/Analysis.h>
#include <stdio.h>

struct MicroCode {
    Arena *arena;
    const char *target;
    MicroEntries entries;
    LLVMMemoryBufferRef object;
    Jit *jit;
};

/* The object of all of them. False with a message. */
static bool compile(MicroCode *code, const TargetMachine *target, char *error, size_t size) {
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = object_module(target, context);
    LLVMBuilderRef builder = LLVMCreateBuilderInContext(context);
    Machine machine = unit_machine(target, &(Machine){0});
    FunctionBuilder fb = builder_make(target->target, &machine, module, builder);
    code->entries = micro_entries_emit(&fb, code->arena);
    code->target = target->target->name;
    LLVMDisposeBuilder(builder);
    char *broken = NULL;
    bool good = !LLVMVerifyModule(module, LLVMReturnStatusAction, &broken);
    if (!good) snprintf(error, size, "generated code is not valid: %.600s", broken);
    LLVMDisposeMessage(broken);
    if (good) {
        ObjectTimes times;
        code->object = object_emit(module, context, target, &times, false, error, size);
    } else {
        LLVMDisposeModule(module);
        LLVMContextDispose(context);
    }
    return code->object != NULL;
}

static bool load(MicroCode *code, char *error, size_t size) {
    JitObject object = {LLVMGetBufferStart(code->object), LLVMGetBufferSize(code->object)};
    code->jit = jit_load(&object, 1, false, error, size);
    for (int i = 0; code->jit && i < code->entries.n; i++) {
        char name[32];
        snprintf(name, sizeof name, "micro_entry_%d", i);
        uint64_t address = jit_address(code->jit, name);
        if (!address) {
            snprintf(error, size, "LLVM: no address of %s", name);
            return false;
        }
        code->entries.micros[i].run =
            (void (*)(const void *, const void *, int64_t, float *))(uintptr_t)address;
    }
    return code->jit != NULL;
}

MicroCode *codegen_micros(const char *target_features, char *error, size_t size) {
    Arena *arena = arena_new();
    MicroCode *code = ARENA_NEW(arena, MicroCode);
    TargetMachine target = {0};
    code->arena = arena;
    bool good = codegen_runs_here(target_features, error, size) &&
                target_machine_open(&target, target_features, error, size) &&
                compile(code, &target, error, size) && load(code, error, size);
    target_machine_close(&target);
    if (good) return code;
    micro_code_free(code);
    return NULL;
}

const VtMicro *micro_code(const MicroCode *code, int *n) {
    *n = code->entries.n;
    return code->entries.micros;
}

const char *micro_code_target(const MicroCode *code) {
    return code->target;
}

void micro_code_free(MicroCode *code) {
    if (!code) return;
    jit_free(code->jit);
    if (code->object) LLVMDisposeMemoryBuffer(code->object);
    arena_free(code->arena);
}
