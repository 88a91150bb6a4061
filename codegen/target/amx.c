/* AMX: products of bf16 in tile registers; all else as AVX-512 has it. */
#include "codegen/target/targets.h"

/* Palette 1, eight tiles of 16 rows of 64 bytes: bytes 16.. hold a row's bytes (u16), bytes 48.. the rows (u8). */
static LLVMValueRef tile_configuration(FunctionBuilder *fb) {
    LLVMValueRef known = LLVMGetNamedGlobal(fb->module, "tile_configuration");
    if (known) return known;
    char bytes[64] = {1};
    for (int i = 0; i < N_TILES; i++) {
        bytes[16 + 2 * i] = 4 * TILE_EDGE;
        bytes[48 + i] = TILE_EDGE;
    }
    LLVMValueRef text = LLVMConstStringInContext2(fb->context, bytes, sizeof bytes, true);
    LLVMValueRef global = LLVMAddGlobal(fb->module, LLVMTypeOf(text), "tile_configuration");
    LLVMSetInitializer(global, text);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMInternalLinkage);
    LLVMSetAlignment(global, 64);
    return global;
}

static void configure(FunctionBuilder *fb) {
    LLVMValueRef configuration = tile_configuration(fb);
    build_intrinsic(fb, "llvm.x86.ldtilecfg", NULL, &configuration, 1);
}

static void release(FunctionBuilder *fb) {
    build_intrinsic(fb, "llvm.x86.tilerelease", NULL, NULL, 0);
}

static LLVMValueRef tile(FunctionBuilder *fb, int number) {
    return LLVMConstInt(LLVMInt8TypeInContext(fb->context), (unsigned)number, false);
}

static void load(FunctionBuilder *fb, LLVMValueRef tile, LLVMValueRef from, int64_t stride) {
    LLVMValueRef args[] = {tile, from, build_i64(fb, 4 * stride)};
    build_intrinsic(fb, "llvm.x86.tileloadd64", NULL, args, 3);
}

static void store(FunctionBuilder *fb, LLVMValueRef tile, LLVMValueRef to, int64_t stride) {
    LLVMValueRef args[] = {tile, to, build_i64(fb, 4 * stride)};
    build_intrinsic(fb, "llvm.x86.tilestored64", NULL, args, 3);
}

static void zero(FunctionBuilder *fb, LLVMValueRef tile) {
    build_intrinsic(fb, "llvm.x86.tilezero", NULL, &tile, 1);
}

static void dot(FunctionBuilder *fb, LLVMValueRef c, LLVMValueRef a, LLVMValueRef b) {
    build_intrinsic(fb, "llvm.x86.tdpbf16ps", NULL, (LLVMValueRef[]){c, a, b}, 3);
}

static const TileRegisters registers = {configure, release, tile, load, store, zero, dot};
static const MicroKernel tiles = TILE_KERNEL(&registers);

const Target target_amx = {
    .name = "amx",
    .architecture = &architecture_x86_64,
    .features = X86_64_V4_FEATURES ",avx512bf16,amx-tile,amx-bf16",
    .preferences = AVX512_PREFERENCES,
    .cores = 16,
    .own_cache = 2 << 20,
    .lanes = 16,
    .native_bf16 = true,
    .micro = {[PRECISION_FP32] = &avx512_fma, [PRECISION_BF16] = &tiles, [PRECISION_BF16X3] = &tiles},
    .tables = &avx512_tables};
