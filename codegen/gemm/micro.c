/* Micro-kernels: see micro.h. Each is an internal function, made once a module. */
#include "codegen/gemm/micro.h"

#include <stdio.h>
#include <string.h>

enum { MOST_SUMS = 64, N_TILES = 8 };

Micro micro_choose(const Target *target, Precision precision) {
    const TargetRow *row = target->row;
    Micro fma = {MICRO_FMA, row->mr, row->lanes * row->nv, row->lanes, false, 1, row->mr};
    /* vdpbf16ps is twice an FMA at best: three of them lose against it. */
    int terms = precision_terms(precision);
    if (terms == 0 || row->bf16 == MICRO_FMA || (terms > 1 && row->bf16 == MICRO_DOT)) return fma;
    if (row->bf16 == MICRO_DOT)
        return (Micro){MICRO_DOT, row->mr, row->lanes * row->nv, row->lanes, false, 1, row->mr};
    return (Micro){MICRO_TILE, 2 * TILE_EDGE, 2 * TILE_EDGE, TILE_EDGE, row->model, 1, 2 * TILE_EDGE};
}

int64_t micro_units(const Micro *micro, int64_t k) {
    if (micro->kind == MICRO_FMA) return k;
    return micro->kind == MICRO_DOT ? (k + 1) / 2 : (k + 2 * TILE_EDGE - 1) / (2 * TILE_EDGE) * TILE_EDGE;
}

LLVMValueRef micro_units_of(Emitter *e, const Micro *micro, LLVMValueRef k) {
    if (micro->kind == MICRO_FMA) return k;
    int64_t step = micro->kind == MICRO_DOT ? 2 : 2 * TILE_EDGE;
    k = LLVMBuildAdd(e->builder, k, emit_i64(e, step - 1), "");
    if (micro->kind == MICRO_TILE) k = LLVMBuildAnd(e->builder, k, emit_i64(e, -step), "");
    return LLVMBuildAShr(e->builder, k, emit_i64(e, 1), "");
}

static LLVMTypeRef f32_type(const Emitter *e) {
    return LLVMFloatTypeInContext(e->context);
}

static LLVMValueRef at(Emitter *e, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(e->builder, f32_type(e), base, &index, 1, "");
}

static LLVMValueRef mul(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildMul(e->builder, a, b, "");
}

static LLVMValueRef load(Emitter *e, LLVMTypeRef type, LLVMValueRef from) {
    LLVMValueRef x = LLVMBuildLoad2(e->builder, type, from, "");
    LLVMSetAlignment(x, 4);
    return x;
}

static void store(Emitter *e, LLVMValueRef value, LLVMValueRef to) {
    LLVMSetAlignment(LLVMBuildStore(e->builder, value, to), 4);
}

/* ---- vectors --------------------------------------------------------------------------------------------------- */

typedef struct {
    LLVMValueRef a, b, units, tile;
    int rows, vectors;
    bool accumulate;
} MicroArgs;

/* sum + x·y, x a unit of A in every lane, y a vector of units of B. */
static LLVMValueRef multiply_add(Emitter *e, const Micro *m, LLVMValueRef x, LLVMValueRef y,
                                 LLVMValueRef sum) {
    LLVMTypeRef vector = LLVMVectorType(f32_type(e), (unsigned)m->lanes);
    if (m->kind == MICRO_FMA)
        return emit_intrinsic(e, "llvm.fmuladd", vector, (LLVMValueRef[]){x, y, sum}, 3);
    LLVMTypeRef pairs = LLVMVectorType(LLVMBFloatTypeInContext(e->context), 2 * (unsigned)m->lanes);
    LLVMValueRef args[] = {sum, LLVMBuildBitCast(e->builder, x, pairs, ""),
                           LLVMBuildBitCast(e->builder, y, pairs, "")};
    return emit_intrinsic(e, "llvm.x86.avx512bf16.dpbf16ps.512", NULL, args, 3);
}

