/* Micro-kernels: see micro.h. Each is an internal function, made once a module. */
#include "codegen/gemm/micro.h"

#include <stdio.h>

enum { MOST_SUMS = 64, MOST_VECTORS = 8 };

int64_t micro_units(const MicroKernel *kernel, int64_t k) {
    int64_t step = kernel->unit_elements * kernel->unit_step;
    return (k + step - 1) / step * kernel->unit_step;
}

LLVMValueRef micro_units_of(FunctionBuilder *fb, const MicroKernel *kernel, LLVMValueRef k) {
    int64_t step = kernel->unit_elements * kernel->unit_step;
    if (step == 1) return k;
    k = LLVMBuildAdd(fb->builder, k, build_i64(fb, step - 1), "");
    if (kernel->unit_step > 1) k = LLVMBuildAnd(fb->builder, k, build_i64(fb, -step), "");
    return kernel->unit_elements > 1 ? LLVMBuildAShr(fb->builder, k, build_i64(fb, 1), "") : k;
}

void micro_begin(FunctionBuilder *fb, const MicroKernel *kernel) {
    if (kernel->tiles && kernel->tiles->begin) kernel->tiles->begin(fb);
}

void micro_end(FunctionBuilder *fb, const MicroKernel *kernel) {
    if (kernel->tiles && kernel->tiles->end) kernel->tiles->end(fb);
}

/* The function being made. */
typedef struct {
    FunctionBuilder *fb;
    const MicroKernel *kernel;
    MicroSpec spec;
    LLVMValueRef a, b, units, tile;
} Micro;

/* ---- vectors --------------------------------------------------------------------------------------------------- */

/* next[] = sums[] and the products of unit `u`: a column of A by a row of B. */
static void add_unit(const Micro *m, LLVMValueRef u, LLVMValueRef *sums, LLVMValueRef *next) {
    FunctionBuilder *fb = m->fb;
    int lanes = m->kernel->lanes, vectors = m->spec.vectors;
    LLVMTypeRef f32 = LLVMFloatTypeInContext(fb->context), vector = build_vector_type(f32, lanes);
    LLVMValueRef from_a = build_f32_at(fb, m->a, build_scaled(fb, u, m->spec.step));
    LLVMValueRef from_b = build_f32_at(fb, m->b, build_scaled(fb, u, m->kernel->nr)), y[MOST_VECTORS];
    for (int v = 0; v < vectors; v++)
        y[v] = build_load(fb, vector, build_f32_at(fb, from_b, build_i64(fb, (int64_t)v * lanes)));
    for (int r = 0; r < m->spec.rows; r++) {
        LLVMValueRef at = build_f32_at(fb, from_a, build_i64(fb, (int64_t)r * m->spec.line));
        LLVMValueRef x = build_splat(fb, lanes, build_load(fb, f32, at));
        for (int v = 0; v < vectors; v++) {
            int s = r * vectors + v;
            next[s] = m->kernel->multiply_add(fb, lanes, x, y[v], sums[s]);
        }
    }
}

static void vector_kernel(const Micro *m) {
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

/* ---- tile registers ---------------------------------------------------------------------------------------------- */

/* Sums are in registers 0..3, two by two; rows of A in 4 and 5, columns of B in 6 and 7. */
typedef struct {
    const Micro *m;
    const TileRegisters *registers;
    LLVMValueRef tile[N_TILES];
    int rows, columns; /* of tiles, that are wanted */
} Tiles;

static LLVMValueRef sum_at(const Tiles *t, int i, int j) {
    FunctionBuilder *fb = t->m->fb;
    return build_f32_at(fb, t->m->tile, build_i64(fb, (int64_t)(i * t->m->kernel->nr + j) * TILE_EDGE));
}

static void begin_sums(const Tiles *t) {
    for (int j = 0; j < t->columns; j++)
        for (int i = 0; i < t->rows; i++) {
            LLVMValueRef sum = t->tile[2 * i + j];
            if (t->m->spec.accumulate)
                t->registers->load(t->m->fb, sum, sum_at(t, i, j), t->m->kernel->nr);
            else
                t->registers->zero(t->m->fb, sum);
        }
}

/* Adds the products of 16 units from unit `u` on. */
static void add_tiles(const Tiles *t, LLVMValueRef u) {
    FunctionBuilder *fb = t->m->fb;
    for (int i = 0; i < t->rows; i++) {
        LLVMValueRef block = build_scaled(fb, u, t->m->kernel->mr);
        block = build_add(fb, block, build_i64(fb, (int64_t)i * TILE_UNITS));
        t->registers->load(fb, t->tile[4 + i], build_f32_at(fb, t->m->a, block), TILE_EDGE);
    }
    for (int j = 0; j < t->columns; j++) {
        LLVMValueRef row = build_scaled(fb, u, t->m->kernel->nr);
        row = build_add(fb, row, build_i64(fb, (int64_t)j * TILE_EDGE));
        t->registers->load(fb, t->tile[6 + j], build_f32_at(fb, t->m->b, row), t->m->kernel->nr);
        for (int i = 0; i < t->rows; i++)
            t->registers->dot(fb, t->tile[2 * i + j], t->tile[4 + i], t->tile[6 + j]);
    }
}

static void tile_kernel(const Micro *m) {
    Tiles t = {
        .m = m, .registers = m->kernel->tiles, .rows = m->spec.rows / TILE_EDGE, .columns = m->spec.vectors};
    for (int i = 0; i < N_TILES; i++) t.tile[i] = t.registers->tile(m->fb, i);
    begin_sums(&t);
    Loop loop = build_loop_begin(m->fb, build_i64(m->fb, 0), m->units, TILE_EDGE, "u");
    add_tiles(&t, loop.counter);
    build_loop_end(m->fb, &loop);
    for (int i = 0; i < t.rows; i++)
        for (int j = 0; j < t.columns; j++)
            t.registers->store(m->fb, t.tile[2 * i + j], sum_at(&t, i, j), m->kernel->nr);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static void micro_body(FunctionBuilder *fb, const LLVMValueRef *params, const void *user) {
    Micro m = *(const Micro *)user;
    m.fb = fb;
    m.a = params[0];
    m.b = params[1];
    m.units = params[2];
    m.tile = params[3];
    if (m.kernel->tiles)
        tile_kernel(&m);
    else
        vector_kernel(&m);
}

void micro_call(FunctionBuilder *fb, const MicroKernel *kernel, const MicroSpec *spec, LLVMValueRef a,
                LLVMValueRef b, LLVMValueRef units, LLVMValueRef tile) {
    Micro micro = {.kernel = kernel, .spec = *spec};
    MicroSpec *s = &micro.spec;
    if (kernel->tiles) s->rows = (s->rows + TILE_EDGE - 1) / TILE_EDGE * TILE_EDGE;
    char name[64];
    snprintf(name, sizeof name, "micro_%s_%dx%d_%d_%d%s", kernel->name, s->rows, s->vectors, s->line, s->step,
             s->accumulate ? "_more" : "");
    LLVMValueRef args[] = {a, b, units, tile};
    build_call_internal(fb, name, args, 4, micro_body, &micro);
}
