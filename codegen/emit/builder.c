/* Values, memory and internal functions: see builder.h. Loops and branches are control_flow.c's. */
#include "codegen/emit/builder.h"

#include <string.h>

FunctionBuilder builder_make(const Target *target, const Machine *machine, LLVMModuleRef module,
                             LLVMBuilderRef builder) {
    return (FunctionBuilder){.target = target,
                             .machine = machine,
                             .lanes = target->lanes,
                             .native_bf16 = target->native_bf16,
                             .context = LLVMGetModuleContext(module),
                             .module = module,
                             .builder = builder};
}

LLVMBasicBlockRef build_block(FunctionBuilder *fb, const char *name) {
    return LLVMAppendBasicBlockInContext(fb->context, fb->function, name);
}

static void add_attribute(FunctionBuilder *fb, const char *name) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(fb->function, LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(fb->context, kind, 0));
}

void builder_function(FunctionBuilder *fb, const char *name, LLVMTypeRef type) {
    fb->function = LLVMAddFunction(fb->module, name, type);
    add_attribute(fb, "nounwind"); /* it needs no tables for unwinding the stack */
    LLVMPositionBuilderAtEnd(fb->builder, build_block(fb, "entry"));
}

void builder_kernel(FunctionBuilder *fb, const char *name) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(fb->context, 0), i32 = LLVMInt32TypeInContext(fb->context);
    LLVMTypeRef params[] = {pointer, i32, i32};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(fb->context), params, 3, false);
    builder_function(fb, name, type);
    fb->args = LLVMGetParam(fb->function, 0);
    fb->thread = LLVMGetParam(fb->function, 1);
    fb->threads = LLVMGetParam(fb->function, 2);
    LLVMBasicBlockRef start = build_block(fb, "start");
    LLVMBuildBr(fb->builder, start);
    LLVMPositionBuilderAtEnd(fb->builder, start);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

LLVMTypeRef build_type(const FunctionBuilder *fb, DType dtype) {
    switch (dtype) {
    case DT_F32:
    case DT_BF16: return LLVMFloatTypeInContext(fb->context);
    case DT_F64: return LLVMDoubleTypeInContext(fb->context);
    case DT_I32: return LLVMInt32TypeInContext(fb->context);
    case DT_I64: return LLVMInt64TypeInContext(fb->context);
    default: return LLVMInt1TypeInContext(fb->context);
    }
}

LLVMTypeRef build_memory_type(const FunctionBuilder *fb, DType dtype) {
    if (dtype == DT_BF16) return LLVMInt16TypeInContext(fb->context);
    return dtype == DT_BOOL ? LLVMInt8TypeInContext(fb->context) : build_type(fb, dtype);
}

LLVMTypeRef build_f32_vector(const FunctionBuilder *fb) {
    return LLVMVectorType(LLVMFloatTypeInContext(fb->context), (unsigned)fb->lanes);
}

bool build_is_vector(LLVMValueRef value) {
    return LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMVectorTypeKind;
}

LLVMValueRef build_i64(const FunctionBuilder *fb, int64_t value) {
    return LLVMConstInt(LLVMInt64TypeInContext(fb->context), (unsigned long long)value, true);
}

LLVMTypeRef build_vector_type(LLVMTypeRef scalar, int lanes) {
    return lanes == 1 ? scalar : LLVMVectorType(scalar, (unsigned)lanes);
}

LLVMValueRef build_splat(FunctionBuilder *fb, int lanes, LLVMValueRef scalar) {
    if (build_is_vector(scalar) || lanes == 1) return scalar;
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes);
    LLVMTypeRef i32 = LLVMInt32TypeInContext(fb->context);
    LLVMValueRef one =
        LLVMBuildInsertElement(fb->builder, LLVMGetPoison(type), scalar, LLVMConstInt(i32, 0, false), "");
    LLVMValueRef zeros = LLVMConstNull(LLVMVectorType(i32, (unsigned)lanes));
    return LLVMBuildShuffleVector(fb->builder, one, LLVMGetPoison(type), zeros, "");
}

LLVMValueRef build_real_like(LLVMValueRef like, double number) {
    LLVMTypeRef type = LLVMTypeOf(like);
    if (!build_is_vector(like)) return LLVMConstReal(type, number);
    LLVMValueRef lanes[64];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < n; i++) lanes[i] = LLVMConstReal(LLVMGetElementType(type), number);
    return LLVMConstVector(lanes, n);
}

LLVMValueRef build_lane_numbers(FunctionBuilder *fb, int lanes, int64_t first, int64_t step) {
    LLVMValueRef numbers[64];
    for (int i = 0; i < lanes; i++) numbers[i] = build_i64(fb, first + i * step);
    return LLVMConstVector(numbers, (unsigned)lanes);
}

