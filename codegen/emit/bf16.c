/* bfloat16: by integer arithmetic, which is the same on every target, or by the target's own conversions. See bf16.h.
 * */
#include "codegen/emit/bf16.h"

static bool is_vector(LLVMValueRef x) {
    return LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMVectorTypeKind;
}

/* The type of `scalar` elements with as many lanes as x. */
static LLVMTypeRef like(LLVMValueRef x, LLVMTypeRef scalar) {
    return is_vector(x) ? LLVMVectorType(scalar, LLVMGetVectorSize(LLVMTypeOf(x))) : scalar;
}

static LLVMContextRef context_of(LLVMValueRef x) {
    return LLVMGetTypeContext(LLVMTypeOf(x));
}

static LLVMValueRef integer(LLVMValueRef x, unsigned value) {
    LLVMValueRef scalar = LLVMConstInt(LLVMInt32TypeInContext(context_of(x)), value, false), lanes[128];
    if (!is_vector(x)) return scalar;
    unsigned n = LLVMGetVectorSize(LLVMTypeOf(x));
    for (unsigned i = 0; i < n; i++) lanes[i] = scalar;
    return LLVMConstVector(lanes, n);
}

/* i16s by the target's conversion. */
static LLVMValueRef convert(LLVMBuilderRef b, LLVMValueRef x) {
    LLVMValueRef half = LLVMBuildFPTrunc(b, x, like(x, LLVMBFloatTypeInContext(context_of(x))), "");
    return LLVMBuildBitCast(b, half, like(x, LLVMInt16TypeInContext(context_of(x))), "");
}

static LLVMValueRef to_upper(LLVMBuilderRef b, LLVMValueRef half) {
    LLVMValueRef wide = LLVMBuildZExt(b, half, like(half, LLVMInt32TypeInContext(context_of(half))), "");
    return LLVMBuildShl(b, wide, integer(half, 16), "");
}

LLVMValueRef bf16_round(LLVMBuilderRef b, bool native, LLVMValueRef x) {
    if (native && is_vector(x)) return to_upper(b, convert(b, x));
    LLVMValueRef bits = LLVMBuildBitCast(b, x, like(x, LLVMInt32TypeInContext(context_of(x))), "");
    LLVMValueRef odd = LLVMBuildAnd(b, LLVMBuildLShr(b, bits, integer(x, 16), ""), integer(x, 1), "");
    LLVMValueRef up = LLVMBuildAdd(b, LLVMBuildAdd(b, bits, integer(x, 0x7fff), ""), odd, "");
    LLVMValueRef nan = LLVMBuildFCmp(b, LLVMRealUNO, x, x, "");
    up = LLVMBuildSelect(b, nan, LLVMBuildOr(b, bits, integer(x, 0x400000), ""), up, "");
    return LLVMBuildAnd(b, up, integer(x, 0xffff0000u), "");
}

LLVMValueRef bf16_rounded(LLVMBuilderRef b, bool native, LLVMValueRef x) {
    return LLVMBuildBitCast(b, bf16_round(b, native, x), LLVMTypeOf(x), "");
}

LLVMValueRef bf16_to_memory(LLVMBuilderRef b, bool native, LLVMValueRef x) {
    if (native && is_vector(x)) return convert(b, x);
    LLVMValueRef upper = LLVMBuildLShr(b, bf16_round(b, false, x), integer(x, 16), "");
    return LLVMBuildTrunc(b, upper, like(x, LLVMInt16TypeInContext(context_of(x))), "");
}

LLVMValueRef bf16_from_memory(LLVMBuilderRef b, LLVMValueRef x) {
    return LLVMBuildBitCast(b, to_upper(b, x), like(x, LLVMFloatTypeInContext(context_of(x))), "");
}
