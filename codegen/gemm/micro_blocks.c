/* Micro-kernels of vectors that hold two by two elements of the tile, row by row, and of instructions that multiply two
 * rows of A by two columns of B, two units of each at a time. See micro_body.h. */
#include "codegen/gemm/micro_body.h"

static LLVMTypeRef vector_type(const Micro *m, int lanes) {
    return LLVMVectorType(LLVMFloatTypeInContext(m->fb->context), (unsigned)lanes);
}

/* Lanes of two vectors, those of the second counted on from those of the first. */
static LLVMValueRef four_of(const Micro *m, LLVMValueRef x, LLVMValueRef y, int a, int b, int c, int d) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(m->fb->context);
    LLVMValueRef lanes[] = {LLVMConstInt(i32, (unsigned)a, false), LLVMConstInt(i32, (unsigned)b, false),
                            LLVMConstInt(i32, (unsigned)c, false), LLVMConstInt(i32, (unsigned)d, false)};
    return LLVMBuildShuffleVector(m->fb->builder, x, y, LLVMConstVector(lanes, 4), "");
}

/* ---- operands ---------------------------------------------------------------------------------------------------- */

static LLVMValueRef load_a(const Micro *m, LLVMTypeRef type, LLVMValueRef u, int unit, int row) {
    FunctionBuilder *fb = m->fb;
    LLVMValueRef at = build_scaled(fb, build_add(fb, u, build_i64(fb, unit)), m->spec.step);
    return build_load(fb, type,
                      build_f32_at(fb, m->a, build_add(fb, at, build_i64(fb, (int64_t)row * m->spec.line))));
}

/* Units u and u + 1 of one row. */
static LLVMValueRef load_row(const Micro *m, LLVMValueRef u, int row) {
    FunctionBuilder *fb = m->fb;
    LLVMTypeRef pair = vector_type(m, 2), f32 = LLVMFloatTypeInContext(fb->context);
    if (m->spec.block == 2 || m->spec.step == 1) return load_a(m, pair, u, 0, row);
    LLVMValueRef x = LLVMGetPoison(pair);
    for (int i = 0; i < 2; i++)
        x = LLVMBuildInsertElement(fb->builder, x, load_a(m, f32, u, i, row), build_i64(fb, i), "");
    return x;
}

/* Units u and u + 1 of `row` and the next: of a panel, of lines in memory, or of lines side by side. A row that is not
 * there is the same as the one before: its sums are not stored. */
static LLVMValueRef rows_of_a(const Micro *m, LLVMValueRef u, int row) {
    bool both = row + 1 < m->spec.rows;
    if (both && m->spec.block == 2 && m->spec.line == 2) return load_a(m, vector_type(m, 4), u, 0, row);
    if (both && m->spec.block == 1 && m->spec.line == 1) {
        LLVMTypeRef pair = vector_type(m, 2);
        LLVMValueRef even = load_a(m, pair, u, 0, row);
        return four_of(m, even, load_a(m, pair, u, 1, row), 0, 2, 1, 3);
    }
    LLVMValueRef first = load_row(m, u, row);
    return four_of(m, first, both ? load_row(m, u, row + 1) : first, 0, 1, 2, 3);
}

