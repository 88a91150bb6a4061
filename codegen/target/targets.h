/* Inside codegen/target/: all targets, and what several of them are made of. */
#ifndef VITC_CODEGEN_TARGET_TARGETS_H
#define VITC_CODEGEN_TARGET_TARGETS_H

#include "codegen/emit/builder.h"
#include "codegen/target.h"

#define TARGET(name) extern const Target target_##name;
#include "codegen/target/targets.def"
#undef TARGET

extern const Architecture architecture_x86_64;

/* A fused multiply-add of f32 vectors, as LLVM has it for every processor, and the micro-kernel of the generic
 * target. */
extern const MicroKernel generic_fma;
LLVMValueRef generic_multiply_add(FunctionBuilder *fb, int lanes, LLVMValueRef x, LLVMValueRef y,
                                  LLVMValueRef sum);

/* The levels of the x86-64 psABI (System V ABI, AMD64 supplement, section 3.1.1), without what LLVM has no name for. */
#define X86_64_V2_FEATURES "cx16,popcnt,sahf,sse3,ssse3,sse4.1,sse4.2"
#define X86_64_V3_FEATURES X86_64_V2_FEATURES ",avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,xsave"
#define X86_64_V4_FEATURES X86_64_V3_FEATURES ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"

/* Of AVX-512. */
extern const MicroKernel avx512_fma;
extern const TableMath avx512_tables;
/* Vectors of 512 bits, where LLVM would take half as wide ones; and prefetches that announce a write, which every
 * processor with AVX-512 has (and any other would pass over, prefetchw being a hint). */
#define AVX512_PREFERENCES "-prefer-256-bit,+prfchw"

/* The micro-kernel of tile registers, and of their model: a square of two by two tiles, summed over pairs of bf16. */
#define TILE_KERNEL(registers)                                                                               \
    {.name = "tile",                                                                                         \
     .mr = 2 * TILE_EDGE,                                                                                    \
     .nr = 2 * TILE_EDGE,                                                                                    \
     .lanes = TILE_EDGE,                                                                                     \
     .unit_elements = 2,                                                                                     \
     .unit_step = TILE_EDGE,                                                                                 \
     .tiles = registers}

#endif