static void vector_kernel(Emitter *e, const Micro *m, const MicroArgs *p) {
    LLVMTypeRef i64 = LLVMInt64TypeInContext(e->context),
                vector = LLVMVectorType(f32_type(e), (unsigned)m->lanes);
    LLVMBasicBlockRef entry = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef body = emit_new_block(e, "u");
    LLVMBasicBlockRef done = emit_new_block(e, "done");
    LLVMValueRef sums[MOST_SUMS], next[MOST_SUMS], to[MOST_SUMS], b[8], start = emit_i64(e, 0);
    int n = p->rows * p->vectors, width = e->width;
    for (int s = 0; s < n; s++) {
        to[s] = at(e, p->tile, emit_i64(e, (int64_t)(s / p->vectors * m->nr + s % p->vectors * m->lanes)));
        next[s] = p->accumulate ? load(e, vector, to[s]) : LLVMConstNull(vector);
    }
    LLVMBuildBr(e->builder, body);
    LLVMPositionBuilderAtEnd(e->builder, body);
    LLVMValueRef u = LLVMBuildPhi(e->builder, i64, "u");
    LLVMAddIncoming(u, &start, &entry, 1);
    for (int s = 0; s < n; s++) {
        sums[s] = LLVMBuildPhi(e->builder, vector, "");
        LLVMAddIncoming(sums[s], &next[s], &entry, 1);
    }
    LLVMValueRef from_a = at(e, p->a, mul(e, u, emit_i64(e, m->a_step))),
                 from_b = at(e, p->b, mul(e, u, emit_i64(e, m->nr)));
    for (int v = 0; v < p->vectors; v++) b[v] = load(e, vector, at(e, from_b, emit_i64(e, v * m->lanes)));
    e->width = m->lanes;
    for (int r = 0; r < p->rows; r++) {
        LLVMValueRef x =
            emit_splat(e, load(e, f32_type(e), at(e, from_a, emit_i64(e, (int64_t)r * m->a_line))));
        for (int v = 0; v < p->vectors; v++) {
            int s = r * p->vectors + v;
            next[s] = multiply_add(e, m, x, b[v], sums[s]);
        }
    }
    e->width = width;
    LLVMValueRef following = LLVMBuildAdd(e->builder, u, emit_i64(e, 1), "");
    LLVMAddIncoming(u, &following, &body, 1);
    for (int s = 0; s < n; s++) LLVMAddIncoming(sums[s], &next[s], &body, 1);
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, following, p->units, ""), body, done);
    LLVMPositionBuilderAtEnd(e->builder, done);
    for (int s = 0; s < n; s++) store(e, next[s], to[s]);
}

/* ---- tile registers ----------------------------------------------------------------------------------------------- */

/* Eight registers of 16 rows of 16 units; in the model, arrays on the stack. */
typedef struct {
    Emitter *e;
    bool model;
    LLVMValueRef array[N_TILES];
} Tiles;

static LLVMValueRef tile_number(const Tiles *t, int tile) {
    return LLVMConstInt(LLVMInt8TypeInContext(t->e->context), (unsigned)tile, false);
}

static void tile_intrinsic(const Tiles *t, const char *name, LLVMValueRef *args, unsigned n) {
    emit_intrinsic(t->e, name, NULL, args, n);
}

/* Copies rows of 64 bytes; either side may be the array of a tile, whose rows follow each other. stride in units. */
static void model_copy(const Tiles *t, LLVMValueRef to, int64_t to_stride, LLVMValueRef from,
                       int64_t from_stride) {
    Emitter *e = t->e;
    LLVMTypeRef row = LLVMVectorType(f32_type(e), TILE_EDGE);
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, TILE_EDGE), 1, "row");
    LLVMValueRef x = load(e, row, at(e, from, mul(e, loop.counter, emit_i64(e, from_stride))));
    store(e, x, at(e, to, mul(e, loop.counter, emit_i64(e, to_stride))));
    emit_loop_end(e, &loop);
}

static void tile_load(const Tiles *t, int tile, LLVMValueRef from, int64_t stride) {
    if (t->model)
        model_copy(t, t->array[tile], TILE_EDGE, from, stride);
    else
        tile_intrinsic(t, "llvm.x86.tileloadd64",
                       (LLVMValueRef[]){tile_number(t, tile), from, emit_i64(t->e, 4 * stride)}, 3);
}

static void tile_store(const Tiles *t, int tile, LLVMValueRef to, int64_t stride) {
    if (t->model)
        model_copy(t, to, stride, t->array[tile], TILE_EDGE);
    else
        tile_intrinsic(t, "llvm.x86.tilestored64",
                       (LLVMValueRef[]){tile_number(t, tile), to, emit_i64(t->e, 4 * stride)}, 3);
}

