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

LLVMValueRef micro_units_of(FunctionBuilder *fb, const Micro *micro, LLVMValueRef k) {
    if (micro->kind == MICRO_FMA) return k;
    int64_t step = micro->kind == MICRO_DOT ? 2 : 2 * TILE_EDGE;
    k = LLVMBuildAdd(fb->builder, k, build_i64(fb, step - 1), "");
    if (micro->kind == MICRO_TILE) k = LLVMBuildAnd(fb->builder, k, build_i64(fb, -step), "");
    return LLVMBuildAShr(fb->builder, k, build_i64(fb, 1), "");
}

static LLVMTypeRef f32_type(const FunctionBuilder *fb) {
    return LLVMFloatTypeInContext(fb->context);
}

static LLVMValueRef at(FunctionBuilder *fb, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(fb->builder, f32_type(fb), base, &index, 1, "");
}

static LLVMValueRef mul(FunctionBuilder *fb, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildMul(fb->builder, a, b, "");
}

static LLVMValueRef load(FunctionBuilder *fb, LLVMTypeRef type, LLVMValueRef from) {
    LLVMValueRef x = LLVMBuildLoad2(fb->builder, type, from, "");
    LLVMSetAlignment(x, 4);
    return x;
}

static void store(FunctionBuilder *fb, LLVMValueRef value, LLVMValueRef to) {
    LLVMSetAlignment(LLVMBuildStore(fb->builder, value, to), 4);
}

/* ---- vectors --------------------------------------------------------------------------------------------------- */

typedef struct {
    LLVMValueRef a, b, units, tile;
    int rows, vectors;
    bool accumulate;
} MicroArgs;

/* sum + x·y, x a unit of A in every lane, y a vector of units of B. */
static LLVMValueRef multiply_add(FunctionBuilder *fb, const Micro *m, LLVMValueRef x, LLVMValueRef y,
                                 LLVMValueRef sum) {
    LLVMTypeRef vector = LLVMVectorType(f32_type(fb), (unsigned)m->lanes);
    if (m->kind == MICRO_FMA)
        return build_intrinsic(fb, "llvm.fmuladd", vector, (LLVMValueRef[]){x, y, sum}, 3);
    LLVMTypeRef pairs = LLVMVectorType(LLVMBFloatTypeInContext(fb->context), 2 * (unsigned)m->lanes);
    LLVMValueRef args[] = {sum, LLVMBuildBitCast(fb->builder, x, pairs, ""),
                           LLVMBuildBitCast(fb->builder, y, pairs, "")};
    return build_intrinsic(fb, "llvm.x86.avx512bf16.dpbf16ps.512", NULL, args, 3);
}

