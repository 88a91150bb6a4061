/* A model of AMX: loops over arrays on the stack do what tile registers do, so that all code around them (packing,
 * edges, attention) runs, and is tested, on machines without them. */
#include "codegen/target/targets.h"

static LLVMTypeRef row_type(const FunctionBuilder *fb) {
    return LLVMVectorType(LLVMFloatTypeInContext(fb->context), TILE_EDGE);
}

static LLVMValueRef tile(FunctionBuilder *fb, int number) {
    (void)number;
    LLVMTypeRef array = LLVMArrayType2(LLVMFloatTypeInContext(fb->context), TILE_UNITS);
    return LLVMBuildAlloca(fb->builder, array, "tile");
}

/* Copies rows of 64 bytes; either side may be the array of a tile, whose rows follow each other. */
static void copy(FunctionBuilder *fb, LLVMValueRef to, int64_t to_stride, LLVMValueRef from,
                 int64_t from_stride) {
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, TILE_EDGE), 1, "row");
    LLVMValueRef at = build_f32_at(fb, from, build_scaled(fb, loop.counter, from_stride)),
                 x = build_load(fb, row_type(fb), at);
    build_store(fb, x, build_f32_at(fb, to, build_scaled(fb, loop.counter, to_stride)));
    build_loop_end(fb, &loop);
}

static void load(FunctionBuilder *fb, LLVMValueRef tile, LLVMValueRef from, int64_t stride) {
    copy(fb, tile, TILE_EDGE, from, stride);
}

static void store(FunctionBuilder *fb, LLVMValueRef tile, LLVMValueRef to, int64_t stride) {
    copy(fb, to, stride, tile, TILE_EDGE);
}

static void zero(FunctionBuilder *fb, LLVMValueRef tile) {
    LLVMValueRef nothing = LLVMConstNull(LLVMInt8TypeInContext(fb->context));
    LLVMBuildMemSet(fb->builder, tile, nothing, build_i64(fb, 4 * TILE_UNITS), 4);
}

/* The f32s of the first or second elements of pairs. */
static LLVMValueRef half_of(FunctionBuilder *fb, LLVMValueRef pairs, bool second) {
    LLVMValueRef sixteen = LLVMConstInt(LLVMInt32TypeInContext(fb->context), 16, false);
    LLVMValueRef by = build_splat(fb, TILE_EDGE, sixteen);
    if (second) pairs = LLVMBuildLShr(fb->builder, pairs, by, "");
    pairs = LLVMBuildShl(fb->builder, pairs, by, "");
    return LLVMBuildBitCast(fb->builder, pairs, row_type(fb), "");
}

static void dot(FunctionBuilder *fb, LLVMValueRef c, LLVMValueRef a, LLVMValueRef b) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(fb->context), row = row_type(fb);
    Loop m = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, TILE_EDGE), 1, "m");
    LLVMValueRef base = build_scaled(fb, m.counter, TILE_EDGE), to = build_f32_at(fb, c, base);
    Loop k = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, TILE_EDGE), 1, "k");
    LLVMValueRef unit = build_load(fb, i32, build_f32_at(fb, a, build_add(fb, base, k.counter)));
    LLVMValueRef pairs = build_load(fb, LLVMVectorType(i32, TILE_EDGE),
                                    build_f32_at(fb, b, build_scaled(fb, k.counter, TILE_EDGE)));
    LLVMValueRef x = build_splat(fb, TILE_EDGE, unit), sum = build_load(fb, row, to);
    for (int half = 0; half < 2; half++) {
        LLVMValueRef args[] = {half_of(fb, x, half == 1), half_of(fb, pairs, half == 1), sum};
        sum = build_intrinsic(fb, "llvm.fmuladd", row, args, 3);
    }
    build_store(fb, sum, to);
    build_loop_end(fb, &k);
    build_loop_end(fb, &m);
}

static const TileRegisters model = {.tile = tile, .load = load, .store = store, .zero = zero, .dot = dot};
static const MicroKernel tiles = TILE_KERNEL(&model);

const Target target_amx_model = {.name = "amx-model",
                                 .architecture = &architecture_x86_64,
                                 .features = "",
                                 .preferences = "",
                                 .by_name_only = true,
                                 .cores = 16,
                                 .own_cache = 2 << 20,
                                 .lanes = 4,
                                 .micro = {&generic_fma, &tiles, &tiles}};
