/* Reductions: see reduction.h. */
#include "codegen/kernels/reduction.h"

LLVMValueRef reduction_identity(FunctionBuilder *fb, const Node *node) {
    LLVMTypeRef type = build_type(fb, node->type.dtype);
    if (node->op == OP_sum) return LLVMConstNull(type);
    if (dtype_is_float(node->type.dtype)) return LLVMConstReal(type, -__builtin_inf());
    return LLVMConstInt(type, 1ull << (8 * dtype_size(node->type.dtype) - 1), false);
}

LLVMValueRef reduction_combine(FunctionBuilder *fb, const Node *node, LLVMValueRef a, LLVMValueRef b) {
    if (node->op == OP_amax) return build_larger(fb, a, b);
    if (!dtype_is_float(node->type.dtype)) return LLVMBuildAdd(fb->builder, a, b, "");
    return LLVMBuildFAdd(fb->builder, a, b, "");
}

LLVMValueRef reduction_fold_lanes(FunctionBuilder *fb, const Node *node, LLVMValueRef vector) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(fb->context);
    for (int half = fb->lanes / 2; half >= 1; half /= 2) {
        LLVMValueRef low[64], high[64];
        for (int i = 0; i < half; i++) {
            low[i] = LLVMConstInt(i32, (unsigned)i, false);
            high[i] = LLVMConstInt(i32, (unsigned)(i + half), false);
        }
        LLVMValueRef undefined = LLVMGetPoison(LLVMTypeOf(vector));
        LLVMValueRef a =
            LLVMBuildShuffleVector(fb->builder, vector, undefined, LLVMConstVector(low, (unsigned)half), "");
        LLVMValueRef b =
            LLVMBuildShuffleVector(fb->builder, vector, undefined, LLVMConstVector(high, (unsigned)half), "");
        vector = reduction_combine(fb, node, a, b);
    }
    return LLVMBuildExtractElement(fb->builder, vector, LLVMConstInt(i32, 0, false), "");
}

LLVMTypeRef reduction_vector(FunctionBuilder *fb, const Node *node) {
    return LLVMVectorType(build_type(fb, node->type.dtype), (unsigned)fb->lanes);
}
