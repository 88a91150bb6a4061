/* For tests and benches of emitters: functions of the kernel type put together by hand, compiled and called. */
#ifndef VITC_TESTS_CODEGEN_UNIT_H
#define VITC_TESTS_CODEGEN_UNIT_H

#include "codegen/emit/emit.h"
#include "codegen/program/jit.h"
#include "codegen/program/object.h"
#include "runtime/program.h"

#include <llvm-c/Analysis.h>
#include <stdio.h>
#include <stdlib.h>

/* A module on its way from emission to addresses. */
typedef struct {
    Target target;
    Emitter e;
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
    *unit = (Unit){.e.width = 1};
    unit_check(target_open(&unit->target, row, error, sizeof error), error);
    Emitter *e = &unit->e;
    e->lanes = unit->target.row->lanes;
    e->native_bf16 = target_has_bf16(unit->target.row);
    e->context = LLVMContextCreate();
    e->module = LLVMModuleCreateWithNameInContext("unit", e->context);
    LLVMSetTarget(e->module, unit->target.triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(unit->target.machine);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMDisposeTargetData(layout);
    e->builder = LLVMCreateBuilderInContext(e->context);
}

/* Begins a kernel; the emitter is then at its start. */
static inline void unit_kernel(Unit *unit, const char *name) {
    Emitter *e = &unit->e;
    LLVMTypeRef pointer = LLVMPointerTypeInContext(e->context, 0), i32 = LLVMInt32TypeInContext(e->context);
    LLVMTypeRef params[] = {pointer, i32, i32};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, 3, false);
    e->function = LLVMAddFunction(e->module, name, type);
    e->args = LLVMGetParam(e->function, 0);
    e->thread = LLVMGetParam(e->function, 1);
    e->threads = LLVMGetParam(e->function, 2);
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, e->function, "entry"));
}

static inline LLVMValueRef unit_arg(Unit *unit, int number) {
    Emitter *e = &unit->e;
    LLVMTypeRef pointer = LLVMPointerTypeInContext(e->context, 0);
    LLVMValueRef index = emit_i64(e, number);
    LLVMValueRef slot = LLVMBuildGEP2(e->builder, pointer, e->args, &index, 1, "");
    return LLVMBuildLoad2(e->builder, pointer, slot, "");
}

static inline void unit_kernel_end(Unit *unit) {
    LLVMBuildRetVoid(unit->e.builder);
}

/* Compiles what was emitted; nothing can be emitted after. */
static inline void unit_load(Unit *unit) {
    char error[512] = "", *broken = NULL;
    LLVMDisposeBuilder(unit->e.builder);
    bool valid = !LLVMVerifyModule(unit->e.module, LLVMReturnStatusAction, &broken);
    unit_check(valid, broken);
    LLVMDisposeMessage(broken);
    ObjectTimes times;
    unit->object = object_emit(unit->e.module, unit->e.context, &unit->target, &times, error, sizeof error);
    unit_check(unit->object != NULL, error);
    JitObject object = {LLVMGetBufferStart(unit->object), LLVMGetBufferSize(unit->object)};
    unit->jit = jit_load(&object, 1, error, sizeof error);
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
    target_close(&unit->target);
}

#endif
