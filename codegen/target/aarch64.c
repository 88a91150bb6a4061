/* AArch64: thirty-two registers of four lanes, of which twenty-four hold the tile; with and without instructions for
 * bf16. */
#include "codegen/target/targets.h"

static const Architecture architecture = {
    .name = "aarch64", .triple = "aarch64-unknown-linux-gnu", .cpu = "generic", .preferences = ""};

static const MicroKernel fma = {.name = "fma",
                                .mr = 12,
                                .nr = 8,
                                .lanes = 4,
                                .unit_elements = 1,
                                .unit_step = 1,
                                .multiply_add = generic_multiply_add,
                                .by_lane = true};

/* bfmmla: four products and four sums a lane. Unless the processor has FEAT_EBF16, products are added two by two, sums
 * are rounded to odd, and denormals are flushed to zero (Arm ARM, BFMatMulAdd and BFDotAdd). */
static LLVMValueRef multiply_blocks(FunctionBuilder *fb, LLVMValueRef x, LLVMValueRef y, LLVMValueRef sum) {
    LLVMTypeRef eight = build_vector_type(LLVMBFloatTypeInContext(fb->context), 8);
    LLVMValueRef args[] = {sum, LLVMBuildBitCast(fb->builder, x, eight, ""),
                           LLVMBuildBitCast(fb->builder, y, eight, "")};
    return build_intrinsic(fb, "llvm.aarch64.neon.bfmmla", NULL, args, 3);
}

static const MicroKernel mmla = {.name = "mmla",
                                 .mr = 12,
                                 .nr = 8,
                                 .lanes = 4,
                                 .unit_elements = 2,
                                 .unit_step = 2,
                                 .multiply_blocks = multiply_blocks};

const Target target_aarch64 = {.name = "aarch64",
                               .architecture = &architecture,
                               .features = "neon",
                               .preferences = "",
                               .cores = 4,
                               .own_cache = 512 << 10,
                               .lanes = 4,
                               .micro = {&fma, &fma, &fma}};

/* bfmmla does the work of four FMAs: the six of it that bf16x3 takes lose against it. */
const Target target_aarch64_bf16 = {
    .name = "aarch64-bf16",
    .architecture = &architecture,
    .features = "neon,bf16",
    .preferences = "",
    .cores = 8,
    .own_cache = 1 << 20,
    .lanes = 4,
    .native_bf16 = true,
    .micro = {[PRECISION_FP32] = &fma, [PRECISION_BF16] = &mmla, [PRECISION_BF16X3] = &fma}};