LLVMValueRef build_lanes_below(FunctionBuilder *fb, int lanes, int64_t first, LLVMValueRef count) {
    return LLVMBuildICmp(fb->builder, LLVMIntSLT, build_lane_numbers(fb, lanes, first, 1),
                         build_splat(fb, lanes, count), "");
}

static LLVMValueRef call_intrinsic(FunctionBuilder *fb, const char *name, LLVMTypeRef *overloads,
                                   unsigned n_overloads, LLVMValueRef *args, unsigned n) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef callee = LLVMGetIntrinsicDeclaration(fb->module, id, overloads, n_overloads);
    LLVMTypeRef type = LLVMIntrinsicGetType(fb->context, id, overloads, n_overloads);
    return LLVMBuildCall2(fb->builder, type, callee, args, n, "");
}

LLVMValueRef build_intrinsic(FunctionBuilder *fb, const char *name, LLVMTypeRef overload, LLVMValueRef *args,
                             unsigned n) {
    return call_intrinsic(fb, name, &overload, overload ? 1 : 0, args, n);
}

LLVMValueRef build_intrinsic2(FunctionBuilder *fb, const char *name, LLVMTypeRef *overloads,
                              LLVMValueRef *args, unsigned n) {
    return call_intrinsic(fb, name, overloads, 2, args, n);
}

LLVMValueRef build_maximum(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b, bool largest) {
    LLVMTypeRef type = LLVMTypeOf(a), scalar = build_is_vector(a) ? LLVMGetElementType(type) : type;
    LLVMTypeKind kind = LLVMGetTypeKind(scalar);
    bool is_float = kind == LLVMFloatTypeKind || kind == LLVMDoubleTypeKind;
    const char *name =
        is_float ? (largest ? "llvm.maximum" : "llvm.minimum") : (largest ? "llvm.smax" : "llvm.smin");
    return build_intrinsic(fb, name, type, (LLVMValueRef[]){a, b}, 2);
}

LLVMValueRef build_smaller(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b) {
    return build_maximum(fb, a, b, false);
}

LLVMValueRef build_larger(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b) {
    return build_maximum(fb, a, b, true);
}

LLVMValueRef build_add(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildAdd(fb->builder, a, b, "");
}

LLVMValueRef build_mul(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildMul(fb->builder, a, b, "");
}

LLVMValueRef build_scaled(FunctionBuilder *fb, LLVMValueRef a, int64_t by) {
    return LLVMBuildMul(fb->builder, a, build_i64(fb, by), "");
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

LLVMValueRef build_element(FunctionBuilder *fb, LLVMTypeRef type, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(fb->builder, type, base, &index, 1, "");
}

LLVMValueRef build_f32_at(FunctionBuilder *fb, LLVMValueRef base, LLVMValueRef index) {
    return build_element(fb, LLVMFloatTypeInContext(fb->context), base, index);
}

LLVMValueRef build_load(FunctionBuilder *fb, LLVMTypeRef type, LLVMValueRef from) {
    LLVMValueRef x = LLVMBuildLoad2(fb->builder, type, from, "");
    LLVMSetAlignment(x, 4);
    return x;
}

void build_store(FunctionBuilder *fb, LLVMValueRef value, LLVMValueRef to) {
    LLVMSetAlignment(LLVMBuildStore(fb->builder, value, to), 4);
}

static LLVMValueRef i32(FunctionBuilder *fb, unsigned value) {
    return LLVMConstInt(LLVMInt32TypeInContext(fb->context), value, false);
}

static LLVMValueRef all_of(FunctionBuilder *fb, LLVMTypeRef vector) {
    return LLVMConstAllOnes(LLVMVectorType(LLVMInt1TypeInContext(fb->context), LLVMGetVectorSize(vector)));
}

LLVMValueRef build_masked_load(FunctionBuilder *fb, LLVMTypeRef vector, LLVMValueRef from, unsigned align,
                               LLVMValueRef mask) {
    LLVMTypeRef types[] = {vector, LLVMPointerTypeInContext(fb->context, 0)};
    LLVMValueRef args[] = {from, i32(fb, align), mask, LLVMConstNull(vector)};
    return build_intrinsic2(fb, "llvm.masked.load", types, args, 4);
}

void build_masked_store(FunctionBuilder *fb, LLVMValueRef value, LLVMValueRef to, unsigned align,
                        LLVMValueRef mask) {
    LLVMTypeRef types[] = {LLVMTypeOf(value), LLVMPointerTypeInContext(fb->context, 0)};
    LLVMValueRef args[] = {value, to, i32(fb, align), mask};
    build_intrinsic2(fb, "llvm.masked.store", types, args, 4);
}

LLVMValueRef build_gather(FunctionBuilder *fb, LLVMTypeRef vector, LLVMValueRef base, LLVMValueRef index,
                          unsigned align, LLVMValueRef mask) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(fb->context, 0);
    LLVMTypeRef types[] = {vector, LLVMVectorType(pointer, LLVMGetVectorSize(vector))};
    LLVMValueRef args[] = {build_element(fb, LLVMGetElementType(vector), base, index), i32(fb, align),
                           mask ? mask : all_of(fb, vector), LLVMConstNull(vector)};
    return build_intrinsic2(fb, "llvm.masked.gather", types, args, 4);
}

