/* A target whose products of bf16 are of blocks of two by two, as the bfmmla of AArch64 has them, imitated by vectors
 * that every machine has, so that the code around them (packing, edges, attention) runs anywhere. */
#ifndef VITC_TESTS_CODEGEN_BLOCKS_MODEL_H
#define VITC_TESTS_CODEGEN_BLOCKS_MODEL_H

#include "codegen/target/targets.h"

/* Lanes of x as f32s, each as the bf16 element `element`, 0 to 3, of line `line` of each of the block's two by two
 * sums: of x's lines where `rows`, else of y's. */
static LLVMValueRef model_elements(FunctionBuilder *fb, LLVMValueRef x, bool rows, int element) {
    LLVMTypeRef i16 = LLVMInt16TypeInContext(fb->context), i32 = LLVMInt32TypeInContext(fb->context);
    LLVMValueRef lanes[4];
    for (int s = 0; s < 4; s++)
        lanes[s] = LLVMConstInt(i32, (unsigned)(4 * (rows ? s / 2 : s % 2) + element), false);
    x = LLVMBuildBitCast(fb->builder, x, LLVMVectorType(i16, 8), "");
    x = LLVMBuildShuffleVector(fb->builder, x, LLVMGetPoison(LLVMTypeOf(x)), LLVMConstVector(lanes, 4), "");
    x = LLVMBuildZExt(fb->builder, x, LLVMVectorType(i32, 4), "");
    x = LLVMBuildShl(fb->builder, x, build_splat(fb, 4, LLVMConstInt(i32, 16, false)), "");
    return LLVMBuildBitCast(fb->builder, x, LLVMVectorType(LLVMFloatTypeInContext(fb->context), 4), "");
}

static LLVMValueRef model_multiply_blocks(FunctionBuilder *fb, LLVMValueRef x, LLVMValueRef y,
                                          LLVMValueRef sum) {
    for (int e = 0; e < 4; e++)
        sum =
            generic_multiply_add(fb, 4, model_elements(fb, x, true, e), model_elements(fb, y, false, e), sum);
    return sum;
}

static const MicroKernel model_blocks = {.name = "blocks",
                                         .mr = 12,
                                         .nr = 8,
                                         .lanes = 4,
                                         .unit_elements = 2,
                                         .unit_step = 2,
                                         .multiply_blocks = model_multiply_blocks};
static const MicroKernel model_lanes = {.name = "lanes",
                                        .mr = 12,
                                        .nr = 8,
                                        .lanes = 4,
                                        .unit_elements = 1,
                                        .unit_step = 1,
                                        .multiply_add = generic_multiply_add,
                                        .by_lane = true};

static const Target blocks_model = {.name = "blocks-model",
                                    .architecture = &architecture_x86_64,
                                    .features = "",
                                    .preferences = "",
                                    .by_name_only = true,
                                    .lanes = 4,
                                    .micro = {&model_lanes, &model_blocks, &model_blocks}};

#endif