static void vector_kernel(FunctionBuilder *fb, const Micro *m, const MicroArgs *p) {
    LLVMTypeRef i64 = LLVMInt64TypeInContext(fb->context),
                vector = LLVMVectorType(f32_type(fb), (unsigned)m->lanes);
    LLVMBasicBlockRef entry = LLVMGetInsertBlock(fb->builder);
    LLVMBasicBlockRef body = build_block(fb, "u");
    LLVMBasicBlockRef done = build_block(fb, "done");
    LLVMValueRef sums[MOST_SUMS], next[MOST_SUMS], to[MOST_SUMS], b[8], start = build_i64(fb, 0);
    int n = p->rows * p->vectors;
    for (int s = 0; s < n; s++) {
        to[s] = at(fb, p->tile, build_i64(fb, (int64_t)(s / p->vectors * m->nr + s % p->vectors * m->lanes)));
        next[s] = p->accumulate ? load(fb, vector, to[s]) : LLVMConstNull(vector);
    }
    LLVMBuildBr(fb->builder, body);
    LLVMPositionBuilderAtEnd(fb->builder, body);
    LLVMValueRef u = LLVMBuildPhi(fb->builder, i64, "u");
    LLVMAddIncoming(u, &start, &entry, 1);
    for (int s = 0; s < n; s++) {
        sums[s] = LLVMBuildPhi(fb->builder, vector, "");
        LLVMAddIncoming(sums[s], &next[s], &entry, 1);
    }
    LLVMValueRef from_a = at(fb, p->a, mul(fb, u, build_i64(fb, m->a_step))),
                 from_b = at(fb, p->b, mul(fb, u, build_i64(fb, m->nr)));
    for (int v = 0; v < p->vectors; v++) b[v] = load(fb, vector, at(fb, from_b, build_i64(fb, v * m->lanes)));
    for (int r = 0; r < p->rows; r++) {
        LLVMValueRef x = build_splat(
            fb, m->lanes, load(fb, f32_type(fb), at(fb, from_a, build_i64(fb, (int64_t)r * m->a_line))));
        for (int v = 0; v < p->vectors; v++) {
            int s = r * p->vectors + v;
            next[s] = multiply_add(fb, m, x, b[v], sums[s]);
        }
    }
    LLVMValueRef following = LLVMBuildAdd(fb->builder, u, build_i64(fb, 1), "");
    LLVMAddIncoming(u, &following, &body, 1);
    for (int s = 0; s < n; s++) LLVMAddIncoming(sums[s], &next[s], &body, 1);
    LLVMBuildCondBr(fb->builder, LLVMBuildICmp(fb->builder, LLVMIntSLT, following, p->units, ""), body, done);
    LLVMPositionBuilderAtEnd(fb->builder, done);
    for (int s = 0; s < n; s++) store(fb, next[s], to[s]);
}

/* ---- tile registers ----------------------------------------------------------------------------------------------- */

/* Eight registers of 16 rows of 16 units; in the model, arrays on the stack. */
typedef struct {
    FunctionBuilder *fb;
    bool model;
    LLVMValueRef array[N_TILES];
} Tiles;

static LLVMValueRef tile_number(const Tiles *t, int tile) {
    return LLVMConstInt(LLVMInt8TypeInContext(t->fb->context), (unsigned)tile, false);
}

static void tile_intrinsic(const Tiles *t, const char *name, LLVMValueRef *args, unsigned n) {
    build_intrinsic(t->fb, name, NULL, args, n);
}

/* Copies rows of 64 bytes; either side may be the array of a tile, whose rows follow each other. stride in units. */
static void model_copy(const Tiles *t, LLVMValueRef to, int64_t to_stride, LLVMValueRef from,
                       int64_t from_stride) {
    FunctionBuilder *fb = t->fb;
    LLVMTypeRef row = LLVMVectorType(f32_type(fb), TILE_EDGE);
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, TILE_EDGE), 1, "row");
    LLVMValueRef x = load(fb, row, at(fb, from, mul(fb, loop.counter, build_i64(fb, from_stride))));
    store(fb, x, at(fb, to, mul(fb, loop.counter, build_i64(fb, to_stride))));
    build_loop_end(fb, &loop);
}

static void tile_load(const Tiles *t, int tile, LLVMValueRef from, int64_t stride) {
    if (t->model)
        model_copy(t, t->array[tile], TILE_EDGE, from, stride);
    else
        tile_intrinsic(t, "llvm.x86.tileloadd64",
                       (LLVMValueRef[]){tile_number(t, tile), from, build_i64(t->fb, 4 * stride)}, 3);
}

static void tile_store(const Tiles *t, int tile, LLVMValueRef to, int64_t stride) {
    if (t->model)
        model_copy(t, to, stride, t->array[tile], TILE_EDGE);
    else
        tile_intrinsic(t, "llvm.x86.tilestored64",
                       (LLVMValueRef[]){tile_number(t, tile), to, build_i64(t->fb, 4 * stride)}, 3);
}

