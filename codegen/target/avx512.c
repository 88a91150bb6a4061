/* AVX-512, without and with dot products of bf16: thirty-two registers of sixteen lanes, of which twenty-four hold
 * the tile. */
#include "codegen/target/targets.h"

/* vpermps: 16 floats in one instruction. */
static LLVMValueRef look_up(FunctionBuilder *fb, LLVMValueRef table, LLVMValueRef index) {
    return build_intrinsic(fb, "llvm.x86.avx512.permvar.sf.512", NULL, (LLVMValueRef[]){table, index}, 2);
}

/* vscalefps */
static LLVMValueRef scale(FunctionBuilder *fb, LLVMValueRef y, LLVMValueRef n) {
    LLVMTypeRef i16 = LLVMInt16TypeInContext(fb->context), i32 = LLVMInt32TypeInContext(fb->context);
    enum { CURRENT_ROUNDING = 4 };
    LLVMValueRef args[] = {y, n, y, LLVMConstAllOnes(i16), LLVMConstInt(i32, CURRENT_ROUNDING, false)};
    return build_intrinsic(fb, "llvm.x86.avx512.mask.scalef.ps.512", NULL, args, 5);
}

const TableMath avx512_tables = {look_up, scale};

const MicroKernel avx512_fma = {.name = "fma",
                                .mr = 12,
                                .nr = 32,
                                .lanes = 16,
                                .unit_elements = 1,
                                .unit_step = 1,
                                .multiply_add = generic_multiply_add};

const Target target_x86_64_v4 = {.name = "x86-64-v4",
                                 .architecture = &architecture_x86_64,
                                 .features = X86_64_V4_FEATURES,
                                 .preferences = AVX512_PREFERENCES,
                                 .cores = 16,
                                 .own_cache = 1 << 20,
                                 .lanes = 16,
                                 .micro = {&avx512_fma, &avx512_fma, &avx512_fma},
                                 .tables = &avx512_tables};

/* vdpbf16ps: two products and two sums a lane. */
static LLVMValueRef dot_pairs(FunctionBuilder *fb, int lanes, LLVMValueRef x, LLVMValueRef y,
                              LLVMValueRef sum) {
    LLVMTypeRef pairs = build_vector_type(LLVMBFloatTypeInContext(fb->context), 2 * lanes);
    LLVMValueRef args[] = {sum, LLVMBuildBitCast(fb->builder, x, pairs, ""),
                           LLVMBuildBitCast(fb->builder, y, pairs, "")};
    return build_intrinsic(fb, "llvm.x86.avx512bf16.dpbf16ps.512", NULL, args, 3);
}

static const MicroKernel dot = {.name = "dot",
                                .mr = 12,
                                .nr = 32,
                                .lanes = 16,
                                .unit_elements = 2,
                                .unit_step = 1,
                                .multiply_add = dot_pairs};

/* vdpbf16ps is twice an FMA at best: the six of them that bf16x3 takes lose against it. Where it is not, code without
 * it is faster. */
const Target target_avx512bf16 = {
    .name = "avx512bf16",
    .architecture = &architecture_x86_64,
    .features = X86_64_V4_FEATURES ",avx512bf16",
    .traits = "fast-bf16-dot",
    .preferences = AVX512_PREFERENCES,
    .cores = 16,
    .own_cache = 1 << 20,
    .lanes = 16,
    .native_bf16 = true,
    .micro = {[PRECISION_FP32] = &avx512_fma, [PRECISION_BF16] = &dot, [PRECISION_BF16X3] = &avx512_fma},
    .tables = &avx512_tables};