void build_scatter(FunctionBuilder *fb, LLVMValueRef value, LLVMValueRef base, LLVMValueRef index,
                   unsigned align, LLVMValueRef mask) {
    LLVMTypeRef vector = LLVMTypeOf(value), pointer = LLVMPointerTypeInContext(fb->context, 0);
    LLVMTypeRef types[] = {vector, LLVMVectorType(pointer, LLVMGetVectorSize(vector))};
    LLVMValueRef args[] = {value, build_element(fb, LLVMGetElementType(vector), base, index), i32(fb, align),
                           mask ? mask : all_of(fb, vector)};
    build_intrinsic2(fb, "llvm.masked.scatter", types, args, 4);
}

enum { CACHE_LINE = 64 };

void build_prefetch(FunctionBuilder *fb, LLVMValueRef from, int64_t bytes, Prefetch kind) {
    LLVMTypeRef i8 = LLVMInt8TypeInContext(fb->context);
    LLVMValueRef near = i32(fb, kind == PREFETCH_L2 ? 2 : 3), data = i32(fb, 1);
    for (int64_t at = 0; at < bytes; at += CACHE_LINE) {
        LLVMValueRef args[] = {build_element(fb, i8, from, build_i64(fb, at)),
                               i32(fb, kind == PREFETCH_WRITE), near, data};
        build_intrinsic(fb, "llvm.prefetch", LLVMTypeOf(from), args, 4);
    }
}

/* ---- the entry block --------------------------------------------------------------------------------------------- */

BuilderPlace build_entry_begin(FunctionBuilder *fb) {
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(fb->function);
    BuilderPlace before = {LLVMGetInsertBlock(fb->builder), positions_leave(fb->positions, fb->builder)};
    LLVMValueRef end = LLVMGetBasicBlockTerminator(entry);
    if (end)
        LLVMPositionBuilderBefore(fb->builder, end);
    else
        LLVMPositionBuilderAtEnd(fb->builder, entry);
    return before;
}

void build_entry_end(FunctionBuilder *fb, BuilderPlace before) {
    LLVMPositionBuilderAtEnd(fb->builder, before.block);
    positions_restore(fb->positions, fb->builder, before.position);
}

LLVMValueRef build_stack_slot(FunctionBuilder *fb, LLVMTypeRef type, const char *name) {
    BuilderPlace before = build_entry_begin(fb);
    LLVMValueRef slot = LLVMBuildAlloca(fb->builder, type, name);
    build_entry_end(fb, before);
    return slot;
}

LLVMValueRef build_stack_array(FunctionBuilder *fb, LLVMTypeRef type, int64_t n, const char *name) {
    BuilderPlace before = build_entry_begin(fb);
    LLVMValueRef slot = LLVMBuildArrayAlloca(fb->builder, type, build_i64(fb, n), name);
    build_entry_end(fb, before);
    return slot;
}

/* ---- internal functions ------------------------------------------------------------------------------------------ */

static LLVMValueRef make_internal(FunctionBuilder *fb, const char *name, LLVMTypeRef type, FunctionBody body,
                                  const void *user) {
    BuilderPlace place = {LLVMGetInsertBlock(fb->builder), positions_leave(fb->positions, fb->builder)};
    LLVMValueRef caller = fb->function, params[MOST_PARAMS];
    builder_function(fb, name, type);
    LLVMSetLinkage(fb->function, LLVMInternalLinkage);
    add_attribute(fb, "noinline");
    LLVMGetParams(fb->function, params);
    body(fb, params, user);
    LLVMBuildRetVoid(fb->builder);
    LLVMValueRef made = fb->function;
    fb->function = caller;
    build_entry_end(fb, place);
    return made;
}

void build_call_internal(FunctionBuilder *fb, const char *name, LLVMValueRef *args, unsigned n,
                         FunctionBody body, const void *user) {
    LLVMTypeRef types[MOST_PARAMS];
    for (unsigned i = 0; i < n; i++) types[i] = LLVMTypeOf(args[i]);
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(fb->context), types, n, false);
    LLVMValueRef function = LLVMGetNamedFunction(fb->module, name);
    if (!function) function = make_internal(fb, name, type, body, user);
    LLVMBuildCall2(fb->builder, type, function, args, n, "");
}