static void tile_zero(const Tiles *t, int tile) {
    FunctionBuilder *fb = t->fb;
    if (t->model)
        LLVMBuildMemSet(fb->builder, t->array[tile], LLVMConstNull(LLVMInt8TypeInContext(fb->context)),
                        build_i64(fb, 4 * TILE_BLOCK), 4);
    else
        tile_intrinsic(t, "llvm.x86.tilezero", (LLVMValueRef[]){tile_number(t, tile)}, 1);
}

/* The f32s of the first or second elements of pairs. */
static LLVMValueRef half_of(FunctionBuilder *fb, LLVMValueRef pairs, bool second) {
    LLVMValueRef shift = LLVMConstInt(LLVMInt32TypeInContext(fb->context), 16, false), shifts[TILE_EDGE];
    for (int i = 0; i < TILE_EDGE; i++) shifts[i] = shift;
    LLVMValueRef by = LLVMConstVector(shifts, TILE_EDGE);
    if (second) pairs = LLVMBuildLShr(fb->builder, pairs, by, "");
    pairs = LLVMBuildShl(fb->builder, pairs, by, "");
    return LLVMBuildBitCast(fb->builder, pairs, LLVMVectorType(f32_type(fb), TILE_EDGE), "");
}

/* c[m][n] += a[m][2k]·b[k][2n] + a[m][2k+1]·b[k][2n+1] */
static void model_dot(const Tiles *t, int c, int a, int b) {
    FunctionBuilder *fb = t->fb;
    LLVMTypeRef i32 = LLVMInt32TypeInContext(fb->context), row = LLVMVectorType(f32_type(fb), TILE_EDGE);
    Loop m = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, TILE_EDGE), 1, "m");
    LLVMValueRef base = mul(fb, m.counter, build_i64(fb, TILE_EDGE)), to = at(fb, t->array[c], base);
    Loop k = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, TILE_EDGE), 1, "k");
    LLVMValueRef unit = load(fb, i32, at(fb, t->array[a], LLVMBuildAdd(fb->builder, base, k.counter, "")));
    LLVMValueRef pairs = load(fb, LLVMVectorType(i32, TILE_EDGE),
                              at(fb, t->array[b], mul(fb, k.counter, build_i64(fb, TILE_EDGE))));
    LLVMValueRef x = build_splat(fb, TILE_EDGE, unit), sum = load(fb, row, to);
    for (int half = 0; half < 2; half++)
        sum = build_intrinsic(fb, "llvm.fmuladd", row,
                              (LLVMValueRef[]){half_of(fb, x, half == 1), half_of(fb, pairs, half == 1), sum},
                              3);
    store(fb, sum, to);
    build_loop_end(fb, &k);
    build_loop_end(fb, &m);
}

static void tile_dot(const Tiles *t, int c, int a, int b) {
    if (t->model)
        model_dot(t, c, a, b);
    else
        tile_intrinsic(t, "llvm.x86.tdpbf16ps",
                       (LLVMValueRef[]){tile_number(t, c), tile_number(t, a), tile_number(t, b)}, 3);
}

