/* Vectors of four lanes, which LLVM makes of what any processor has. It is the micro-kernel of baselines. */
#include "codegen/target/targets.h"

LLVMValueRef generic_multiply_add(FunctionBuilder *fb, int lanes, LLVMValueRef x, LLVMValueRef y,
                                  LLVMValueRef sum) {
    LLVMTypeRef vector = build_vector_type(LLVMFloatTypeInContext(fb->context), lanes);
    return build_intrinsic(fb, "llvm.fmuladd", vector, (LLVMValueRef[]){x, y, sum}, 3);
}

const MicroKernel generic_fma = {.name = "fma",
                                 .mr = 4,
                                 .nr = 8,
                                 .lanes = 4,
                                 .unit_elements = 1,
                                 .unit_step = 1,
                                 .multiply_add = generic_multiply_add};
