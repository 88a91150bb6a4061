/* Micro-kernels of vectors: each holds a few columns of one row of the tile; a unit of A in all lanes is multiplied by
 * units of B side by side. See micro_body.h. */
#include "codegen/gemm/micro_body.h"

/* The unit of row r, in every lane. *whole: the vector that it is a lane of, where rows lie side by side and the target
 * multiplies by lanes. */
static LLVMValueRef row_of_a(const Micro *m, LLVMValueRef from, int r, LLVMValueRef *whole) {
    FunctionBuilder *fb = m->fb;
    int lanes = m->kernel->lanes, lane = r % lanes;
    LLVMTypeRef f32 = LLVMFloatTypeInContext(fb->context), i32 = LLVMInt32TypeInContext(fb->context);
    LLVMValueRef at = build_f32_at(fb, from, build_i64(fb, (int64_t)r * m->spec.line));
    if (!m->kernel->by_lane || m->spec.line != 1 || r - lane + lanes > m->spec.rows)
        return build_splat(fb, lanes, build_load(fb, f32, at));
    if (lane == 0) *whole = build_load(fb, build_vector_type(f32, lanes), at);
    LLVMValueRef number = build_splat(fb, lanes, LLVMConstInt(i32, (unsigned)lane, false));
    return LLVMBuildShuffleVector(fb->builder, *whole, LLVMGetPoison(LLVMTypeOf(*whole)), number, "");
}

/* The share of unit u in what the micro-kernel asks for. */
static void ask_ahead(const Micro *m, LLVMValueRef u) {
    FunctionBuilder *fb = m->fb;
    LLVMBuilderRef b = fb->builder;
    LLVMValueRef units = build_i64(fb, m->ahead->units), run = LLVMBuildUDiv(b, u, units, ""),
                 in_run = LLVMBuildURem(b, u, units, "");
    LLVMValueRef at = LLVMBuildUDiv(b, build_mul(fb, in_run, m->ahead->bytes), units, "");
    at = build_add(fb, at, build_mul(fb, run, m->ahead->stride));
    at = build_element(fb, LLVMInt8TypeInContext(fb->context), m->ahead->from, at);
    build_prefetch(fb, at, 1, PREFETCH_L2);
}

/* next[] = sums[] and the products of unit `u`: a column of A by a row of B. */
static void add_unit(const Micro *m, LLVMValueRef u, LLVMValueRef *sums, LLVMValueRef *next) {
    FunctionBuilder *fb = m->fb;
    int lanes = m->kernel->lanes, vectors = m->spec.vectors;
    LLVMTypeRef vector = build_vector_type(LLVMFloatTypeInContext(fb->context), lanes);
    LLVMValueRef from_a = build_f32_at(fb, m->a, build_scaled(fb, u, m->spec.step));
    LLVMValueRef from_b = build_f32_at(fb, m->b, build_scaled(fb, u, m->kernel->nr)), y[MOST_VECTORS];
    for (int v = 0; v < vectors; v++)
        y[v] = build_load(fb, vector, build_f32_at(fb, from_b, build_i64(fb, (int64_t)v * lanes)));
    if (m->ahead) ask_ahead(m, u);
    LLVMValueRef whole = NULL;
    for (int r = 0; r < m->spec.rows; r++) {
        LLVMValueRef x = row_of_a(m, from_a, r, &whole);
        for (int v = 0; v < vectors; v++) {
            int s = r * vectors + v;
            next[s] = m->kernel->multiply_add(fb, lanes, x, y[v], sums[s]);
        }
    }
}

void micro_vectors(const Micro *m) {
    FunctionBuilder *fb = m->fb;
    LLVMTypeRef i64 = LLVMInt64TypeInContext(fb->context),
                vector = build_vector_type(LLVMFloatTypeInContext(fb->context), m->kernel->lanes);
    LLVMBasicBlockRef entry = LLVMGetInsertBlock(fb->builder);
    LLVMBasicBlockRef body = build_block(fb, "u");
    LLVMBasicBlockRef done = build_block(fb, "done");
    LLVMValueRef sums[MOST_SUMS], next[MOST_SUMS], to[MOST_SUMS], start = build_i64(fb, 0);
    int n = m->spec.rows * m->spec.vectors;
    for (int s = 0; s < n; s++) {
        int row = s / m->spec.vectors, column = s % m->spec.vectors * m->kernel->lanes;
        to[s] = build_f32_at(fb, m->tile, build_i64(fb, (int64_t)row * m->kernel->nr + column));
        next[s] = m->spec.accumulate ? build_load(fb, vector, to[s]) : LLVMConstNull(vector);
    }
    LLVMBuildBr(fb->builder, body);
    LLVMPositionBuilderAtEnd(fb->builder, body);
    LLVMValueRef u = LLVMBuildPhi(fb->builder, i64, "u");
    LLVMAddIncoming(u, &start, &entry, 1);
    for (int s = 0; s < n; s++) {
        sums[s] = LLVMBuildPhi(fb->builder, vector, "");
        LLVMAddIncoming(sums[s], &next[s], &entry, 1);
    }
    add_unit(m, u, sums, next);
    LLVMValueRef following = LLVMBuildAdd(fb->builder, u, build_i64(fb, 1), "");
    LLVMAddIncoming(u, &following, &body, 1);
    for (int s = 0; s < n; s++) LLVMAddIncoming(sums[s], &next[s], &body, 1);
    LLVMBuildCondBr(fb->builder, LLVMBuildICmp(fb->builder, LLVMIntSLT, following, m->units, ""), body, done);
    LLVMPositionBuilderAtEnd(fb->builder, done);
    for (int s = 0; s < n; s++) build_store(fb, next[s], to[s]);
}