/* Tiles 0..3: the sums; 4, 5: rows of A; 6, 7: columns of B. */
static void tile_kernel(FunctionBuilder *fb, const Micro *m, const MicroArgs *p) {
    Tiles t = {.fb = fb, .model = m->model};
    for (int i = 0; m->model && i < N_TILES; i++)
        t.array[i] = LLVMBuildAlloca(fb->builder, LLVMArrayType2(f32_type(fb), TILE_BLOCK), "tile");
    int rows = (p->rows + TILE_EDGE - 1) / TILE_EDGE, columns = p->vectors;
    for (int pass = 0; pass < 2; pass++) {
        Loop loop = {0};
        if (pass == 1) loop = build_loop_begin(fb, build_i64(fb, 0), p->units, TILE_EDGE, "u");
        for (int i = 0; pass == 1 && i < rows; i++) {
            LLVMValueRef block = LLVMBuildAdd(fb->builder, mul(fb, loop.counter, build_i64(fb, m->mr)),
                                              build_i64(fb, (int64_t)i * TILE_BLOCK), "");
            tile_load(&t, 4 + i, at(fb, p->a, block), TILE_EDGE);
        }
        for (int j = 0; j < columns; j++) {
            if (pass == 1) {
                LLVMValueRef row = LLVMBuildAdd(fb->builder, mul(fb, loop.counter, build_i64(fb, m->nr)),
                                                build_i64(fb, (int64_t)j * TILE_EDGE), "");
                tile_load(&t, 6 + j, at(fb, p->b, row), m->nr);
            }
            for (int i = 0; i < rows; i++) {
                int sum = 2 * i + j;
                LLVMValueRef of_sum = at(fb, p->tile, build_i64(fb, (int64_t)(i * m->nr + j) * TILE_EDGE));
                if (pass == 1)
                    tile_dot(&t, sum, 4 + i, 6 + j);
                else if (p->accumulate)
                    tile_load(&t, sum, of_sum, m->nr);
                else
                    tile_zero(&t, sum);
            }
        }
        if (pass == 1) build_loop_end(fb, &loop);
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            tile_store(&t, 2 * i + j, at(fb, p->tile, build_i64(fb, (int64_t)(i * m->nr + j) * TILE_EDGE)),
                       m->nr);
}

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

void micro_begin(FunctionBuilder *fb, const Micro *micro) {
    if (micro->kind != MICRO_TILE || micro->model) return;
    LLVMValueRef configuration = tile_configuration(fb);
    build_intrinsic(fb, "llvm.x86.ldtilecfg", NULL, &configuration, 1);
}

void micro_end(FunctionBuilder *fb, const Micro *micro) {
    if (micro->kind == MICRO_TILE && !micro->model)
        build_intrinsic(fb, "llvm.x86.tilerelease", NULL, NULL, 0);
}

/* ---- functions ------------------------------------------------------------------------------------------------------ */

static LLVMValueRef make_kernel(FunctionBuilder *fb, const Micro *m, MicroArgs *p, LLVMTypeRef type) {
    static const char *const kinds[] = {"fma", "dot", "tile"};
    char name[64];
    snprintf(name, sizeof name, "micro_%s_%dx%d_%d_%d%s", kinds[m->kind], p->rows, p->vectors, m->a_line,
             m->a_step, p->accumulate ? "_more" : "");
    LLVMValueRef known = LLVMGetNamedFunction(fb->module, name);
    if (known) return known;
    InternalFunction inner = build_function_begin(fb, name, type);
    p->a = LLVMGetParam(inner.function, 0);
    p->b = LLVMGetParam(inner.function, 1);
    p->units = LLVMGetParam(inner.function, 2);
    p->tile = LLVMGetParam(inner.function, 3);
    if (m->kind == MICRO_TILE)
        tile_kernel(fb, m, p);
    else
        vector_kernel(fb, m, p);
    build_function_end(fb, &inner);
    return inner.function;
}

void micro_call(FunctionBuilder *fb, const Micro *micro, int rows, int vectors, LLVMValueRef a,
                LLVMValueRef b, LLVMValueRef units, LLVMValueRef tile, bool accumulate) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(fb->context, 0), i64 = LLVMInt64TypeInContext(fb->context);
    LLVMTypeRef params[] = {pointer, pointer, i64, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(fb->context), params, 4, false);
    if (micro->kind == MICRO_TILE) rows = (rows + TILE_EDGE - 1) / TILE_EDGE * TILE_EDGE;
    MicroArgs args = {.rows = rows, .vectors = vectors, .accumulate = accumulate};
    LLVMValueRef kernel = make_kernel(fb, micro, &args, type);
    LLVMBuildCall2(fb->builder, type, kernel, (LLVMValueRef[]){a, b, units, tile}, 4, "");
}