static void tile_zero(const Tiles *t, int tile) {
    Emitter *e = t->e;
    if (t->model)
        LLVMBuildMemSet(e->builder, t->array[tile], LLVMConstNull(LLVMInt8TypeInContext(e->context)),
                        emit_i64(e, 4 * TILE_BLOCK), 4);
    else
        tile_intrinsic(t, "llvm.x86.tilezero", (LLVMValueRef[]){tile_number(t, tile)}, 1);
}

/* The f32s of the first or second elements of pairs. */
static LLVMValueRef half_of(Emitter *e, LLVMValueRef pairs, bool second) {
    LLVMValueRef shift = LLVMConstInt(LLVMInt32TypeInContext(e->context), 16, false), shifts[TILE_EDGE];
    for (int i = 0; i < TILE_EDGE; i++) shifts[i] = shift;
    LLVMValueRef by = LLVMConstVector(shifts, TILE_EDGE);
    if (second) pairs = LLVMBuildLShr(e->builder, pairs, by, "");
    pairs = LLVMBuildShl(e->builder, pairs, by, "");
    return LLVMBuildBitCast(e->builder, pairs, LLVMVectorType(f32_type(e), TILE_EDGE), "");
}

/* c[m][n] += a[m][2k]·b[k][2n] + a[m][2k+1]·b[k][2n+1] */
static void model_dot(const Tiles *t, int c, int a, int b) {
    Emitter *e = t->e;
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->context), row = LLVMVectorType(f32_type(e), TILE_EDGE);
    int width = e->width;
    Loop m = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, TILE_EDGE), 1, "m");
    LLVMValueRef base = mul(e, m.counter, emit_i64(e, TILE_EDGE)), to = at(e, t->array[c], base);
    Loop k = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, TILE_EDGE), 1, "k");
    LLVMValueRef unit = load(e, i32, at(e, t->array[a], LLVMBuildAdd(e->builder, base, k.counter, "")));
    LLVMValueRef pairs = load(e, LLVMVectorType(i32, TILE_EDGE),
                              at(e, t->array[b], mul(e, k.counter, emit_i64(e, TILE_EDGE))));
    e->width = TILE_EDGE;
    LLVMValueRef x = emit_splat(e, unit), sum = load(e, row, to);
    for (int half = 0; half < 2; half++)
        sum =
            emit_intrinsic(e, "llvm.fmuladd", row,
                           (LLVMValueRef[]){half_of(e, x, half == 1), half_of(e, pairs, half == 1), sum}, 3);
    e->width = width;
    store(e, sum, to);
    emit_loop_end(e, &k);
    emit_loop_end(e, &m);
}

static void tile_dot(const Tiles *t, int c, int a, int b) {
    if (t->model)
        model_dot(t, c, a, b);
    else
        tile_intrinsic(t, "llvm.x86.tdpbf16ps",
                       (LLVMValueRef[]){tile_number(t, c), tile_number(t, a), tile_number(t, b)}, 3);
}

