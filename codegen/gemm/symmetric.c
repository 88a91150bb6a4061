/* Symmetric products: see symmetric.h. */
#include "codegen/gemm/symmetric.h"

/* ---- rows and tiles ---------------------------------------------------------------------------------------------- */

static LLVMValueRef down_to(FunctionBuilder *fb, LLVMValueRef x, int64_t grain) {
    LLVMValueRef count = LLVMBuildSDiv(fb->builder, x, build_i64(fb, grain), "");
    return build_scaled(fb, count, grain);
}

static LLVMValueRef up_to(FunctionBuilder *fb, LLVMValueRef x, int64_t grain) {
    return down_to(fb, build_add(fb, x, build_i64(fb, grain - 1)), grain);
}

LLVMValueRef symmetric_first_row(FunctionBuilder *fb, LLVMValueRef col, int mr) {
    return down_to(fb, col, mr);
}

/* Rows up to the i-th have i²/2 elements below the diagonal: share t of T ends at √(t/T) of them. */
void symmetric_share(FunctionBuilder *fb, int64_t n, int64_t grain, LLVMValueRef *from, LLVMValueRef *to) {
    LLVMTypeRef f64 = LLVMDoubleTypeInContext(fb->context), i64 = LLVMInt64TypeInContext(fb->context);
    double grains = (double)((n + grain - 1) / grain);
    LLVMValueRef threads = LLVMBuildSIToFP(fb->builder, fb->threads, f64, "");
    LLVMValueRef bounds[2] = {LLVMBuildSIToFP(fb->builder, fb->thread, f64, "")};
    bounds[1] = LLVMBuildFAdd(fb->builder, bounds[0], LLVMConstReal(f64, 1), "");
    for (int i = 0; i < 2; i++) {
        LLVMValueRef part = LLVMBuildFDiv(fb->builder, bounds[i], threads, "");
        part = build_intrinsic(fb, "llvm.sqrt", f64, &part, 1);
        part = LLVMBuildFMul(fb->builder, part, LLVMConstReal(f64, grains), "");
        part = LLVMBuildFPToSI(fb->builder, part, i64, "");
        bounds[i] = build_smaller(fb, build_scaled(fb, part, grain), build_i64(fb, n));
    }
    *from = bounds[0];
    *to = bounds[1];
}

/* ---- mirrored tiles ---------------------------------------------------------------------------------------------- */

enum {
    BEYOND = 32
}; /* elements that may be read behind a row, and that the last transposed rows write beyond it */

int64_t symmetric_stride(int64_t rows) {
    int64_t stride = (rows + 15) / 16 * 16 + 16;
    return stride % 64 ? stride
                       : stride + 16; /* no power of two, so that rows do not share sets of the cache */
}

int64_t symmetric_units(int64_t rows, int nr) {
    return nr * symmetric_stride(rows) + BEYOND;
}

/* to[c][r] = from[r][c] of `n` rows (4, 2 or 1) and `lanes` columns: rows are interleaved, and each part stored. */
static void transpose_rows(FunctionBuilder *fb, LLVMValueRef from, int64_t from_stride, int n, int lanes,
                           LLVMValueRef to, int64_t to_stride) {
    LLVMTypeRef vector = build_vector_type(LLVMFloatTypeInContext(fb->context), lanes);
    LLVMTypeRef i32 = LLVMInt32TypeInContext(fb->context);
    LLVMValueRef x[4], mask[4 * 64];
    for (int r = 0; r < n; r++)
        x[r] = build_load(fb, vector, build_f32_at(fb, from, build_i64(fb, r * from_stride)));
    for (int wide = 1; wide < n; wide *= 2) /* x[0] x[2], x[1] x[3], then both */
        for (int r = 0; r < n / (2 * wide); r++) {
            int half = n / (2 * wide), all = 2 * wide * lanes;
            for (int i = 0; i < all; i++)
                mask[i] = LLVMConstInt(i32, (unsigned long long)(i / 2 + i % 2 * (all / 2)), false);
            x[r] = LLVMBuildShuffleVector(fb->builder, x[r], x[r + half],
                                          LLVMConstVector(mask, (unsigned)all), "");
        }
    for (int c = 0; c < lanes; c++) {
        for (int i = 0; i < n; i++) mask[i] = LLVMConstInt(i32, (unsigned long long)(c * n + i), false);
        LLVMValueRef part =
            LLVMBuildShuffleVector(fb->builder, x[0], x[0], LLVMConstVector(mask, (unsigned)n), "");
        LLVMValueRef at = build_f32_at(fb, to, build_i64(fb, c * to_stride));
        LLVMSetAlignment(LLVMBuildStore(fb->builder, part, at), 4);
    }
}

void symmetric_keep(FunctionBuilder *fb, const Mirror *m, LLVMValueRef tile, LLVMValueRef row) {
    LLVMValueRef to = build_f32_at(fb, m->buffer, row);
    int lanes = fb->lanes < m->nr ? fb->lanes : m->nr, n;
    Loop column = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, m->nr), lanes, "c");
    LLVMValueRef from = build_f32_at(fb, tile, column.counter);
    to = build_f32_at(fb, to, build_scaled(fb, column.counter, m->stride));
    for (int r = 0; r < m->mr; r += n) {
        n = m->mr - r >= 4 ? 4 : m->mr - r >= 2 ? 2 : 1;
        LLVMValueRef rows = build_f32_at(fb, from, build_i64(fb, (int64_t)r * m->nr));
        transpose_rows(fb, rows, m->nr, n, lanes, build_f32_at(fb, to, build_i64(fb, r)), m->stride);
    }
    build_loop_end(fb, &column);
}

/* Rows of the result that lie in one row of tiles are computed up to the same column, where its last tile ends. */
void symmetric_hand_over(FunctionBuilder *fb, const Mirror *m, LLVMValueRef batch, LLVMValueRef col,
                         LLVMValueRef columns, LLVMValueRef row, LLVMValueRef rows, GemmEpilogue epilogue,
                         void *user) {
    LLVMValueRef end_col = build_add(fb, col, columns), end_row = build_add(fb, row, rows);
    LLVMValueRef last = build_add(fb, end_col, build_i64(fb, m->mr - 1));
    Loop tiles = build_loop_begin(fb, down_to(fb, col, m->mr), last, m->mr, "mirrored");
    LLVMValueRef first = build_larger(fb, tiles.counter, col),
                 behind = build_smaller(fb, tiles.next, end_col);
    LLVMValueRef start = build_larger(fb, row, up_to(fb, tiles.next, m->nr));
    Fork fork = build_if(fb, LLVMBuildICmp(fb->builder, LLVMIntSLT, start, end_row, ""));
    LLVMValueRef at = build_scaled(fb, LLVMBuildSub(fb->builder, first, col, ""), m->stride);
    at = build_add(fb, at, LLVMBuildSub(fb->builder, start, row, ""));
    LLVMValueRef width = LLVMBuildSub(fb->builder, behind, first, ""),
                 height = LLVMBuildSub(fb->builder, end_row, start, "");
    epilogue(user, batch, first, width, start, height, build_f32_at(fb, m->buffer, at), m->stride);
    build_end_if(fb, &fork);
    build_loop_end(fb, &tiles);
}
