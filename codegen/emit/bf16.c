/* bfloat16: by integer arithmetic, which is the same on every target, or by the target's own conversions. See bf16.h.
 * */
#include "codegen/emit/bf16.h"

/* The type of `scalar` elements with as many lanes as x. */
static LLVMTypeRef like(LLVMValueRef x, LLVMTypeRef scalar) {
    return build_is_vector(x) ? LLVMVectorType(scalar, LLVMGetVectorSize(LLVMTypeOf(x))) : scalar;
}

static LLVMTypeRef i32_like(FunctionBuilder *fb, LLVMValueRef x) {
    return like(x, LLVMInt32TypeInContext(fb->context));
}

static LLVMTypeRef i16_like(FunctionBuilder *fb, LLVMValueRef x) {
    return like(x, LLVMInt16TypeInContext(fb->context));
}

static LLVMValueRef integer(FunctionBuilder *fb, LLVMValueRef x, unsigned value) {
    LLVMValueRef scalar = LLVMConstInt(LLVMInt32TypeInContext(fb->context), value, false), lanes[128];
    if (!build_is_vector(x)) return scalar;
    unsigned n = LLVMGetVectorSize(LLVMTypeOf(x));
    for (unsigned i = 0; i < n; i++) lanes[i] = scalar;
    return LLVMConstVector(lanes, n);
}

/* Whether the target converts it. */
static bool is_native(const FunctionBuilder *fb, LLVMValueRef x) {
    return fb->native_bf16 && build_is_vector(x);
}

/* i16s by the target's conversion. */
static LLVMValueRef convert(FunctionBuilder *fb, LLVMValueRef x) {
    LLVMValueRef half = LLVMBuildFPTrunc(fb->builder, x, like(x, LLVMBFloatTypeInContext(fb->context)), "");
    return LLVMBuildBitCast(fb->builder, half, i16_like(fb, x), "");
}

static LLVMValueRef to_upper(FunctionBuilder *fb, LLVMValueRef half) {
    LLVMValueRef wide = LLVMBuildZExt(fb->builder, half, i32_like(fb, half), "");
    return LLVMBuildShl(fb->builder, wide, integer(fb, half, 16), "");
}

static LLVMValueRef round_by_integers(FunctionBuilder *fb, LLVMValueRef x) {
    LLVMBuilderRef b = fb->builder;
    LLVMValueRef bits = LLVMBuildBitCast(b, x, i32_like(fb, x), "");
    LLVMValueRef odd = LLVMBuildAnd(b, LLVMBuildLShr(b, bits, integer(fb, x, 16), ""), integer(fb, x, 1), "");
    LLVMValueRef up = LLVMBuildAdd(b, LLVMBuildAdd(b, bits, integer(fb, x, 0x7fff), ""), odd, "");
    LLVMValueRef nan = LLVMBuildFCmp(b, LLVMRealUNO, x, x, "");
    up = LLVMBuildSelect(b, nan, LLVMBuildOr(b, bits, integer(fb, x, 0x400000), ""), up, "");
    return LLVMBuildAnd(b, up, integer(fb, x, 0xffff0000u), "");
}

LLVMValueRef bf16_round(FunctionBuilder *fb, LLVMValueRef x) {
    return is_native(fb, x) ? to_upper(fb, convert(fb, x)) : round_by_integers(fb, x);
}

LLVMValueRef bf16_rounded(FunctionBuilder *fb, LLVMValueRef x) {
    return LLVMBuildBitCast(fb->builder, bf16_round(fb, x), LLVMTypeOf(x), "");
}

/* The upper halves of i32s. */
static LLVMValueRef upper_of(FunctionBuilder *fb, LLVMValueRef bits) {
    LLVMValueRef upper = LLVMBuildLShr(fb->builder, bits, integer(fb, bits, 16), "");
    return LLVMBuildTrunc(fb->builder, upper, i16_like(fb, bits), "");
}

LLVMValueRef bf16_to_memory(FunctionBuilder *fb, LLVMValueRef x) {
    return is_native(fb, x) ? convert(fb, x) : upper_of(fb, round_by_integers(fb, x));
}

LLVMValueRef bf16_rounded_to_memory(FunctionBuilder *fb, LLVMValueRef x) {
    return upper_of(fb, LLVMBuildBitCast(fb->builder, x, i32_like(fb, x), ""));
}

LLVMValueRef bf16_from_memory(FunctionBuilder *fb, LLVMValueRef x) {
    return LLVMBuildBitCast(fb->builder, to_upper(fb, x), like(x, LLVMFloatTypeInContext(fb->context)), "");
}