/* Tiles 0..3: the sums; 4, 5: rows of A; 6, 7: columns of B. */
static void tile_kernel(Emitter *e, const Micro *m, const MicroArgs *p) {
    Tiles t = {.e = e, .model = m->model};
    for (int i = 0; m->model && i < N_TILES; i++)
        t.array[i] = LLVMBuildAlloca(e->builder, LLVMArrayType2(f32_type(e), TILE_BLOCK), "tile");
    int rows = (p->rows + TILE_EDGE - 1) / TILE_EDGE, columns = p->vectors;
    for (int pass = 0; pass < 2; pass++) {
        Loop loop = {0};
        if (pass == 1) loop = emit_loop_begin(e, emit_i64(e, 0), p->units, TILE_EDGE, "u");
        for (int i = 0; pass == 1 && i < rows; i++) {
            LLVMValueRef block = LLVMBuildAdd(e->builder, mul(e, loop.counter, emit_i64(e, m->mr)),
                                              emit_i64(e, (int64_t)i * TILE_BLOCK), "");
            tile_load(&t, 4 + i, at(e, p->a, block), TILE_EDGE);
        }
        for (int j = 0; j < columns; j++) {
            if (pass == 1) {
                LLVMValueRef row = LLVMBuildAdd(e->builder, mul(e, loop.counter, emit_i64(e, m->nr)),
                                                emit_i64(e, (int64_t)j * TILE_EDGE), "");
                tile_load(&t, 6 + j, at(e, p->b, row), m->nr);
            }
            for (int i = 0; i < rows; i++) {
                int sum = 2 * i + j;
                LLVMValueRef of_sum = at(e, p->tile, emit_i64(e, (int64_t)(i * m->nr + j) * TILE_EDGE));
                if (pass == 1)
                    tile_dot(&t, sum, 4 + i, 6 + j);
                else if (p->accumulate)
                    tile_load(&t, sum, of_sum, m->nr);
                else
                    tile_zero(&t, sum);
            }
        }
        if (pass == 1) emit_loop_end(e, &loop);
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            tile_store(&t, 2 * i + j, at(e, p->tile, emit_i64(e, (int64_t)(i * m->nr + j) * TILE_EDGE)),
                       m->nr);
}

/* Palette 1, eight tiles of 16 rows of 64 bytes: bytes 16.. hold a row's bytes (u16), bytes 48.. the rows (u8). */
static LLVMValueRef tile_configuration(Emitter *e) {
    LLVMValueRef known = LLVMGetNamedGlobal(e->module, "tile_configuration");
    if (known) return known;
    char bytes[64] = {1};
    for (int i = 0; i < N_TILES; i++) {
        bytes[16 + 2 * i] = 4 * TILE_EDGE;
        bytes[48 + i] = TILE_EDGE;
    }
    LLVMValueRef text = LLVMConstStringInContext2(e->context, bytes, sizeof bytes, true);
    LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(text), "tile_configuration");
    LLVMSetInitializer(global, text);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMInternalLinkage);
    LLVMSetAlignment(global, 64);
    return global;
}

void micro_begin(Emitter *e, const Micro *micro) {
    if (micro->kind != MICRO_TILE || micro->model) return;
    LLVMValueRef configuration = tile_configuration(e);
    emit_intrinsic(e, "llvm.x86.ldtilecfg", NULL, &configuration, 1);
}

void micro_end(Emitter *e, const Micro *micro) {
    if (micro->kind == MICRO_TILE && !micro->model) emit_intrinsic(e, "llvm.x86.tilerelease", NULL, NULL, 0);
}

/* ---- functions ------------------------------------------------------------------------------------------------------ */

static LLVMValueRef make_kernel(Emitter *e, const Micro *m, MicroArgs *p, LLVMTypeRef type) {
    static const char *const kinds[] = {"fma", "dot", "tile"};
    char name[64];
    snprintf(name, sizeof name, "micro_%s_%dx%d_%d_%d%s", kinds[m->kind], p->rows, p->vectors, m->a_line,
             m->a_step, p->accumulate ? "_more" : "");
    LLVMValueRef known = LLVMGetNamedFunction(e->module, name);
    if (known) return known;
    Detour detour = emit_detour_begin(e, name, type);
    p->a = LLVMGetParam(detour.function, 0);
    p->b = LLVMGetParam(detour.function, 1);
    p->units = LLVMGetParam(detour.function, 2);
    p->tile = LLVMGetParam(detour.function, 3);
    if (m->kind == MICRO_TILE)
        tile_kernel(e, m, p);
    else
        vector_kernel(e, m, p);
    emit_detour_end(e, &detour);
    return detour.function;
}

void micro_call(Emitter *e, const Micro *micro, int rows, int vectors, LLVMValueRef a, LLVMValueRef b,
                LLVMValueRef units, LLVMValueRef tile, bool accumulate) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(e->context, 0), i64 = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef params[] = {pointer, pointer, i64, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, 4, false);
    if (micro->kind == MICRO_TILE) rows = (rows + TILE_EDGE - 1) / TILE_EDGE * TILE_EDGE;
    MicroArgs args = {.rows = rows, .vectors = vectors, .accumulate = accumulate};
    LLVMValueRef kernel = make_kernel(e, micro, &args, type);
    LLVMBuildCall2(e->builder, type, kernel, (LLVMValueRef[]){a, b, units, tile}, 4, "");
}