/* y[]: units u and u + 1 of columns two by two. */
static void columns_of_b(const Micro *m, LLVMValueRef u, LLVMValueRef *y) {
    FunctionBuilder *fb = m->fb;
    for (int v = 0; v < m->spec.vectors; v++) {
        LLVMValueRef units[2];
        for (int i = 0; i < 2; i++) {
            LLVMValueRef at = build_scaled(fb, build_add(fb, u, build_i64(fb, i)), m->kernel->nr);
            at = build_add(fb, at, build_i64(fb, (int64_t)v * m->kernel->lanes));
            units[i] = build_load(fb, vector_type(m, 4), build_f32_at(fb, m->b, at));
        }
        y[2 * v] = four_of(m, units[0], units[1], 0, 4, 1, 5);
        y[2 * v + 1] = four_of(m, units[0], units[1], 2, 6, 3, 7);
    }
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

static LLVMValueRef tile_at(const Micro *m, int row, int vector) {
    FunctionBuilder *fb = m->fb;
    return build_f32_at(fb, m->tile,
                        build_i64(fb, (int64_t)row * m->kernel->nr + (int64_t)vector * m->kernel->lanes));
}

/* Two vectors, of a row and of the next, become two blocks, of two columns and of the next two; or back. */
static void turn(const Micro *m, const LLVMValueRef *from, LLVMValueRef *to) {
    to[0] = four_of(m, from[0], from[1], 0, 1, 4, 5);
    to[1] = four_of(m, from[0], from[1], 2, 3, 6, 7);
}

static void begin_sums(const Micro *m, LLVMValueRef *sums) {
    LLVMTypeRef vector = vector_type(m, 4);
    for (int r = 0; r < m->spec.rows; r += 2)
        for (int v = 0; v < m->spec.vectors; v++) {
            LLVMValueRef rows[] = {LLVMConstNull(vector), LLVMConstNull(vector)};
            for (int i = 0; i < 2 && r + i < m->spec.rows && m->spec.accumulate; i++)
                rows[i] = build_load(m->fb, vector, tile_at(m, r + i, v));
            turn(m, rows, &sums[r * m->spec.vectors + 2 * v]);
        }
}

static void store_sums(const Micro *m, const LLVMValueRef *sums) {
    for (int r = 0; r < m->spec.rows; r += 2)
        for (int v = 0; v < m->spec.vectors; v++) {
            LLVMValueRef rows[2];
            turn(m, &sums[r * m->spec.vectors + 2 * v], rows);
            for (int i = 0; i < 2 && r + i < m->spec.rows; i++)
                build_store(m->fb, rows[i], tile_at(m, r + i, v));
        }
}

/* ---- the function ------------------------------------------------------------------------------------------------ */

/* Sum number r·vectors + j is of rows r and r + 1, r even, and of the j-th two columns. */
void micro_blocks(const Micro *m) {
    FunctionBuilder *fb = m->fb;
    LLVMTypeRef i64 = LLVMInt64TypeInContext(fb->context);
    LLVMBasicBlockRef entry = LLVMGetInsertBlock(fb->builder), body = build_block(fb, "u"),
                      done = build_block(fb, "done");
    LLVMValueRef sums[MOST_SUMS], next[MOST_SUMS], y[2 * MOST_VECTORS], start = build_i64(fb, 0);
    int columns = 2 * m->spec.vectors, n = (m->spec.rows + 1) / 2 * columns;
    begin_sums(m, next);
    LLVMBuildBr(fb->builder, body);
    LLVMPositionBuilderAtEnd(fb->builder, body);
    LLVMValueRef u = LLVMBuildPhi(fb->builder, i64, "u");
    LLVMAddIncoming(u, &start, &entry, 1);
    for (int s = 0; s < n; s++) {
        sums[s] = LLVMBuildPhi(fb->builder, vector_type(m, 4), "");
        LLVMAddIncoming(sums[s], &next[s], &entry, 1);
    }
    columns_of_b(m, u, y);
    for (int s = 0; s < n; s += columns) {
        LLVMValueRef x = rows_of_a(m, u, s / columns * 2);
        for (int j = 0; j < columns; j++) next[s + j] = m->kernel->multiply_blocks(fb, x, y[j], sums[s + j]);
    }
    LLVMValueRef following = LLVMBuildAdd(fb->builder, u, build_i64(fb, 2), "");
    LLVMAddIncoming(u, &following, &body, 1);
    for (int s = 0; s < n; s++) LLVMAddIncoming(sums[s], &next[s], &body, 1);
    LLVMBuildCondBr(fb->builder, LLVMBuildICmp(fb->builder, LLVMIntSLT, following, m->units, ""), body, done);
    LLVMPositionBuilderAtEnd(fb->builder, done);
    store_sums(m, next);
}
