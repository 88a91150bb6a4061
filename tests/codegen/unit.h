/* For tests and benches of emitters: functions of the kernel type put together by hand, compiled and called. */
#ifndef VITC_TESTS_CODEGEN_UNIT_H
#define VITC_TESTS_CODEGEN_UNIT_H

#include "codegen/emit/builder.h"
#include "codegen/program/jit.h"
#include "codegen/program/object.h"
#include "codegen/target/select.h"
#include "runtime/program.h"

#include <llvm-c/Analysis.h>
#include <stdio.h>
#include <stdlib.h>

/* A module on its way from emission to addresses. */
typedef struct {
    TargetMachine target;
    Machine machine;
    FunctionBuilder fb;
    LLVMMemoryBufferRef object;
    Jit *jit;
} Unit;

static inline void unit_check(bool good, const char *message) {
    if (good) return;
    fprintf(stderr, "%s\n", message);
    abort();
}

/* `row`: the target row to compile for; NULL: the host's best. */
static inline void unit_begin(Unit *unit, const char *row) {
    char error[512] = "";
    *unit = (Unit){0};
    unit_check(target_machine_open(&unit->target, row, error, sizeof error), error);
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("unit", context);
    LLVMSetTarget(module, unit->target.triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(unit->target.llvm);
    LLVMSetModuleDataLayout(module, layout);
    LLVMDisposeTargetData(layout);
    unit->machine = machine_with_usual(&unit->target.facts);
    unit->fb = builder_make(unit->target.target, &unit->machine, module, LLVMCreateBuilderInContext(context));
}

/* Begins a kernel; the builder is then at its start. */
static inline void unit_kernel(Unit *unit, const char *name) {
    builder_kernel(&unit->fb, name);
}

static inline LLVMValueRef unit_arg(Unit *unit, int number) {
    FunctionBuilder *fb = &unit->fb;
    LLVMTypeRef pointer = LLVMPointerTypeInContext(fb->context, 0);
    LLVMValueRef slot = build_element(fb, pointer, fb->args, build_i64(fb, number));
    return LLVMBuildLoad2(fb->builder, pointer, slot, "");
}

static inline void unit_kernel_end(Unit *unit) {
    LLVMBuildRetVoid(unit->fb.builder);
}

/* Compiles what was emitted; nothing can be emitted after. */
static inline void unit_load(Unit *unit) {
    char error[512] = "", *broken = NULL;
    LLVMDisposeBuilder(unit->fb.builder);
    bool valid = !LLVMVerifyModule(unit->fb.module, LLVMReturnStatusAction, &broken);
    unit_check(valid, broken);
    LLVMDisposeMessage(broken);
    ObjectTimes times;
    unit->object =
        object_emit(unit->fb.module, unit->fb.context, &unit->target, &times, false, error, sizeof error);
    unit_check(unit->object != NULL, error);
    JitObject object = {LLVMGetBufferStart(unit->object), LLVMGetBufferSize(unit->object)};
    unit->jit = jit_load(&object, 1, false, error, sizeof error);
    unit_check(unit->jit != NULL, error);
}

static inline VtKernel unit_address(Unit *unit, const char *name) {
    uint64_t address = jit_address(unit->jit, name);
    unit_check(address != 0, name);
    return (VtKernel)(uintptr_t)address;
}

static inline void unit_free(Unit *unit) {
    jit_free(unit->jit);
    LLVMDisposeMemoryBuffer(unit->object);
    target_machine_close(&unit->target);
}

#endif
